/// Bootstrap resampling (Efron 1979; Koehn 2004): how far a score, or the difference of two systems, depends on the choice of
/// test instances.
public struct Bootstrap: Sendable, Equatable {
    /// Number of resampled corpora.
    public var samples: Int
    /// Fixes the choice of instances.
    public var seed: UInt64
    /// Share of the samples within an interval.
    public var confidence = 0.95

    /// More would change an interval by less than its last printed digit.
    public static let mostSamples = 1_000_000

    /// 1,000 samples, as sacrebleu takes.
    ///
    /// - Parameter samples: From 1 to ``mostSamples``.
    public init(samples: Int = 1000, seed: UInt64 = 12345) {
        precondition((1...Self.mostSamples).contains(samples), "\(samples) samples")
        self.samples = samples
        self.seed = seed
    }

    /// The interval that the middle of the resampled scores lies in.
    public func interval(_ statistics: CorpusStatistics) -> (low: Double, high: Double) {
        var generator = Generator(state: seed)
        let scores = (0..<samples)
            .map { _ in statistics.score(of: generator.sample(statistics.instances.count)) }.sorted()
        let outside = Int(Double(samples) * (1 - confidence) / 2)
        return (scores[outside], scores[samples - 1 - outside])
    }

    /// The probability, if the two systems were equal, of a difference as large as theirs: the paired test of Moses and
    /// sacrebleu, on the same resampled instances for both. A tie counts as chance here, so that a system compared with
    /// itself has 1, not 1 / (samples + 1).
    ///
    /// - Parameters:
    ///   - system: Statistics of one system.
    ///   - baseline: Of another, on the same instances in the same order.
    /// - Returns: From 1 / (samples + 1) to 1.
    public func pValue(_ system: CorpusStatistics, against baseline: CorpusStatistics) -> Double {
        comparison([(system, baseline)]).pValue
    }

    /// What resampling says of the mean difference of two systems over several runs of each, all on the same instances.
    package struct Comparison: Sendable, Equatable {
        /// The mean over the runs of the system's score less the baseline's.
        package var difference: Double
        /// The interval that the middle of the resampled differences lies in.
        package var interval: [Double]
        /// See ``Bootstrap/pValue(_:against:)``.
        package var pValue: Double
    }

    /// Compares two systems by several runs of each: a sample of instances is one sample for all runs, so that what instances
    /// have in common stays together.
    ///
    /// - Parameter runs: A run of the system and one of the baseline, in pairs; at least one.
    package func comparison(_ runs: [(system: CorpusStatistics, baseline: CorpusStatistics)]) -> Comparison {
        let count = runs.first?.system.instances.count ?? 0
        precondition(
            runs.allSatisfy { $0.system.instances.count == count && $0.baseline.instances.count == count }
                && !runs.isEmpty,
            "systems with different instances")
        func difference(_ sample: some Collection<Int>) -> Double {
            runs.reduce(0) { $0 + $1.system.score(of: sample) - $1.baseline.score(of: sample) } / Double(runs.count)
        }
        let actual = difference(0..<count)
        var generator = Generator(state: seed)
        let differences = (0..<samples).map { _ in difference(generator.sample(count)) }
        let mean = differences.reduce(0) { $0 + abs($1) } / Double(samples)
        let asGreat = differences.count { abs($0) - mean >= abs(actual) }
        let sorted = differences.sorted(), outside = Int(Double(samples) * (1 - confidence) / 2)
        return Comparison(
            difference: actual, interval: [sorted[outside], sorted[samples - 1 - outside]],
            pValue: Double(asGreat + 1) / Double(samples + 1))
    }

    /// SplitMix64 (Steele et al. 2014).
    private struct Generator {
        var state: UInt64

        mutating func sample(_ count: Int) -> [Int] {
            (0..<count).map { _ in
                state &+= 0x9e37_79b9_7f4a_7c15
                var z = state
                z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
                z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
                return Int((z ^ (z >> 31)).multipliedFullWidth(by: UInt64(count)).high)
            }
        }
    }
}
