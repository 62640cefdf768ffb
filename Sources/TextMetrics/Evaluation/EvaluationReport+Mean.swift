extension EvaluationReport {
    /// Adds a score that is the mean of a number per instance and was found elsewhere, as by a model.
    ///
    /// - Parameters:
    ///   - values: A number for each of the report's instances.
    ///   - name: What the score is called.
    ///   - scale: The range of values, for example "0–100".
    ///   - description: What is measured, and after which script.
    ///   - baseline: The numbers of another system, for the same instances.
    ///   - bootstrap: How to find the interval and to compare with `baseline`; nil for neither.
    public mutating func add(
        meanOf values: [Double], name: String, scale: String, description: String, baseline: [Double]? = nil,
        bootstrap: Bootstrap? = nil
    ) {
        precondition(values.count == instances, "\(values.count) values for \(instances) instances")
        let statistics = CorpusStatistics(meanOf: values), other = baseline.map(CorpusStatistics.init(meanOf:))
        var score = Score(name: name, value: statistics.score, scale: scale, description: description)
        score.baseline = other?.score
        if let bootstrap {
            let (low, high) = bootstrap.interval(statistics)
            score.interval = [low, high]
            score.pValue = other.map { bootstrap.pValue(statistics, against: $0) }
        }
        scores.append(score)
    }
}
