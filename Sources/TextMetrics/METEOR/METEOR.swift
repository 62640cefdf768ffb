import Foundation

/// METEOR 1.5 (Denkowski & Lavie 2014) in English as its Java program computes it with `-l en -norm`.
///
/// Prediction and reference are aligned word by word (`METEORAlignment`): by equal words, equal stems, common senses in WordNet
/// and listed paraphrases, as far as ``resources`` has the data. With m the words that are matched, each with the weight of its
/// module and with δ if it is a content word, 1 − δ if it is a function word, and the lengths weighted alike:
///
///     P = m(prediction) / length,  R = m(reference) / length,  F = 1 / ((1 − α) / P + α / R)
///     score = F (1 − γ (chunks / matched words)^β),   α = 0.85, β = 0.2, γ = 0.6, δ = 0.75
///
/// Of several references the one with the best score counts. The score of a corpus is that of the sums over its instances.
public struct METEOR: Sendable {
    /// A way to match words, in the order in which METEOR tries them.
    public enum Module: String, Sendable, CaseIterable {
        /// Equal words.
        case exact
        /// Equal stems.
        case stem
        /// A sense in common.
        case synonym
        /// Phrases that the table lists.
        case paraphrase

        /// What a matched word counts.
        var weight: Double {
            switch self {
            case .exact: 1
            case .stem, .paraphrase: 0.6
            case .synonym: 0.8
            }
        }
    }

    /// The modules in use.
    public let modules: [Module]
    /// The data in use.
    public let resources: METEORResources
    /// Whether texts are tokenised by METEOR first (`-norm`); otherwise they are only put in lower case and split at spaces.
    public var normalizes = true

    /// Creates the metric.
    ///
    /// - Parameters:
    ///   - resources: What words are looked up in.
    ///   - modules: Which modules are wanted; those without data are left out.
    public init(resources: METEORResources = METEORResources(), modules: [Module] = Module.allCases) {
        self.resources = resources
        self.modules = Module.allCases.filter { module in
            switch module {
            case .exact, .stem: modules.contains(module)
            case .synonym: modules.contains(module) && resources.synonyms != nil
            case .paraphrase: modules.contains(module) && resources.paraphrases != nil
            }
        }
    }

    /// Version, modules and data, for example
    /// "METEOR 1.5, exact stem synonym(WordNet 3 of Debian) paraphrase(none), function words(own list)".
    public var name: String {
        let parts = Module.allCases.compactMap { module -> String? in
            switch module {
            case .exact, .stem: modules.contains(module) ? module.rawValue : nil
            case .synonym: "synonym(\(modules.contains(module) ? resources.synonymsName : "none"))"
            case .paraphrase: "paraphrase(\(modules.contains(module) ? resources.paraphrasesName : "none"))"
            }
        }
        return "METEOR 1.5, \(parts.joined(separator: " ")), function words(\(resources.functionWordsName))"
    }

    /// Scores a corpus.
    /// - Returns: METEOR between 0 and 1, as the program prints it.
    /// - Throws: ``MetricError`` if the two lists do not match or an instance has no reference.
    public func score(predictions: [String], references: [[String]]) throws(MetricError) -> Double {
        try statistics(predictions: predictions, references: references).score
    }

    /// The score of each instance alone, between 0 and 1.
    /// - Throws: As ``score(predictions:references:)``.
    public func instanceScores(predictions: [String], references: [[String]]) throws(MetricError) -> [Double] {
        try statistics(predictions: predictions, references: references).instances.map { score($0) }
    }

    /// For resampling.
    /// - Throws: As ``score(predictions:references:)``.
    public func statistics(predictions: [String], references: [[String]]) throws(MetricError) -> CorpusStatistics {
        try Corpus.check(predictions: predictions, references: references)
        var normalizer = METEORNormalizer()
        normalizer.abbreviations = resources.abbreviations
        var vocabulary = METEORVocabulary(resources, modules: modules)
        var texts: [METEORVocabulary.Text] = []
        for text in predictions + references.joined() {
            texts.append(
                vocabulary.text(normalizes ? normalizer.words(of: text) : METEORNormalizer.plainWords(of: text)))
        }
        vocabulary.findPhrases(in: &texts)

        var next = predictions.count
        var rows: [[Double]] = []
        rows.reserveCapacity(predictions.count)
        for (index, group) in references.enumerated() {
            rows.append(best(texts[index], texts[next..<next + group.count], vocabulary))
            next += group.count
        }
        return CorpusStatistics(rows) { [self] sums, _ in score(sums) }
    }
}

extension METEOR {
    /// What a row of statistics begins with; then come, for each module, matched words: content words of the prediction and of
    /// the reference, function words of both.
    private enum Column {
        static let length = 0, referenceLength = 1, functionWords = 2, referenceFunctionWords = 3, chunks = 4,
            modules = 5
    }

    /// Statistics against the reference with the best score, the first of equals.
    private func best(
        _ prediction: METEORVocabulary.Text, _ references: ArraySlice<METEORVocabulary.Text>,
        _ vocabulary: METEORVocabulary
    ) -> [Double] {
        let windows = vocabulary.windows(of: prediction)
        var best: [Double] = [], bestScore = -1.0
        for reference in references {
            let matches = METEORMatches(prediction, reference, windows: windows, vocabulary, modules)
            let alignment = METEORAlignment(matches, predictionLength: prediction.words.count)
            let row = row(prediction, reference, alignment, vocabulary)
            let score = score(row)
            if score > bestScore { (best, bestScore) = (row, score) }
        }
        return best
    }

    private func row(
        _ prediction: METEORVocabulary.Text, _ reference: METEORVocabulary.Text, _ alignment: METEORAlignment,
        _ vocabulary: METEORVocabulary
    ) -> [Double] {
        func isFunction(_ word: Int32) -> Bool { vocabulary.isFunction[Int(word)] }
        var row = [Double](repeating: 0, count: Column.modules + 4 * modules.count)
        row[Column.length] = Double(prediction.words.count)
        row[Column.referenceLength] = Double(reference.words.count)
        row[Column.functionWords] = Double(prediction.words.count(where: isFunction))
        row[Column.referenceFunctionWords] = Double(reference.words.count(where: isFunction))
        var (matched, otherMatched) = (0, 0)
        for case let match? in alignment.chosen {
            let column = Column.modules + 4 * Int(match.module)
            for word in prediction.words[Int(match.otherStart)...].prefix(Int(match.otherLength)) {
                row[column + (isFunction(word) ? 2 : 0)] += 1
            }
            for word in reference.words[Int(match.start)...].prefix(Int(match.length)) {
                row[column + (isFunction(word) ? 3 : 1)] += 1
            }
            otherMatched += Int(match.otherLength)
            matched += Int(match.length)
        }
        let chunks = alignment.chunks
        // One chunk that covers both texts is no fragmentation, neither here nor in a corpus.
        let isWhole = chunks == 1 && matched == reference.words.count && otherMatched == prediction.words.count
        row[Column.chunks] = isWhole ? 0 : Double(chunks)
        return row
    }

    /// The score of a row, or of a sum of rows.
    private func score(_ row: [Double]) -> Double {
        let (alpha, beta, gamma, delta) = (0.85, 0.2, 0.6, 0.75)
        /// Weighted matches, weighted length and plain number of matches: side 0 is the prediction, side 1 the reference.
        func side(_ side: Int) -> (share: Double, matched: Double) {
            let functionWords = row[Column.functionWords + side]
            let length = delta * (row[Column.length + side] - functionWords) + (1 - delta) * functionWords
            var weighted = 0.0, matched = 0.0
            for (kind, weight) in [(0, delta), (2, 1 - delta)] {
                for (index, module) in modules.enumerated() {
                    let count = row[Column.modules + 4 * index + kind + side]
                    weighted += count * module.weight * weight
                    matched += count
                }
            }
            return (weighted / length, matched)
        }
        let (precision, matched) = side(0), (recall, referenceMatched) = side(1)
        guard matched > 0, referenceMatched > 0 else { return 0 }
        let mean = 1 / ((1 - alpha) / precision + alpha / recall)
        let fragmentation = row[Column.chunks] / ((matched + referenceMatched) / 2)
        return max(0, mean * (1 - gamma * pow(fragmentation, beta)))
    }
}
