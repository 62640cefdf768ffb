import TextMetrics

extension EvaluationReport {
    /// Adds the means of precision, recall and F1.
    ///
    /// - Parameters:
    ///   - scores: One per instance.
    ///   - signature: What ``BERTScore/signature`` says of how they were found.
    ///   - baseline: Another system's scores of the same instances.
    ///   - bootstrap: How to find intervals and to compare with `baseline`; nil for neither.
    public mutating func add(
        _ scores: [BERTScore.Scores], signature: String, baseline: [BERTScore.Scores]? = nil,
        bootstrap: Bootstrap? = nil
    ) {
        let parts: [(name: String, what: String, path: KeyPath<BERTScore.Scores, Double>)] = [
            ("BERTScore P", "precision", \.precision), ("BERTScore R", "recall", \.recall),
            ("BERTScore F1", "F1", \.f1),
        ]
        for part in parts {
            func values(_ scores: [BERTScore.Scores]) -> [Double] { scores.map { 100 * $0[keyPath: part.path] } }
            add(
                meanOf: values(scores), name: part.name, scale: "≤ 100",
                description: "mean \(part.what) of bert_score, \(signature) (which gives it divided by 100)",
                baseline: baseline.map(values), bootstrap: bootstrap)
        }
    }
}
