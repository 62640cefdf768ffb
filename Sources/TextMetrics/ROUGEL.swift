/// ROUGE-L (Lin 2004) as the COCO caption scripts, and with them the E2E script, compute it.
///
/// For each instance: P = the largest LCS / prediction length, R = the largest LCS / reference length, each taken over all
/// references on its own; F = (1 + β²) P R / (R + β² P) with β = 1.2. The score is the mean of F over the corpus.
/// Tokens are those of ``PTBTokenizer``; an empty text counts as one empty token.
public struct ROUGEL: Sendable {
    private static let squaredBeta = 1.2 * 1.2

    /// Creates the metric.
    public init() {}

    /// Scores a corpus.
    /// - Returns: ROUGE-L between 0 and 1, as the script prints it.
    /// - Throws: ``MetricError`` if the two lists do not match or an instance has no reference.
    public func score(predictions: [String], references: [[String]]) throws(MetricError) -> Double {
        try score(PTBCorpus(predictions: predictions, references: references))
    }

    func score(_ corpus: PTBCorpus) -> Double { statistics(corpus).score }

    /// F of each instance.
    func statistics(_ corpus: PTBCorpus) -> CorpusStatistics {
        var words = NGramTrie()
        func identifiers(_ sentence: [String]) -> [Int32] {
            sentence.isEmpty ? [words.identifier(of: Token(""))] : sentence.map { words.identifier(of: Token($0)) }
        }
        return CorpusStatistics(
            meanOf: zip(corpus.predictions, corpus.references).map {
                score(prediction: identifiers($0), references: $1.map(identifiers))
            })
    }

    private func score(prediction: [Int32], references: [[Int32]]) -> Double {
        var (precision, recall) = (0.0, 0.0)
        for reference in references {
            let common = Double(longestCommonSubsequence(prediction, reference))
            precision = max(precision, common / Double(prediction.count))
            recall = max(recall, common / Double(reference.count))
        }
        if precision == 0 || recall == 0 { return 0 }
        return (1 + Self.squaredBeta) * precision * recall / (recall + Self.squaredBeta * precision)
    }
}

/// The length of the longest common subsequence; time `left.count × right.count`.
func longestCommonSubsequence(_ left: [Int32], _ right: [Int32]) -> Int {
    var row = [Int](repeating: 0, count: right.count + 1)
    for word in left {
        var diagonal = 0
        for column in right.indices {
            let above = row[column + 1]
            row[column + 1] = right[column] == word ? diagonal + 1 : max(above, row[column])
            diagonal = above
        }
    }
    return row[right.count]
}
