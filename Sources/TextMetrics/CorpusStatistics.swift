/// What a metric adds up over a corpus, instance by instance, and the score that the sums give: all that resampling needs.
public struct CorpusStatistics: Sendable {
    /// A row per instance, of equally many numbers.
    public let instances: [[Double]]
    private let combine: @Sendable (_ sums: [Double], _ count: Int) -> Double

    /// Statistics of a metric.
    ///
    /// - Parameters:
    ///   - instances: A row per instance, of equally many numbers.
    ///   - combine: The score that the sums over so many instances give.
    public init(_ instances: [[Double]], combine: @escaping @Sendable (_ sums: [Double], _ count: Int) -> Double) {
        self.instances = instances
        self.combine = combine
    }

    /// A metric that is the mean of a number per instance.
    public init(meanOf values: [Double]) {
        self.init(values.map { [$0] }) { $0[0] / Double($1) }
    }

    /// The same, with scores times a factor.
    func scaled(by factor: Double) -> Self {
        Self(instances) { [combine] in factor * combine($0, $1) }
    }

    /// The score of the corpus.
    public var score: Double { score(of: instances.indices) }

    /// The score of some instances, any of them more than once.
    func score(of sample: some Collection<Int>) -> Double {
        var sums = [Double](repeating: 0, count: instances.first?.count ?? 0)
        for index in sample {
            let row = instances[index]
            for column in row.indices { sums[column] += row[column] }
        }
        return combine(sums, sample.count)
    }
}

extension BLEUStatistics {
    /// As a row of numbers.
    var row: [Double] { (hits + totals + [predictionLength, referenceLength]).map(Double.init) }

    /// From sums of rows.
    init(sums: [Double]) {
        let numbers = sums.map { Int($0) }
        hits = Array(numbers[..<Self.order])
        totals = Array(numbers[Self.order..<2 * Self.order])
        (predictionLength, referenceLength) = (numbers[2 * Self.order], numbers[2 * Self.order + 1])
    }
}
