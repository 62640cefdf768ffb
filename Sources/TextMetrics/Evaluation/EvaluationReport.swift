import Foundation

/// All scores of a system on a corpus, ready to be printed as a table or as JSON.
///
/// ```
/// let report = try EvaluationReport.evaluate(
///     predictions: ["The Mill is a pub ."], references: [["The Mill is a pub .", "There is a pub , The Mill ."]],
///     suite: .plain)
/// report["BLEU"]   // 100
/// print(report)    // a table
/// ```
public struct EvaluationReport: Sendable, Codable, Equatable {
    /// One named number.
    public struct Score: Sendable, Codable, Equatable {
        /// "BLEU", "NIST", …
        public var name: String
        /// The value on ``scale``.
        public var value: Double
        /// The range of ``value``, for example "0–100".
        public var scale: String
        /// Whether a greater value is better.
        public var higherIsBetter: Bool
        /// What is measured, and after which script.
        public var description: String
        /// Least and largest value of the 95% interval, where it was resampled.
        public var interval: [Double]?
        /// The other system's value, where one was given.
        public var baseline: Double?
        /// The probability of such a difference to the other system if both were equal, by paired resampling.
        public var pValue: Double?

        /// Creates a score.
        public init(name: String, value: Double, scale: String, higherIsBetter: Bool = true, description: String) {
            self.name = name
            self.value = value
            self.scale = scale
            self.higherIsBetter = higherIsBetter
            self.description = description
        }

        private enum CodingKeys: String, CodingKey {
            case name, value, scale, higherIsBetter = "higher_is_better", description, interval, baseline
            case pValue = "p_value"
        }
    }

    /// The rules that were followed.
    public var suite: EvaluationSuite
    /// How the texts were made comparable, in words.
    public var normalization: String
    /// Number of predictions.
    public var instances: Int
    /// Number of references that were used.
    public var references: Int
    /// The scores in the order of the paper's tables.
    public var scores: [Score]

    /// The value of the score with this name, nil if the suite has none.
    public subscript(name: String) -> Double? { scores.first { $0.name == name }?.value }

    /// A score, and what resampling needs of it.
    private typealias Measured = (score: Score, statistics: CorpusStatistics?)

    /// Scores `predictions` against `references` by the rules of `suite`.
    ///
    /// - Parameters:
    ///   - predictions: one text per instance.
    ///   - references: at least one text per instance, in the same order.
    ///   - suite: which scores, and how texts are normalised.
    ///   - bootstrap: how to find intervals and to compare with `baseline`; nil for neither. NIST and distinct-n get none.
    ///   - baseline: another system's texts for the same instances.
    ///   - meteor: what METEOR looks words up in; nil for what the machine has (``METEORResources/installed()``).
    /// - Throws: ``MetricError`` if the lists do not match or an instance has no reference, or METEOR's data cannot be read.
    public static func evaluate(
        predictions: [String], references: [[String]], suite: EvaluationSuite, bootstrap: Bootstrap? = nil,
        baseline: [String]? = nil, meteor: METEORResources? = nil
    ) throws(MetricError) -> EvaluationReport {
        try Corpus.check(predictions: predictions, references: references)
        let used = references.map { Array($0.prefix(suite.referenceLimit ?? .max)) }
        let measured = try measure(predictions, used, suite, meteor)
        let others: [Measured]? = if let baseline { try measure(baseline, used, suite, meteor) } else { nil }
        let scores = measured.enumerated().map { index, found in
            var score = found.score
            score.baseline = others?[index].score.value
            guard let bootstrap, let statistics = found.statistics else { return score }
            let (low, high) = bootstrap.interval(statistics)
            score.interval = [low, high]
            score.pValue = others?[index].statistics.map { bootstrap.pValue(statistics, against: $0) }
            return score
        }
        return EvaluationReport(
            suite: suite, normalization: suite.normalization, instances: predictions.count,
            references: used.reduce(0) { $0 + $1.count }, scores: scores)
    }

    private static func measure(
        _ predictions: [String], _ references: [[String]], _ suite: EvaluationSuite, _ meteor: METEORResources?
    ) throws(MetricError) -> [Measured] {
        try Corpus.check(predictions: predictions, references: references)
        switch suite {
        case .e2e:
            let tokens = try MTEvalCorpus(predictions: predictions, references: references, order: E2ENIST.order)
            let words = try PTBCorpus(predictions: predictions, references: references)
            let bleu = E2EBLEU().statistics(tokens), rouge = ROUGEL().statistics(words),
                cider = CIDEr().statistics(words)
            return [
                (.e2eBLEU(bleu.score), bleu.scaled(by: 100)), (.nist(E2ENIST().score(tokens)), nil),
                try Self.meteor(words.lines.predictions, words.lines.references, meteor, percent: true),
                (.rougeL(rouge.score), rouge.scaled(by: 100)), (.cider(cider.score), cider),
            ]
        case .webnlg:
            let normalizer = WebNLGNormalizer(), texts = predictions.map(normalizer.prediction)
            let normal = references.map { $0.map(normalizer.reference) }
            return [
                try multiBLEU(texts, padded(normal), cased: false), try Self.meteor(texts, normal, meteor),
                try ter(texts, normal),
            ]
        case .dart:
            return [
                try multiBLEU(predictions, padded(references), cased: true),
                try Self.meteor(predictions, references, meteor), try ter(predictions, references),
            ]
        case .xsum:
            let scores = try ROUGE().scores(predictions: predictions, references: references)
            func part(_ path: KeyPath<ROUGE.Scores, Double>, _ name: String, _ what: String) -> Measured {
                let statistics = CorpusStatistics(meanOf: scores.map { $0[keyPath: path] })
                return (.rouge(statistics.score, name, what), statistics.scaled(by: 100))
            }
            return [
                part(\.rouge1, "ROUGE-1", "single words"), part(\.rouge2, "ROUGE-2", "pairs of words"),
                part(\.rougeL, "ROUGE-L", "the longest common subsequence"),
            ]
        case .plain:
            let rouge = ROUGEL().statistics(try PTBCorpus(predictions: predictions, references: references))
            let sacre = SacreBLEU()
            let bleu = try sacre.statistics(predictions: predictions, references: references)
            let chrf = try ChrF(wordOrder: 2).statistics(predictions: predictions, references: references)
            return [
                try multiBLEU(predictions, padded(references), cased: true),
                try multiBLEU(predictions, padded(references), cased: false, name: "BLEU-lc"),
                (.sacreBLEU(bleu.score, sacre.signature(references: references)), bleu), (.chrF(chrf.score), chrf),
                try ter(predictions, references), (.rougeL(rouge.score), rouge.scaled(by: 100)),
                (.distinct(1, predictions), nil), (.distinct(2, predictions), nil),
            ]
        }
    }

    /// What resampling needs of a suite's main score alone; see ``EvaluationSuite/mainScore``.
    ///
    /// - Throws: ``MetricError`` if the lists do not match or an instance has no reference.
    package static func mainStatistics(
        predictions: [String], references: [[String]], suite: EvaluationSuite
    ) throws(MetricError) -> CorpusStatistics {
        try Corpus.check(predictions: predictions, references: references)
        let used = references.map { Array($0.prefix(suite.referenceLimit ?? .max)) }
        switch suite {
        case .e2e:
            let tokens = try MTEvalCorpus(predictions: predictions, references: used, order: E2ENIST.order)
            return E2EBLEU().statistics(tokens).scaled(by: 100)
        case .webnlg:
            let normalizer = WebNLGNormalizer()
            return try MultiBLEU(lowercased: true).statistics(
                predictions: predictions.map(normalizer.prediction),
                references: padded(used.map { $0.map(normalizer.reference) }))
        case .dart, .plain:
            return try MultiBLEU(lowercased: false).statistics(predictions: predictions, references: padded(used))
        case .xsum:
            let scores = try ROUGE().scores(predictions: predictions, references: used)
            return CorpusStatistics(meanOf: scores.map(\.rouge2)).scaled(by: 100)
        }
    }

    private static func multiBLEU(
        _ predictions: [String], _ references: [[String]], cased: Bool, name: String = "BLEU"
    ) throws(MetricError) -> Measured {
        let metric = MultiBLEU(lowercased: !cased)
        return (
            .multiBLEU(try metric.score(predictions: predictions, references: references), cased: cased, name: name),
            try metric.statistics(predictions: predictions, references: references)
        )
    }

    private static func ter(_ predictions: [String], _ references: [[String]]) throws(MetricError) -> Measured {
        let statistics = try TER().statistics(predictions: predictions, references: references)
        return (.ter(statistics.score), statistics)
    }

    /// - Parameter percent: Whether the value is between 0 and 100, as the paper prints it for E2E; otherwise between 0 and 1.
    private static func meteor(
        _ predictions: [String], _ references: [[String]], _ resources: METEORResources?, percent: Bool = false
    ) throws(MetricError) -> Measured {
        let found: METEORResources = if let resources { resources } else { try .installed() }
        let metric = METEOR(resources: found)
        let statistics = try metric.statistics(predictions: predictions, references: references)
        let scaled = percent ? statistics.scaled(by: 100) : statistics
        return (.meteor(scaled.score, metric.name, scale: percent ? "0–100" : "0–1"), scaled)
    }

    /// multi-bleu's users keep the references in parallel files of equal length, where a missing reference is an empty line: a
    /// reference of length 0.
    private static func padded(_ references: [[String]]) -> [[String]] {
        let most = references.reduce(0) { max($0, $1.count) }
        return references.map { $0 + Array(repeating: "", count: most - $0.count) }
    }
}

extension EvaluationReport.Score {
    static func multiBLEU(_ result: MultiBLEU.Result, cased: Bool, name: String = "BLEU") -> Self {
        Self(
            name: name, value: result.score, scale: "0–100",
            description: "corpus BLEU-4 of multi-bleu.perl, \(cased ? "case counts" : "case does not count"): \(result)"
        )
    }

    static func e2eBLEU(_ value: Double) -> Self {
        Self(
            name: "BLEU", value: 100 * value, scale: "0–100",
            description: "corpus BLEU-4 of the E2E script (mteval-13a tokens; the script prints it divided by 100)")
    }

    static func nist(_ value: Double) -> Self {
        Self(name: "NIST", value: value, scale: "≥ 0", description: "NIST-5 of the E2E script (mteval-13a tokens)")
    }

    static func meteor(_ value: Double, _ name: String, scale: String) -> Self {
        Self(name: "METEOR", value: value, scale: scale, description: name)
    }

    static func rougeL(_ value: Double) -> Self {
        Self(
            name: "ROUGE-L", value: 100 * value, scale: "0–100",
            description: "mean ROUGE-L of the COCO and E2E scripts, β = 1.2 (the scripts print it divided by 100)")
    }

    static func rouge(_ value: Double, _ name: String, _ what: String) -> Self {
        Self(
            name: name, value: 100 * value, scale: "0–100",
            description: "mean F1 of \(what), stemmed, as rouge_score computes it (which gives it divided by 100)")
    }

    static func sacreBLEU(_ value: Double, _ signature: String) -> Self {
        Self(name: "sacreBLEU", value: value, scale: "0–100", description: "corpus BLEU-4 of sacrebleu, \(signature)")
    }

    static func chrF(_ value: Double) -> Self {
        Self(
            name: "chrF++", value: value, scale: "0–100",
            description: "F2 of n-grams of characters (1 to 6) and words (1 and 2), as sacrebleu computes it")
    }

    static func ter(_ value: Double) -> Self {
        Self(
            name: "TER", value: value, scale: "≥ 0", higherIsBetter: false,
            description: "edits per 100 words of the references, as sacrebleu computes it; less is better")
    }

    static func distinct(_ order: Int, _ predictions: [String]) -> Self {
        Self(
            name: "distinct-\(order)", value: DistinctN(order: order).score(predictions: predictions), scale: "0–1",
            description: "different \(order == 1 ? "words" : "pairs of words") among all of the predictions")
    }

    static func cider(_ value: Double) -> Self {
        Self(
            name: "CIDEr", value: value, scale: "0–10",
            description: "CIDEr with clipping and length penalty of the COCO and E2E scripts")
    }
}

extension EvaluationReport: CustomStringConvertible {
    /// A table with one line per score.
    public var description: String {
        let width = scores.reduce(0) { max($0, $1.name.count) }
        let scale = scores.reduce(0) { max($0, $1.scale.count) }
        let rows = scores.map { score in
            let value = String(format: "%.4f", score.value)
            var extra = score.interval.map { String(format: "  [%.2f, %.2f]", $0[0], $0[1]) } ?? ""
            if let baseline = score.baseline { extra += String(format: "  against %.4f", baseline) }
            if let p = score.pValue { extra += String(format: ", p = %.3f", p) }
            return score.name.padding(toLength: width, withPad: " ", startingAt: 0)
                + String(repeating: " ", count: max(1, 11 - value.count)) + value + extra + "  "
                + score.scale.padding(toLength: scale, withPad: " ", startingAt: 0) + "  " + score.description
        }
        return
            ([
                "\(instances) prediction\(instances == 1 ? "" : "s"), \(references) reference\(references == 1 ? "" : "s"), \(suite.rawValue) rules"
            ] + rows)
            .joined(separator: "\n")
    }
}

extension EvaluationReport {
    /// Scores a file of predictions against a file of references.
    /// - Throws: ``MetricError`` that names both files if their numbers of instances differ.
    public static func evaluate(
        predictions: PredictionFile, references: ReferenceFile, suite: EvaluationSuite, bootstrap: Bootstrap? = nil
    ) throws(MetricError) -> EvaluationReport {
        guard predictions.predictions.count == references.references.count else {
            throw .countMismatch(
                predictions: predictions.predictions.count, references: references.references.count,
                predictionFile: predictions.path, referenceFile: references.path)
        }
        return try evaluate(
            predictions: predictions.predictions, references: references.references, suite: suite,
            bootstrap: bootstrap)
    }
}
