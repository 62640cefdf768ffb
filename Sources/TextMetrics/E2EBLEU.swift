import Foundation

/// Corpus BLEU-4 as the E2E challenge script computes it (`measure_scores.py -p`): its own rewriting of mteval-13a,
/// without regard to case.
///
/// It differs from ``MultiBLEU`` in the tokenisation (``MTEvalTokenizer``), in lowercasing all letters, in a precision that is
/// never quite zero (10⁻¹⁵ hits where there are none) and in counting n-gram positions as length − n + 1 even where a
/// prediction is shorter than n, which makes that number negative. An empty text counts as one empty token.
public struct E2EBLEU: Sendable {
    /// Creates the metric.
    public init() {}

    /// Scores a corpus.
    /// - Returns: BLEU between 0 and 1, as the script prints it.
    /// - Throws: ``MetricError`` if the two lists do not match or an instance has no reference.
    public func score(predictions: [String], references: [[String]]) throws(MetricError) -> Double {
        try score(MTEvalCorpus(predictions: predictions, references: references, order: BLEUStatistics.order))
    }

    func score(_ corpus: MTEvalCorpus) -> Double { statistics(corpus).score }

    func statistics(_ corpus: MTEvalCorpus) -> CorpusStatistics {
        let rows = corpus.instances.map { instance in
            var statistics = BLEUStatistics()
            statistics.add(prediction: instance.prediction, references: instance.references)
            return statistics.row
        }
        return CorpusStatistics(rows) { Self.score(BLEUStatistics(sums: $0), instances: $1) }
    }

    private static func score(_ statistics: BLEUStatistics, instances: Int) -> Double {
        let (length, reference) = (statistics.predictionLength, statistics.referenceLength)
        var logarithms = 0.0
        for n in 0..<BLEUStatistics.order {
            let positions = length - n * instances
            logarithms += log(max(Double(statistics.hits[n]), 1e-15) / max(Double(positions), 1e-9))
        }
        let penalty = length <= reference ? exp(1 - Double(reference) / max(Double(length), 1e-5)) : 1
        return penalty * exp(logarithms / Double(BLEUStatistics.order))
    }
}

/// A corpus tokenised and lowercased as E2E's BLEU and NIST see it, with n-grams as trie nodes.
struct MTEvalCorpus {
    struct Instance {
        /// `prediction[n - 1][start]`.
        let prediction: [[Int32]]
        /// `references[r][n - 1][start]`.
        let references: [[[Int32]]]
    }

    private(set) var trie = NGramTrie()
    private(set) var instances: [Instance] = []

    init(predictions: [String], references: [[String]], order: Int) throws(MetricError) {
        try Corpus.check(predictions: predictions, references: references)
        let tokenizer = MTEvalTokenizer()
        for (prediction, group) in zip(predictions, references) {
            let nodes = trie.nodes(of: tokenizer.lowercasedTokens(of: prediction), order: order)
            let referenceNodes = group.map { trie.nodes(of: tokenizer.lowercasedTokens(of: $0), order: order) }
            instances.append(Instance(prediction: nodes, references: referenceNodes))
        }
    }
}
