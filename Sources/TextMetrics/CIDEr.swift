import Foundation

/// CIDEr (Vedantam et al. 2015) as the COCO caption scripts, and with them the E2E script, compute it: the variant with
/// clipping and length penalty that the paper calls CIDEr-D.
///
/// Each text is for n = 1 to 4 a vector over n-grams, count × (ln N − ln max(1, df)), where N is the number of instances and df
/// the number of instances with that n-gram in any reference. For a prediction h and a reference r
///
///     sₙ = Σ min(hᵢ, rᵢ) rᵢ / (‖h‖ ‖r‖) × exp(−(|h| − |r|)² / 2σ²),   σ = 6
///
/// The score is 10 × the mean of sₙ over n, references and instances. |·| is, as in the script, the number of *bigrams*. Tokens
/// are those of ``PTBTokenizer``. A corpus of one instance scores 0, since ln N is then 0.
public struct CIDEr: Sendable {
    static let order = 4
    private static let sigma = 6.0

    /// Creates the metric.
    public init() {}

    /// Scores a corpus.
    /// - Returns: CIDEr between 0 and 10, as the script prints it; good E2E systems reach about 2.4.
    /// - Throws: ``MetricError`` if the two lists do not match or an instance has no reference.
    public func score(predictions: [String], references: [[String]]) throws(MetricError) -> Double {
        try score(PTBCorpus(predictions: predictions, references: references))
    }

    func score(_ corpus: PTBCorpus) -> Double { statistics(corpus).score }

    /// The similarity of each instance. Resampling leaves the weights as they are in the whole corpus.
    func statistics(_ corpus: PTBCorpus) -> CorpusStatistics {
        var trie = NGramTrie()
        func counts(_ sentence: [String]) -> [NodeCounts] {
            trie.nodes(of: words(sentence), order: Self.order).map { NodeCounts($0) }
        }
        let predictions = corpus.predictions.map(counts)
        let references = corpus.references.map { $0.map(counts) }

        let weights = inverseDocumentFrequencies(references, nodes: trie.count)
        return CorpusStatistics(
            meanOf: zip(predictions, references).map { prediction, group in
                let hypothesis = WeightedText(prediction, weights)
                let similarity = group.reduce(0.0) { $0 + hypothesis.similarity(to: WeightedText($1, weights)) }
                return 10 * similarity / Double(group.count)
            })
    }

    /// The script joins its tokens and splits them again at any white space, which cuts phone numbers and mixed
    /// fractions ("4 1/2", held together by a no-break space) in two.
    private func words(_ sentence: [String]) -> [Token] {
        sentence.flatMap { word in
            word.utf8.contains(0xC2) ? word.pythonWords.map { Token($0) } : [Token(word)]
        }
    }

    /// ln N − ln max(1, df) for every node.
    private func inverseDocumentFrequencies(_ references: [[[NodeCounts]]], nodes: Int) -> [Double] {
        var frequencies = [Int](repeating: 0, count: nodes)
        var lastInstance = [Int](repeating: -1, count: nodes)
        for (index, group) in references.enumerated() {
            for counts in group.joined() {
                for node in counts.nodes where lastInstance[Int(node)] != index {
                    lastInstance[Int(node)] = index
                    frequencies[Int(node)] += 1
                }
            }
        }
        let instances = log(Double(references.count))
        return frequencies.map { instances - log(max(1, Double($0))) }
    }

    /// The vectors of one text, their norms and its length in bigrams.
    private struct WeightedText {
        let counts: [NodeCounts]
        let weights: [Double]
        let norms: [Double]
        let length: Double

        init(_ counts: [NodeCounts], _ weights: [Double]) {
            self.counts = counts
            self.weights = weights
            norms = counts.map { counts in
                var sum = 0.0
                for (node, count) in zip(counts.nodes, counts.counts) {
                    let value = Double(count) * weights[Int(node)]
                    sum += value * value
                }
                return sum.squareRoot()
            }
            length = Double(counts[1].counts.reduce(0, +))
        }

        /// The mean of sₙ over n.
        func similarity(to reference: WeightedText) -> Double {
            var sum = 0.0
            for n in 0..<CIDEr.order {
                var product = 0.0
                counts[n].forEachShared(with: reference.counts[n]) { node, own, others in
                    let weight = weights[Int(node)]
                    product += min(Double(own) * weight, Double(others) * weight) * (Double(others) * weight)
                }
                let norm = norms[n] * reference.norms[n]
                sum += norm == 0 ? product : product / norm
            }
            let delta = length - reference.length
            return sum / Double(CIDEr.order) * exp(-delta * delta / (2 * sigma * sigma))
        }
    }
}

/// A corpus tokenised as the COCO caption scripts do it.
struct PTBCorpus {
    let predictions: [[String]]
    let references: [[[String]]]

    init(predictions: [String], references: [[String]]) throws(MetricError) {
        try Corpus.check(predictions: predictions, references: references)
        let tokenizer = PTBTokenizer()
        self.predictions = tokenizer.captionTokens(of: predictions)
        var rest = tokenizer.captionTokens(of: Array(references.joined()))[...]
        self.references = references.map { group in
            defer { rest = rest.dropFirst(group.count) }
            return Array(rest.prefix(group.count))
        }
    }

    /// The texts again, of tokens with spaces between: what the scripts give to METEOR.
    var lines: (predictions: [String], references: [[String]]) {
        (
            predictions.map { $0.joined(separator: " ") },
            references.map { group in group.map { $0.joined(separator: " ") } }
        )
    }
}
