import Foundation

/// NIST-5 (Doddington 2002) as the E2E challenge script computes it (`measure_scores.py -p`).
///
/// Each n-gram shared with a reference counts by its information, log₂(count of its first n − 1 tokens / count of all n), counted
/// over all references of the corpus. Per n the sum is divided by the number of n-gram positions of the predictions
/// (length − n + 1, also where negative); the five quotients are added and multiplied by a penalty on the ratio of the
/// prediction length to the mean reference length: exp(−β ln²(ratio)) below 1, with β such that 2/3 gives 1/2.
/// Tokens are those of ``E2EBLEU``.
public struct E2ENIST: Sendable {
    /// The largest n.
    public static let order = 5

    private static let beta = -log(0.5) / (log(1.5) * log(1.5))

    /// Creates the metric.
    public init() {}

    /// Scores a corpus. A length n for which the positions add up to exactly 0 adds nothing (the script stops there with a
    /// division by zero).
    /// - Returns: a number of at least 0 without an upper limit; good E2E systems reach 8 to 9.
    /// - Throws: ``MetricError`` if the two lists do not match or an instance has no reference.
    public func score(predictions: [String], references: [[String]]) throws(MetricError) -> Double {
        try score(MTEvalCorpus(predictions: predictions, references: references, order: Self.order))
    }

    func score(_ corpus: MTEvalCorpus) -> Double {
        // Occurrences of every n-gram in all references; the empty one occurs once per token.
        var occurrences = [Int](repeating: 0, count: corpus.trie.count)
        var predictionLength = 0
        var meanReferenceLength = 0.0
        for instance in corpus.instances {
            var length = 0
            for reference in instance.references {
                for nodes in reference { for node in nodes { occurrences[Int(node)] += 1 } }
                length += reference[0].count
            }
            occurrences[0] += length
            meanReferenceLength += Double(length) / Double(instance.references.count)
            predictionLength += instance.prediction[0].count
        }

        var sum = 0.0
        for n in 0..<Self.order {
            var information = 0.0
            for instance in corpus.instances {
                var clip = NodeCounts([])
                for reference in instance.references { clip.formMaximum(with: NodeCounts(reference[n])) }
                NodeCounts(instance.prediction[n]).forEachShared(with: clip) { node, own, others in
                    let parent = occurrences[Int(corpus.trie.parents[Int(node)])]
                    information += log2(Double(parent) / Double(occurrences[Int(node)])) * Double(min(own, others))
                }
            }
            let positions = predictionLength - n * corpus.instances.count
            if positions != 0 { sum += information / Double(positions) }
        }
        return sum * penalty(ratio: Double(predictionLength) / meanReferenceLength)
    }

    private func penalty(ratio: Double) -> Double {
        if ratio >= 1 { return 1 }
        return ratio <= 0 ? 0 : exp(-Self.beta * log(ratio) * log(ratio))
    }
}
