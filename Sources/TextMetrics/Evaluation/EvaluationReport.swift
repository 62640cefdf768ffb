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

        /// Creates a score.
        public init(name: String, value: Double, scale: String, higherIsBetter: Bool = true, description: String) {
            self.name = name
            self.value = value
            self.scale = scale
            self.higherIsBetter = higherIsBetter
            self.description = description
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

    /// Scores `predictions` against `references` by the rules of `suite`.
    ///
    /// - Parameters:
    ///   - predictions: one text per instance.
    ///   - references: at least one text per instance, in the same order.
    ///   - suite: which scores, and how texts are normalised.
    /// - Throws: ``MetricError`` if the two lists do not match or an instance has no reference.
    public static func evaluate(
        predictions: [String], references: [[String]], suite: EvaluationSuite
    ) throws(MetricError) -> EvaluationReport {
        try Corpus.check(predictions: predictions, references: references)
        let used = references.map { Array($0.prefix(suite.referenceLimit ?? .max)) }
        let scores: [Score]
        switch suite {
        case .e2e:
            let tokens = try MTEvalCorpus(predictions: predictions, references: used, order: E2ENIST.order)
            let words = try PTBCorpus(predictions: predictions, references: used)
            scores = [
                .e2eBLEU(E2EBLEU().score(tokens)), .nist(E2ENIST().score(tokens)), .rougeL(ROUGEL().score(words)),
                .cider(CIDEr().score(words)),
            ]
        case .webnlg:
            let normalizer = WebNLGNormalizer()
            scores = [
                .multiBLEU(
                    try MultiBLEU(lowercased: true).score(
                        predictions: predictions.map(normalizer.prediction),
                        references: padded(used.map { $0.map(normalizer.reference) })), cased: false)
            ]
        case .dart:
            scores = [
                .multiBLEU(try MultiBLEU().score(predictions: predictions, references: padded(used)), cased: true)
            ]
        case .xsum:
            let rouge = try ROUGE().score(predictions: predictions, references: used)
            scores = [
                .rouge(rouge.rouge1, "ROUGE-1", "single words"), .rouge(rouge.rouge2, "ROUGE-2", "pairs of words"),
                .rouge(rouge.rougeL, "ROUGE-L", "the longest common subsequence"),
            ]
        case .plain:
            let words = try PTBCorpus(predictions: predictions, references: used)
            let cased = try MultiBLEU().score(predictions: predictions, references: padded(used))
            let uncased = try MultiBLEU(lowercased: true).score(predictions: predictions, references: padded(used))
            scores = [
                .multiBLEU(cased, cased: true), .multiBLEU(uncased, cased: false, name: "BLEU-lc"),
                .rougeL(ROUGEL().score(words)),
            ]
        }
        return EvaluationReport(
            suite: suite, normalization: suite.normalization, instances: predictions.count,
            references: used.reduce(0) { $0 + $1.count }, scores: scores)
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
            return score.name.padding(toLength: width, withPad: " ", startingAt: 0)
                + String(repeating: " ", count: max(1, 11 - value.count)) + value + "  "
                + score.scale.padding(toLength: scale, withPad: " ", startingAt: 0) + "  " + score.description
        }
        return (["\(instances) predictions, \(references) references, \(suite.rawValue) rules"] + rows)
            .joined(separator: "\n")
    }
}

extension EvaluationReport {
    /// Scores a file of predictions against a file of references.
    /// - Throws: ``MetricError`` that names both files if their numbers of instances differ.
    public static func evaluate(
        predictions: PredictionFile, references: ReferenceFile, suite: EvaluationSuite
    ) throws(MetricError) -> EvaluationReport {
        guard predictions.predictions.count == references.references.count else {
            throw .countMismatch(
                predictions: predictions.predictions.count, references: references.references.count,
                predictionFile: predictions.path, referenceFile: references.path)
        }
        return try evaluate(predictions: predictions.predictions, references: references.references, suite: suite)
    }
}
