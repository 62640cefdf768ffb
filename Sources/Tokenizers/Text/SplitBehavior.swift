/// What becomes of the matches at which text is cut, under the names of `tokenizer.json`.
enum SplitBehavior: String, Sendable {
    /// They are left out.
    case removed = "Removed"
    /// Each is a piece of its own.
    case isolated = "Isolated"
    /// Each goes with what stands before it, unless that is a match as well.
    case mergedWithPrevious = "MergedWithPrevious"
    /// Each goes with what follows it, unless that is a match as well.
    case mergedWithNext = "MergedWithNext"
    /// Matches in a row become one piece.
    case contiguous = "Contiguous"

    struct Part {
        var start: Int
        var end: Int
        var isMatch: Bool
    }

    /// Turns parts without gaps, matches and what is between, into pieces. Empty pieces may be among them.
    func pieces(of parts: [Part]) -> [Part] {
        switch self {
        case .removed: return parts.filter { !$0.isMatch }
        case .isolated: return parts
        case .contiguous:
            var result: [Part] = []
            var previous = false
            for part in parts {
                if part.isMatch == previous && !result.isEmpty {
                    result[result.count - 1].end = part.end
                } else {
                    result.append(part)
                }
                previous = part.isMatch
            }
            return result
        case .mergedWithPrevious:
            var result: [Part] = []
            var previous = false
            for part in parts {
                if part.isMatch && !previous && !result.isEmpty {
                    result[result.count - 1].end = part.end
                } else {
                    result.append(part)
                }
                previous = part.isMatch
            }
            return result
        case .mergedWithNext:
            var result: [Part] = []
            var previous = false
            for part in parts.reversed() {
                if part.isMatch && !previous && !result.isEmpty {
                    result[result.count - 1].start = part.start
                } else {
                    result.append(part)
                }
                previous = part.isMatch
            }
            return result.reversed()
        }
    }
}
