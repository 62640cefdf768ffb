/// chrF and chrF++ (Popović 2015, 2017) as `sacrebleu` computes them: F₂ of character n-grams, and of word n-grams.
///
/// Characters are code points without white space, n = 1 to 6; of several references the one with the best F counts. Counts
/// are added up over the corpus, and precision and recall averaged over the lengths n that occur on both sides.
public struct ChrF: Sendable {
    /// Longest n-gram of characters.
    public var characterOrder = 6
    /// Longest n-gram of words: 0 for chrF, 2 for chrF++.
    public var wordOrder: Int
    /// How much more recall counts than precision.
    public var beta = 2.0

    /// Creates the metric.
    ///
    /// - Parameter wordOrder: 0 for chrF, 2 for chrF++.
    public init(wordOrder: Int = 0) {
        self.wordOrder = wordOrder
    }

    /// Scores a corpus.
    /// - Returns: 0 to 100.
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
        var characters = NGramTrie(), words = NGramTrie()
        let rows = zip(predictions, references).map { prediction, group in
            let found = ngrams(prediction, &characters, &words)
            var best: (f: Double, counts: [Counts])?
            for reference in group {
                let counts = zip(found, ngrams(reference, &characters, &words)).map(Counts.init)
                let f = score(counts)
                if f > best?.f ?? -1 { best = (f, counts) }
            }
            return (best?.counts ?? []).flatMap { [$0.predicted, $0.expected, $0.shared].map(Double.init) }
        }
        return CorpusStatistics(rows) { [self] sums, _ in 100 * score((0..<order).map { Counts(sums[(3 * $0)...]) }) }
    }

    private var order: Int { characterOrder + wordOrder }

    private func ngrams(_ text: String, _ characters: inout NGramTrie, _ words: inout NGramTrie) -> [NodeCounts] {
        let scalars = text.unicodeScalars.lazy.filter { !$0.isPythonWhitespace }.map { Token(String($0)) }
        return
            (characters.nodes(of: Array(scalars), order: characterOrder)
            + (wordOrder > 0 ? words.nodes(of: Self.words(of: text), order: wordOrder) : [])).map(NodeCounts.init)
    }

    /// Words with one punctuation mark cut off, at the end or else at the start.
    static func words(of text: String) -> [Token] {
        func isMark(_ scalar: Unicode.Scalar?) -> Bool {
            guard let value = scalar?.value else { return false }
            return (0x21...0x2F).contains(value) || (0x3A...0x40).contains(value) || (0x5B...0x60).contains(value)
                || (0x7B...0x7E).contains(value)
        }
        return text.pythonWords.flatMap { word -> [Token] in
            let scalars = word.unicodeScalars
            guard scalars.count > 1 else { return [Token(word)] }
            if isMark(scalars.last) {
                return [Token(String(scalars.dropLast())), Token(String(scalars.suffix(1)))]
            }
            if isMark(scalars.first) {
                return [Token(String(scalars.prefix(1))), Token(String(scalars.dropFirst()))]
            }
            return [Token(word)]
        }
    }

    /// n-grams of one length.
    private struct Counts {
        var predicted = 0, expected = 0, shared = 0

        init(_ sums: ArraySlice<Double>) {
            let numbers = sums.prefix(3).map { Int($0) }
            (predicted, expected, shared) = (numbers[0], numbers[1], numbers[2])
        }

        init(_ prediction: NodeCounts, _ reference: NodeCounts) {
            expected = reference.counts.reduce(0, +)
            // Nothing is counted against a prediction where the reference is shorter than n.
            predicted = expected > 0 ? prediction.counts.reduce(0, +) : 0
            prediction.forEachShared(with: reference) { shared += min($1, $2) }
        }
    }

    private func score(_ counts: [Counts]) -> Double {
        let used = counts.filter { $0.predicted > 0 && $0.expected > 0 }
        guard !used.isEmpty else { return 0 }
        let precision = used.reduce(0) { $0 + Double($1.shared) / Double($1.predicted) } / Double(used.count)
        let recall = used.reduce(0) { $0 + Double($1.shared) / Double($1.expected) } / Double(used.count)
        guard precision + recall > 0 else { return 0 }
        let factor = beta * beta
        return (1 + factor) * precision * recall / (factor * precision + recall)
    }
}
