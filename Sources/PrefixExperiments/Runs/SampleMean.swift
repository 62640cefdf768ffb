/// A mean over runs that differ in seed or subset only.
package struct SampleMean: Sendable, Equatable {
    /// The mean.
    package var value: Double
    /// Standard deviation over the runs, with n - 1 in the denominator; nil for one run.
    package var deviation: Double?
    /// The 95% interval over test sources, of a single run.
    var interval: [Double]?
    /// How many runs there are.
    var count: Int

    /// The mean of numbers; nil where there are none.
    package init?(_ values: [Double]) {
        guard !values.isEmpty else { return nil }
        let mean = values.reduce(0, +) / Double(values.count)
        let squares = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
        value = mean
        deviation = values.count > 1 ? (squares / Double(values.count - 1)).squareRoot() : nil
        count = values.count
    }
}
