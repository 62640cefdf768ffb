/// METEOR's choice among the matches of two texts: every word in one match at most; first, as many words as possible (those of
/// other modules than the first count half, rounded down); then as few chunks as possible; then matches near the diagonal.
///
/// A beam search from left to right over the reference, which keeps 40 partial alignments, as the original does it: with its
/// rounding, and with the distance of a match added to its siblings and not to itself.
struct METEORAlignment {
    static let beam = 40

    /// The chosen match that begins at a word of the reference.
    private(set) var chosen: [METEORMatch?]

    /// Searches.
    init(_ matches: METEORMatches, predictionLength: Int) {
        let certain = matches.starting.indices.map(matches.certain)
        chosen = certain
        guard zip(matches.starting, certain).contains(where: { !$0.isEmpty && $1 == nil }) else { return }
        var search = METEORSearch(matches, certain: certain, predictionLength: predictionLength)
        for match in search.run() { chosen[Int(match.start)] = match }
    }

    /// How often a match does not continue the one before it in both texts, plus 1; 0 without matches.
    var chunks: Int {
        var chunks = 0, place = 0, lastEnd: Int32?
        while place < chosen.count {
            if let match = chosen[place] {
                if match.otherStart != lastEnd { chunks += 1 }
                lastEnd = match.otherStart + match.otherLength
                place += Int(match.length)
            } else {
                lastEnd = nil
                place += 1
            }
        }
        return chunks
    }
}

/// The state of a beam search.
private struct METEORSearch {
    /// An alignment of the words up to some place.
    private struct Path {
        var covered: Int32 = 0
        var chunks: Int32 = 0
        var distance: Int32 = 0
        /// The first word of the reference that is not decided.
        var next: Int32 = 0
        /// Where in the prediction the last match ends; −1 after a word without match.
        var lastEnd: Int32 = -1
        /// The last of ``choices``; −1 for none.
        var choice: Int32 = -1
        /// Where among ``used`` the bits of the prediction's words begin.
        var row = 0
        /// Place among paths of equal rank.
        var order: Int32 = 0

        /// Whether it ranks before another.
        static func < (left: Path, right: Path) -> Bool {
            if left.covered != right.covered { return left.covered > right.covered }
            if left.chunks != right.chunks { return left.chunks < right.chunks }
            if left.distance != right.distance { return left.distance < right.distance }
            return left.order < right.order
        }

        mutating func add(_ match: METEORMatch) {
            let isExact = match.module == 0
            covered += isExact ? match.length + match.otherLength : match.length / 2 + match.otherLength / 2
            if lastEnd != -1, match.otherStart != lastEnd { chunks += 1 }
            next = match.start + match.length
            lastEnd = match.otherStart + match.otherLength
        }
    }

    private let matches: METEORMatches
    private let certain: [METEORMatch?]
    /// Words of the reference within certain matches.
    private var isCertain: [Bool]
    /// Matches that some path has chosen, and the choice before each.
    private var choices: [(match: METEORMatch, before: Int32)] = []
    /// A bit for every used word of the prediction, a row for every path.
    private var used: [UInt64]
    private let rowLength: Int

    init(_ matches: METEORMatches, certain: [METEORMatch?], predictionLength: Int) {
        self.matches = matches
        self.certain = certain
        isCertain = Array(repeating: false, count: certain.count)
        rowLength = (predictionLength + 63) / 64
        used = Array(repeating: 0, count: rowLength)
        for case let match? in certain {
            for index in 0..<match.length { isCertain[Int(match.start + index)] = true }
            setUsed(match, row: 0)
        }
    }

    /// The matches of the best path, those that are certain left out.
    mutating func run() -> [METEORMatch] {
        var paths = [Path()], following: [Path] = []
        for place in certain.indices {
            sort(&paths)
            following.removeAll(keepingCapacity: true)
            for path in paths.prefix(METEORAlignment.beam) { extend(path, at: place, into: &following) }
            // No path may stop at a word of a certain match that it does not begin with; the original goes on without.
            if following.isEmpty, let first = paths.first { following.append(first) }
            swap(&paths, &following)
            for index in paths.indices { paths[index].order = Int32(index) }
        }
        sort(&paths)
        paths.removeLast(max(0, paths.count - METEORAlignment.beam))
        for index in paths.indices {
            if paths[index].lastEnd != -1 { paths[index].chunks += 1 }
            paths[index].order = Int32(index)
        }
        sort(&paths)

        var result: [METEORMatch] = []
        var choice = paths.first?.choice ?? -1
        while choice >= 0 {
            result.append(choices[Int(choice)].match)
            choice = choices[Int(choice)].before
        }
        return result
    }

    private func sort(_ paths: inout [Path]) {
        if paths.count > 1 { paths.sort(by: <) }
    }

    private mutating func extend(_ path: Path, at place: Int, into paths: inout [Path]) {
        var path = path
        if place < path.next {
            paths.append(path)
            return
        }
        if isCertain[place] {
            guard let match = certain[Int(path.next)] else { return }
            path.add(match)
            path.distance += abs(match.start - match.otherStart)
            paths.append(path)
            return
        }
        for match in matches.starting[place] where isFree(match, row: path.row) {
            var longer = path
            longer.row = used.count
            for word in path.row..<path.row + rowLength { used.append(used[word]) }
            setUsed(match, row: longer.row)
            longer.add(match)
            choices.append((match, path.choice))
            longer.choice = Int32(choices.count - 1)
            path.distance += abs(match.start - match.otherStart)
            paths.append(longer)
        }
        if path.lastEnd != -1 {
            path.chunks += 1
            path.lastEnd = -1
        }
        path.next += 1
        paths.append(path)
    }

    private mutating func setUsed(_ match: METEORMatch, row: Int) {
        for word in Int(match.otherStart)..<Int(match.otherStart + match.otherLength) {
            used[row + word / 64] |= 1 << UInt64(word % 64)
        }
    }

    private func isFree(_ match: METEORMatch, row: Int) -> Bool {
        for word in Int(match.otherStart)..<Int(match.otherStart + match.otherLength)
        where used[row + word / 64] >> UInt64(word % 64) & 1 == 1 {
            return false
        }
        for word in Int(match.start)..<Int(match.start + match.length) where isCertain[word] { return false }
        return true
    }
}
