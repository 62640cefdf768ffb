import Foundation

/// Corpus BLEU-4 as `sacrebleu` computes it (Post 2018): mteval-13a tokens, exponential smoothing.
///
/// Unlike ``MultiBLEU``, whose users tokenise texts themselves, it is comparable between papers that state its signature.
public struct SacreBLEU: Sendable {
    /// Whether texts are put in lower case first (`--lowercase`).
    public var lowercased: Bool

    /// Creates the metric.
    public init(lowercased: Bool = false) {
        self.lowercased = lowercased
    }

    /// What sacrebleu would say of its settings, for a number of references that is `var` where it differs.
    public func signature(references: [[String]]) -> String {
        let counts = Set(references.map(\.count))
        let number = counts.count == 1 ? String(counts.first ?? 0) : "var"
        return "nrefs:\(number)|case:\(lowercased ? "lc" : "mixed")|eff:no|tok:13a|smooth:exp|version:2.6.0"
    }

    /// Scores a corpus.
    /// - Returns: BLEU, 0 to 100.
    /// - Throws: ``MetricError`` if the two lists do not match or an instance has no reference.
    public func score(predictions: [String], references: [[String]]) throws(MetricError) -> Double {
        try statistics(predictions: predictions, references: references).score
    }

    /// For resampling.
    /// - Throws: As ``score(predictions:references:)``.
    public func statistics(
        predictions: [String], references: [[String]]
    ) throws(MetricError) -> CorpusStatistics {
        let rows = try BLEUStatistics.rows(predictions: predictions, references: references, tokens: tokens)
        return CorpusStatistics(rows.map(\.row)) { sums, _ in Self.score(BLEUStatistics(sums: sums)) }
    }

    static func score(_ statistics: BLEUStatistics) -> Double {
        guard statistics.hits.contains(where: { $0 > 0 }) else { return 0 }
        let (length, reference) = (Double(statistics.predictionLength), Double(statistics.referenceLength))
        let penalty = length < reference ? exp(1 - reference / length) : 1
        // A precision without hits counts as a half, a quarter, … of one hit (Chen & Cherry 2014, method 3).
        var smoothing = 1.0, logarithms = 0.0
        for (hits, total) in zip(statistics.hits, statistics.totals) {
            guard total > 0 else { return 0 }
            if hits == 0 { smoothing *= 2 }
            logarithms += log(100 * (hits == 0 ? 1 / (smoothing * Double(total)) : Double(hits) / Double(total)))
        }
        return penalty * exp(logarithms / Double(BLEUStatistics.order))
    }

    private func tokens(of text: String) -> [Token] {
        let tokenizer = MTEvalTokenizer()
        let found = lowercased ? tokenizer.lowercasedTokens(of: text) : tokenizer.tokens(of: text).map { Token($0) }
        return found == [Token("")] ? [] : found
    }
}
