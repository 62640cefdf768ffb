/// The word that was probably meant.
enum Spelling {
    /// The nearest of several words by the fewest letters inserted, dropped, exchanged or swapped with their neighbours.
    ///
    /// - Returns: Nil where none is near enough to be offered.
    static func nearest(to word: String, among words: [String]) -> String? {
        let word = word.lowercased()
        let distances = words.map { ($0, distance(word, $0.lowercased())) }
        guard let (best, distance) = distances.min(by: { $0.1 < $1.1 }) else { return nil }
        return distance <= max(1, word.count / 3) ? best : nil
    }

    /// The distance of Damerau and Levenshtein, each place being edited once ("optimal string alignment").
    static func distance(_ first: String, _ second: String) -> Int {
        let first = Array(first), second = Array(second)
        var beforeLast: [Int] = [], last = Array(0...second.count)
        for row in first.indices {
            var current = [row + 1]
            for column in second.indices {
                let isEqual = first[row] == second[column]
                var cost = min(last[column] + (isEqual ? 0 : 1), last[column + 1] + 1, current[column] + 1)
                if row > 0, column > 0, first[row] == second[column - 1], first[row - 1] == second[column] {
                    cost = min(cost, beforeLast[column - 1] + 1)
                }
                current.append(cost)
            }
            (beforeLast, last) = (last, current)
        }
        return last[second.count]
    }
}
