import PrefixTuning
import Reports

/// One of the paper's comparisons: which runs it needs, and what its report shows of them.
protocol Study: Sendable {
    /// Its name on the command line.
    var name: String { get }
    /// The title of its report.
    var title: String { get }
    /// What the paper claims, with the section.
    var claim: String { get }
    /// Whether memory is measured: runs then train one at a time, with a model of their own, and answer nothing.
    var measuresMemory: Bool { get }

    /// What varies within a row, ``RunPlan/point``; nil where nothing does.
    var pointName: String? { get }

    /// The runs, in the order in which they are done.
    ///
    /// - Throws: ``ExperimentError`` where settings or data do not fit.
    func runs(_ settings: ExperimentSettings, _ data: [ExperimentDataSet]) throws -> [RunPlan]

    /// What becomes of the paper's claims.
    func claims(_ results: StudyResults) -> Claims

    /// Adds what the runs show to a page, after the claims.
    func report(_ results: StudyResults, to page: inout ReportPage)

    /// Settings that the runs chose, as JSON, for other experiments; nil where they choose none.
    func settings(_ results: StudyResults) -> String?
}

extension Study {
    var measuresMemory: Bool { false }
    var pointName: String? { nil }
    func settings(_ results: StudyResults) -> String? { nil }

    /// A run per data set, row, value of what varies, and seed.
    ///
    /// - Parameters:
    ///   - points: The values; nil alone where nothing varies.
    ///   - change: Puts a run's ``RunPlan/point`` into its plan.
    func runs(
        _ settings: ExperimentSettings, _ data: [ExperimentDataSet], over points: [Double?],
        _ change: (inout RunPlan, ExperimentDataSet) -> Void = { _, _ in }
    ) throws -> [RunPlan] {
        let rows = try settings.rowsWithMethods()
        var plans: [RunPlan] = []
        for data in data {
            for (name, row) in rows {
                for point in points {
                    for seed in settings.seeds {
                        var plan = RunPlan(row: name, dataSet: data.name, method: row, point: point, seed: seed)
                        change(&plan, data)
                        plans.append(plan)
                    }
                }
            }
        }
        return plans
    }
}

/// All studies.
enum Studies {
    static let all: [any Study] = [
        TableToTextStudy(), SummarizationStudy(), ExtrapolationStudy(), LowDataStudy(), PrefixLengthStudy(),
        InitializationStudy(), AblationStudy(), DataEfficiencyStudy(), SpeedStudy(), RatesStudy(),
        FederatedStudy(),
    ]

    /// The study of a name.
    ///
    /// - Throws: ``ExperimentError/unknownExperiment(name:known:)``.
    static func named(_ name: String) throws -> any Study {
        guard let study = all.first(where: { $0.name == name }) else {
            throw ExperimentError.unknownExperiment(name: name, known: all.map(\.name))
        }
        return study
    }
}
