import Foundation

/// Corpus BLEU-4 as `multi-bleu.perl` computes it (Papineni et al. 2002): WebNLG and DART report it.
///
/// Tokens are what ASCII white space separates; nothing else is tokenised. n-gram counts are clipped by the largest
/// count in any one reference; the brevity penalty uses the reference length closest to the prediction's (the shorter one
/// of two equally close); nothing is smoothed, so one precision of zero makes the score zero.
///
/// ```
/// let bleu = try MultiBLEU().score(predictions: ["the cat sat on the mat"], references: [["the cat sat on a mat"]])
/// bleu.score        // 53.7
/// bleu.description  // the line that the script prints
/// ```
public struct MultiBLEU: Sendable {
    /// Whether the letters A to Z are lowercased first (`-lc`). Like the script, which sees bytes, it leaves all other
    /// letters alone.
    public var lowercased: Bool

    /// Creates the metric.
    public init(lowercased: Bool = false) {
        self.lowercased = lowercased
    }

    /// What the script prints about a corpus.
    public struct Result: Sendable, Codable, Equatable {
        /// BLEU, 0 to 100.
        public var score: Double
        /// Clipped precisions for n = 1 to 4, each 0 to 100.
        public var precisions: [Double]
        /// 1 if the predictions are at least as long as the references, else exp(1 − reference / prediction length).
        public var brevityPenalty: Double
        /// Prediction length divided by reference length.
        public var lengthRatio: Double
        /// Tokens in all predictions.
        public var predictionLength: Int
        /// Sum of the closest reference lengths.
        public var referenceLength: Int
    }

    /// Scores a corpus. An empty string among the references of an instance counts as a reference of length 0, as an
    /// empty line in one of the script's reference files does.
    ///
    /// Where the script divides by zero (no token in any prediction or any reference) the score is 0.
    /// - Throws: ``MetricError`` if the two lists do not match or an instance has no reference.
    public func score(predictions: [String], references: [[String]]) throws(MetricError) -> Result {
        let rows = try rows(predictions: predictions, references: references)
        return Result(rows.reduce(into: BLEUStatistics()) { $0.add($1) })
    }

    /// For resampling.
    /// - Throws: As ``score(predictions:references:)``.
    public func statistics(
        predictions: [String], references: [[String]]
    ) throws(MetricError) -> CorpusStatistics {
        let rows = try rows(predictions: predictions, references: references)
        return CorpusStatistics(rows.map(\.row)) { sums, _ in Result(BLEUStatistics(sums: sums)).score }
    }

    private func rows(predictions: [String], references: [[String]]) throws(MetricError) -> [BLEUStatistics] {
        try BLEUStatistics.rows(predictions: predictions, references: references, tokens: tokens)
    }

    private func tokens(of text: String) -> [Token] {
        let bytes = lowercased ? Array(text.utf8).map(\.asciiLowercased) : Array(text.utf8)
        return bytes.split(whereSeparator: \.isASCIIWhitespace).map { Token(utf8: $0) }
    }
}

extension MultiBLEU.Result {
    init(_ statistics: BLEUStatistics) {
        let precisions = (0..<BLEUStatistics.order).map { n in
            statistics.totals[n] == 0 ? 0 : Double(statistics.hits[n]) / Double(statistics.totals[n])
        }
        let (length, reference) = (statistics.predictionLength, statistics.referenceLength)
        let penalty =
            length >= reference ? 1 : (length == 0 ? 0 : exp(1 - Double(reference) / Double(length)))
        let logarithms = precisions.map { $0 == 0 ? -9_999_999_999 : log($0) }
        self.init(
            score: reference == 0 ? 0 : 100 * penalty * exp(logarithms.reduce(0, +) / Double(BLEUStatistics.order)),
            precisions: precisions.map { 100 * $0 }, brevityPenalty: reference == 0 ? 0 : penalty,
            lengthRatio: reference == 0 ? 0 : Double(length) / Double(reference), predictionLength: length,
            referenceLength: reference)
    }
}

extension MultiBLEU.Result: CustomStringConvertible {
    /// The line that the script prints, for example
    /// `BLEU = 65.12, 91.0/73.9/57.5/46.5 (BP=1.000, ratio=1.012, hyp_len=841, ref_len=831)`.
    public var description: String {
        let parts = precisions.map { String(format: "%.1f", $0) }.joined(separator: "/")
        return String(format: "BLEU = %.2f, ", score) + parts
            + String(format: " (BP=%.3f, ratio=%.3f, ", brevityPenalty, lengthRatio)
            + "hyp_len=\(predictionLength), ref_len=\(referenceLength))"
    }
}

/// What BLEU adds up over a corpus.
struct BLEUStatistics {
    static let order = 4

    var hits = [Int](repeating: 0, count: order)
    var totals = [Int](repeating: 0, count: order)
    var predictionLength = 0
    var referenceLength = 0

    /// One for each instance.
    static func rows(
        predictions: [String], references: [[String]], tokens: (String) -> [Token]
    ) throws(MetricError) -> [BLEUStatistics] {
        try Corpus.check(predictions: predictions, references: references)
        var trie = NGramTrie()
        return zip(predictions, references).map { prediction, group in
            let nodes = trie.nodes(of: tokens(prediction), order: order)
            let referenceNodes = group.map { trie.nodes(of: tokens($0), order: order) }
            var statistics = BLEUStatistics()
            statistics.add(prediction: nodes, references: referenceNodes)
            return statistics
        }
    }

    /// Adds those of other instances.
    mutating func add(_ other: BLEUStatistics) {
        for n in 0..<Self.order {
            hits[n] += other.hits[n]
            totals[n] += other.totals[n]
        }
        predictionLength += other.predictionLength
        referenceLength += other.referenceLength
    }

    /// Adds one instance, given as trie nodes per n-gram length.
    mutating func add(prediction: [[Int32]], references: [[[Int32]]]) {
        for n in 0..<Self.order {
            var clip = NodeCounts([])
            for reference in references { clip.formMaximum(with: NodeCounts(reference[n])) }
            NodeCounts(prediction[n]).forEachShared(with: clip) { hits[n] += min($1, $2) }
            totals[n] += prediction[n].count
        }
        predictionLength += prediction[0].count
        referenceLength += closestLength(to: prediction[0].count, among: references.lazy.map { $0[0].count })
    }
}
