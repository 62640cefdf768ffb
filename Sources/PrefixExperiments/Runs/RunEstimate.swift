/// A mean over runs that differ in subset and seed, and how far other subsets and seeds would move it.
///
/// Runs on one subset share their training examples, so that they are not independent: on an unlucky subset all seeds are low.
/// Where there are several subsets, a mean per subset comes first, and Student's t with one degree of freedom less than there
/// are subsets gives the 95% interval: those means are independent draws, whatever part of their spread is the subset's and
/// whatever part the seeds' (in a nested design with equally many seeds, this is the exact interval of the random effect). Taking all
/// runs for independent would make it too narrow, by up to the root of the number of seeds. Without subsets, or with one, the
/// interval is over seeds and says nothing of other training data.
///
/// What all runs share is not in the interval: the test sources, and what a seed gives to all subsets alike.
struct RunEstimate: Equatable, Sendable {
    /// The mean: of the subsets' means where there are several.
    var value: Double
    /// Half the width of the 95% interval over subsets, or over seeds; nil for a single one.
    var halfWidth: Double?
    /// How many runs there are.
    var runs: Int
    /// How many subsets they are on; 1 where all are on the same examples.
    var subsets: Int

    /// An estimate; nil where there are no values.
    ///
    /// - Parameter values: Of each run, with the number of its subset; nil for the whole data.
    init?(_ values: [(subset: Int?, value: Double)]) {
        let groups = Dictionary(grouping: values, by: \.subset).sorted { $0.key ?? -1 < $1.key ?? -1 }
            .map { SampleMean($0.value.map(\.value)) }.compactMap(\.self)
        guard let one = groups.first else { return nil }
        runs = values.count
        subsets = groups.count
        let mean = groups.count == 1 ? one : SampleMean(groups.map(\.value)) ?? one
        value = mean.value
        halfWidth = mean.deviation.map {
            Self.quantile(freedom: mean.count - 1) * $0 / Double(mean.count).squareRoot()
        }
    }

    /// "6 runs: 3 subsets, 2 seeds each".
    var design: String {
        func counted(_ count: Int, _ noun: String) -> String { "\(count) \(noun)\(count == 1 ? "" : "s")" }
        guard subsets > 1 else { return counted(runs, "run") }
        if runs == subsets { return "\(counted(runs, "run")), one on each subset" }
        return runs.isMultiple(of: subsets)
            ? "\(runs) runs: \(subsets) subsets, \(runs / subsets) seeds each" : "\(runs) runs on \(subsets) subsets"
    }

    /// The 97.5% quantile of Student's t; above thirty degrees of freedom that of thirty, which is on the safe side.
    static func quantile(freedom: Int) -> Double {
        let values = [
            12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131,
            2.120,
            2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
        ]
        return values[min(max(freedom, 1), values.count) - 1]
    }
}

extension StudyResults {
    /// The mean of a score over runs, with its interval over subsets or seeds; nil where no run has the score.
    static func estimate(_ runs: [RunResult], _ score: String, split: String) -> RunEstimate? {
        RunEstimate(
            runs.compactMap { run in run.score(score, split: split).map { (run.plan.subset?.index, $0.value) } })
    }

    /// Runs of two rows on the same subset from the same seed.
    static func pairs(_ runs: [RunResult], _ others: [RunResult]) -> [(RunResult, RunResult)] {
        runs.compactMap { run in
            others.first { $0.plan.seed == run.plan.seed && $0.plan.subset?.index == run.plan.subset?.index }
                .map { (run, $0) }
        }
    }
}
