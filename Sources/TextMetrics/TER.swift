/// Translation edit rate (Snover et al. 2006) as `sacrebleu` computes it: edits per word of the reference, where an edit
/// inserts, deletes or changes a word, or moves a run of words.
///
/// Words in lower case, separated by white space. Of several references the one with the fewest edits counts, and their
/// mean length. Moves are searched greedily with tercom's limits.
public struct TER: Sendable {
    /// Whether case counts; it does not by default, here as in sacrebleu.
    public var caseSensitive: Bool

    /// Creates the metric.
    public init(caseSensitive: Bool = false) {
        self.caseSensitive = caseSensitive
    }

    /// Scores a corpus.
    /// - Returns: 100 · edits / words of the references; less is better, and it can exceed 100.
    /// - Throws: ``MetricError`` if the two lists do not match or an instance has no reference.
    public func score(predictions: [String], references: [[String]]) throws(MetricError) -> Double {
        try statistics(predictions: predictions, references: references).score
    }

    /// For resampling.
    /// - Throws: As ``score(predictions:references:)``.
    public func statistics(
        predictions: [String], references: [[String]]
    ) throws(MetricError) -> CorpusStatistics {
        try Corpus.check(predictions: predictions, references: references)
        var trie = NGramTrie()
        let rows = zip(predictions, references).map { prediction, group in
            let words = words(prediction, &trie), others = group.map { self.words($0, &trie) }
            let edits = others.map { Self.edits(words, $0) }.min() ?? 0
            return [Double(edits), Double(others.reduce(0) { $0 + $1.count }) / Double(others.count)]
        }
        return CorpusStatistics(rows) { sums, _ in sums[1] > 0 ? 100 * sums[0] / sums[1] : sums[0] > 0 ? 100 : 0 }
    }

    private func words(_ text: String, _ trie: inout NGramTrie) -> [Int32] {
        (caseSensitive ? text : text.lowercasedWithFinalSigma).pythonWords.map { trie.identifier(of: Token($0)) }
    }

    private static let longestMove = 10, farthestMove = 50, mostMoves = 1000

    /// The fewest edits found between a prediction and a reference.
    static func edits(_ prediction: [Int32], _ reference: [Int32]) -> Int {
        guard !reference.isEmpty else { return prediction.count }
        var words = prediction, moves = 0, tried = 0
        while true {
            let distance = EditDistance(words, reference)
            guard let better = bestMove(words, reference, distance, &tried), tried < mostMoves, better.gain > 0 else {
                return moves + distance.value
            }
            moves += 1
            words = better.words
        }
    }

    private struct Move {
        var gain: Int
        var length, start, target: Int
        var words: [Int32]

        /// More gained; then longer; then from further left; then to further left.
        func isBetter(than other: Move) -> Bool {
            (gain, length, -start, -target) > (other.gain, other.length, -other.start, -other.target)
        }
    }

    /// The best move of a run of words to where the reference has it.
    private static func bestMove(
        _ words: [Int32], _ reference: [Int32], _ distance: EditDistance, _ tried: inout Int
    ) -> Move? {
        let alignment = distance.alignment
        var best: Move?
        for start in words.indices {
            for other in reference.indices where abs(other - start) <= farthestMove {
                var length = 0
                while length < longestMove, start + length < words.count, other + length < reference.count,
                    words[start + length] == reference[other + length]
                {
                    length += 1
                    // Only words that are wrong, to where the reference is not matched, and not within themselves.
                    guard alignment.predictionErrors[start..<start + length].contains(true),
                        alignment.referenceErrors[other..<other + length].contains(true),
                        !(start..<start + length).contains(alignment.positions[other])
                    else { continue }
                    var last = -1
                    for offset in -1..<length where other + offset < reference.count {
                        let target = other + offset == -1 ? 0 : alignment.positions[other + offset] + 1
                        if target == last { continue }
                        last = target
                        let moved = moving(words, start, length, target)
                        let move = Move(
                            gain: distance.value - distance.value(of: moved), length: length, start: start,
                            target: target, words: moved)
                        tried += 1
                        if best.map({ move.isBetter(than: $0) }) ?? true { best = move }
                    }
                    if tried >= mostMoves { return best }
                }
            }
        }
        return best
    }

    private static func moving(_ words: [Int32], _ start: Int, _ length: Int, _ target: Int) -> [Int32] {
        let run = words[start..<start + length]
        if target < start { return Array(words[..<target] + run + words[target..<start] + words[(start + length)...]) }
        if target > start + length {
            return Array(words[..<start] + words[(start + length)..<target] + run + words[target...])
        }
        let end = min(words.count, length + target)
        return Array(words[..<start] + words[(start + length)..<max(start + length, end)] + run + words[end...])
    }
}

/// Levenshtein distance near the diagonal, with tercom's preferences among equal alignments.
struct EditDistance {
    private enum Operation { case keep, change, insert, delete, unknown }

    private struct Cell {
        var cost: Int
        var operation: Operation
    }

    /// Where words stand to each other.
    struct Alignment {
        /// For each word of the reference, the last word of the prediction before or at it; -1 for none.
        var positions: [Int] = []
        var predictionErrors: [Bool] = []
        var referenceErrors: [Bool] = []
    }

    private static let beam = 25, infinity = Int(1e16)

    private let words: [Int32]
    private let reference: [Int32]
    private var rows: [[Cell]]

    init(_ words: [Int32], _ reference: [Int32]) {
        self.words = words
        self.reference = reference
        rows = [(0...reference.count).map { Cell(cost: $0, operation: .insert) }]
        rows = Self.rows(of: words, reference, after: rows)
    }

    /// Insertions, deletions and changes.
    var value: Int { rows[words.count][reference.count].cost }

    /// The same for other words of the same number, of which the first ones may be those of this one.
    func value(of others: [Int32]) -> Int {
        let same = zip(words, others).prefix { $0 == $1 }.count
        return Self.rows(of: others, reference, after: Array(rows[...same]))[others.count][reference.count].cost
    }

    private static func rows(of words: [Int32], _ reference: [Int32], after known: [[Cell]]) -> [[Cell]] {
        var rows = known
        let ratio = words.isEmpty ? 1 : Double(reference.count) / Double(words.count)
        let beam = Double(Self.beam) < ratio / 2 ? Int((ratio / 2 + Double(Self.beam)).rounded(.up)) : Self.beam
        let empty = [Cell](repeating: Cell(cost: infinity, operation: .unknown), count: reference.count + 1)
        for i in stride(from: known.count, through: words.count, by: 1) {
            var row = empty
            let before = rows[i - 1], diagonal = Int((Double(i) * ratio).rounded(.down))
            let end = i == words.count ? reference.count + 1 : min(reference.count + 1, diagonal + beam)
            for j in max(0, diagonal - beam)..<max(end, max(0, diagonal - beam)) {
                if j == 0 {
                    row[0] = Cell(cost: before[0].cost + 1, operation: .delete)
                    continue
                }
                let isEqual = words[i - 1] == reference[j - 1]
                for (cost, operation) in [
                    (before[j - 1].cost + (isEqual ? 0 : 1), isEqual ? Operation.keep : .change),
                    (before[j].cost + 1, .delete), (row[j - 1].cost + 1, .insert),
                ] where row[j].cost > cost {
                    row[j] = Cell(cost: cost, operation: operation)
                }
            }
            rows.append(row)
        }
        return rows
    }

    /// How the prediction's words become the reference's.
    var alignment: Alignment {
        var trace: [Operation] = [], i = words.count, j = reference.count
        while i > 0 || j > 0 {
            let operation = rows[i][j].operation
            trace.append(operation)
            switch operation {
            case .keep, .change: (i, j) = (i - 1, j - 1)
            case .insert: j -= 1
            case .delete: i -= 1
            case .unknown: preconditionFailure("an alignment that leaves the beam")
            }
        }
        var alignment = Alignment(), position = -1
        for operation in trace.reversed() {
            if operation != .insert {
                position += 1
                alignment.predictionErrors.append(operation != .keep)
            }
            if operation != .delete {
                alignment.positions.append(position)
                alignment.referenceErrors.append(operation != .keep)
            }
        }
        return alignment
    }
}
