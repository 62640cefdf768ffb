import Foundation
import PrefixTuning

/// How far an experiment is, and how long it will take: counted in examples, read and answered.
struct ExperimentClock {
    private let work: [String: Double]
    private var left: Double
    private var done = 0.0
    private var inRun: [String: Double] = [:]
    private let start = ContinuousClock.now

    /// A clock that starts now.
    init(_ runs: [RunPlan], left pending: [RunPlan], settings: ExperimentSettings, data: [ExperimentDataSet]) {
        let work = Dictionary(
            runs.map { plan in (plan.identifier, Self.work(plan, settings: settings, data: data)) },
            uniquingKeysWith: { first, _ in first })
        self.work = work
        left = pending.reduce(0) { $0 + (work[$1.identifier] ?? 0) }
    }

    /// Examples read in training, and sources answered (an answer takes about as long as three examples).
    private static func work(_ plan: RunPlan, settings: ExperimentSettings, data: [ExperimentDataSet]) -> Double {
        guard let data = data.first(where: { $0.name == plan.dataSet }) else { return 0 }
        let training = plan.method.training(data.task)
        let examples = plan.subset?.size ?? data.train.count
        let read =
            switch training.duration {
            case .epochs(let count): count * examples
            case .steps(let count): count * min(training.batchSize, examples)
            }
        return Double(read) * (plan.federation?.meanClients ?? 1) + 3 * Double(data.test.count)
    }

    /// A step of a run read some examples.
    mutating func step(_ plan: RunPlan, examples: Int) {
        let id = plan.identifier
        let most = max(0, (work[id] ?? 0) - (inRun[id] ?? 0)), amount = min(Double(examples), most)
        inRun[id, default: 0] += amount
        advance(amount)
    }

    /// A run is done.
    mutating func finish(_ plan: RunPlan) {
        let id = plan.identifier
        advance(max(0, (work[id] ?? 0) - (inRun[id] ?? 0)))
        inRun[id] = work[id]
    }

    /// Another process has a run.
    mutating func skip(_ plan: RunPlan) { left -= max(0, (work[plan.identifier] ?? 0) - (inRun[plan.identifier] ?? 0)) }

    private mutating func advance(_ amount: Double) {
        done += amount
        left -= amount
    }

    /// Part of this session's work that is done, 0 to 1.
    var share: Double { done / max(1e-9, done + left) }
    /// An estimate.
    var secondsLeft: Double { done > 0 ? start.duration(to: .now).seconds / done * left : .infinity }
}
