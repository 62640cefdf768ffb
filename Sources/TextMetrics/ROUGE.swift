/// ROUGE-1, ROUGE-2 and ROUGE-L (Lin 2004) as the Python package `rouge_score` computes them with its stemmer: the scores of
/// summarisation.
///
/// A text is put in lower case and split at everything but the letters a to z and digits; words of more than three
/// letters are stemmed. For n-grams P = shared / predicted and R = shared / reference, each n-gram counted as often as
/// both have it; for ROUGE-L the longest common subsequence takes the place of the shared n-grams. F = 2 P R / (P + R).
/// Of several references, each score takes the one that is best for it. Scores are means over the corpus.
///
/// Unlike ``ROUGEL``, which the scripts for table-to-text use, this one weighs P and R equally.
public struct ROUGE: Sendable {
    /// F1 scores from 0 to 1.
    public struct Scores: Sendable, Equatable, Codable {
        /// Of single words.
        public var rouge1 = 0.0
        /// Of pairs of words.
        public var rouge2 = 0.0
        /// Of the longest common subsequence.
        public var rougeL = 0.0

        /// No overlap at all.
        public init() {}
    }

    private let stemmer = PorterStemmer()

    /// Creates the metric.
    public init() {}

    /// Scores a corpus.
    /// - Returns: The means over all instances.
    /// - Throws: ``MetricError`` if the two lists do not match or an instance has no reference.
    public func score(predictions: [String], references: [[String]]) throws(MetricError) -> Scores {
        let all = try scores(predictions: predictions, references: references)
        var mean = Scores()
        for part in [\Scores.rouge1, \.rouge2, \.rougeL] {
            mean[keyPath: part] = all.reduce(0) { $0 + $1[keyPath: part] } / Double(all.count)
        }
        return mean
    }

    /// Scores each instance.
    /// - Throws: ``MetricError`` if the two lists do not match or an instance has no reference.
    public func scores(predictions: [String], references: [[String]]) throws(MetricError) -> [Scores] {
        try Corpus.check(predictions: predictions, references: references)
        var words = Words()
        return zip(predictions, references).map { prediction, references in
            let prediction = words.sentence(tokens(prediction))
            var best = Scores()
            for reference in references {
                let reference = words.sentence(tokens(reference))
                best.rouge1 = max(best.rouge1, Self.f1(prediction.unigrams, reference.unigrams))
                best.rouge2 = max(best.rouge2, Self.f1(prediction.bigrams, reference.bigrams))
                let common = longestCommonSubsequence(prediction.words, reference.words)
                best.rougeL = max(
                    best.rougeL, Self.f1(common, of: prediction.words.count, and: reference.words.count))
            }
            return best
        }
    }

    /// The words of a text as they are compared.
    func tokens(_ text: String) -> [Token] {
        var lower: [UInt8] = []
        for scalar in text.unicodeScalars { lower += scalar.properties.lowercaseMapping.utf8 }
        return lower.split { !(0x61...0x7A).contains($0) && !$0.isASCIIDigit }
            .map { Token(utf8: $0.count > 3 ? stemmer.stem(Array($0)) : Array($0)) }
    }

    /// Words and pairs of words as integers.
    private struct Words {
        struct Sentence {
            var words: [Int32]
            var unigrams, bigrams: NodeCounts
        }

        private var trie = NGramTrie()

        mutating func sentence(_ tokens: [Token]) -> Sentence {
            let nodes = trie.nodes(of: tokens, order: 2)
            return Sentence(words: nodes[0], unigrams: NodeCounts(nodes[0]), bigrams: NodeCounts(nodes[1]))
        }
    }

    private static func f1(_ prediction: NodeCounts, _ reference: NodeCounts) -> Double {
        var shared = 0
        prediction.forEachShared(with: reference) { _, own, others in shared += min(own, others) }
        return f1(shared, of: prediction.counts.reduce(0, +), and: reference.counts.reduce(0, +))
    }

    private static func f1(_ shared: Int, of predicted: Int, and expected: Int) -> Double {
        guard shared > 0 else { return 0 }
        let precision = Double(shared) / Double(predicted), recall = Double(shared) / Double(expected)
        return 2 * precision * recall / (precision + recall)
    }
}
