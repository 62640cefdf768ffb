import Foundation
import LanguageModels
import PrefixTuning
import Reports
import Tensors

/// One of the paper's comparisons, run on a base model and data at hand.
///
/// In its folder: `experiment.json`, what it is; `runs/`, a folder per run with result, texts and adapter; `results.json`;
/// `report.html`, the paper's numbers beside ours. A run that is done is not done again: an experiment that was stopped or
/// killed goes on where it was. What only chooses runs or adds to them (rows, seeds, subsets, sizes, …) may be another when it
/// goes on. Several processes may do one experiment in one folder: each takes runs that no other has.
///
/// ```swift
/// let base = try await BaseModel(folder: EmbeddedModel.folder(), name: "embedded")
/// let settings = try ExperimentSettings.settings(for: "table1", suitsEmbeddedModel: true)
/// let experiment = try await Experiment("table1", base: base, data: [.embedded()], settings: settings, output: folder)
/// try await experiment.run()
/// ```
@Compute public final class Experiment {
    /// What happens, for whoever shows it.
    public enum Event: Sendable {
        /// Runs begin, together where they are several.
        case begins([RunPlan])
        /// A step is done.
        case step(Trainer.Step, run: RunPlan, totalSteps: Int, share: Double, secondsLeft: Double)
        /// The test sources are being answered.
        case answers(RunPlan)
        /// A run is done.
        case ended(RunResult, done: Int, total: Int)
        /// Runs are left to other processes, which are at them.
        case leaves([RunPlan])
    }

    /// The names of all experiments, with the titles of their reports.
    public nonisolated static var all: [(name: String, title: String)] { Studies.all.map { ($0.name, $0.title) } }

    /// The folder of results.
    public let output: URL
    /// All runs, in order.
    public let runs: [RunPlan]
    /// Those that this process does, unless another does them.
    public let chosen: [RunPlan]
    let study: any Study
    let base: BaseModel
    let data: [ExperimentDataSet]
    let settings: ExperimentSettings
    private let jobs: Int
    /// The command and the version of the program, for the report.
    private let command: String?, version: String?

    /// Prepares an experiment; writes nothing.
    ///
    /// - Parameters:
    ///   - name: One of ``all``.
    ///   - data: The data sets, in the order of the report.
    ///   - output: The folder; made if missing.
    ///   - choice: Which of the runs are done.
    ///   - jobs: How many runs that leave the model as it is are trained in the same passes; nil for as many as fit
    ///     half of the free memory.
    ///   - command: What repeats the experiment, for the report.
    ///   - version: Of the program, for the report.
    /// - Throws: ``ExperimentError``.
    public init(
        _ name: String, base: BaseModel, data: [ExperimentDataSet], settings: ExperimentSettings, output: URL,
        choice: RunChoice = RunChoice(), jobs: Int? = 1, command: String? = nil, version: String? = nil
    ) throws {
        study = try Studies.named(name)
        self.base = base
        self.settings = settings
        self.output = output
        self.command = command
        self.version = version
        func limit(_ count: Int) -> Int? { count > 0 ? count : nil }
        self.data = data.map {
            (settings.testsValidation ? $0.testingValidation : $0)
                .limited(test: limit(settings.testSources), train: limit(settings.trainExamples))
        }
        runs = try study.runs(settings, self.data)
        chosen = try choice.runs(of: runs)
        let widest = runs.map { base.trainingMemory(of: $0.method) }.max() ?? 1
        self.jobs = study.measuresMemory ? 1 : jobs ?? max(1, min(64, ProcessMemory.available / 2 / widest))
    }

    /// Does what is left to do and nobody else does, and writes the report.
    ///
    /// - Parameters:
    ///   - report: Told what happens.
    ///   - shouldStop: Asked before every step.
    /// - Throws: ``ExperimentError/interrupted(done:total:)`` where asked to stop, with the report of what is done;
    ///   ``ExperimentError/otherExperiment(folder:difference:)``, ``ExperimentError/otherRun(file:difference:)``; what a run
    ///   throws, divergence excepted.
    public func run(report: (Event) -> Void = { _ in }, shouldStop: () -> Bool = { false }) throws {
        let folder = try ExperimentFolder(output, identity: identity(), runs: runs)
        func done() -> Int { chosen.count { folder.isDone($0) } }
        var pending = chosen.filter { !folder.isDone($0) }
        var clock = ExperimentClock(chosen, left: pending, settings: settings, data: data)
        while true {
            var others: [RunPlan] = [], hasTrained = false
            while let claims = try claim(&pending, others: &others, folder, &clock) {
                let group = claims.map(\.plan)
                report(.begins(group))
                guard let trained = try train(group, &clock, report, shouldStop) else {
                    try writeReport(folder)
                    throw ExperimentError.interrupted(done: done(), total: chosen.count)
                }
                for run in trained {
                    report(.answers(run.plan))
                    let (result, texts) = try test(run, together: trained.count > 1)
                    try folder.write(result, texts: texts, method: run.method)
                    clock.finish(run.plan)
                    report(.ended(result, done: done(), total: chosen.count))
                }
                withExtendedLifetime(claims) { hasTrained = true }
            }
            // One that had a run may have ended without doing it.
            pending = others.filter { !folder.isDone($0) }
            guard hasTrained, !pending.isEmpty else { break }
        }
        if !pending.isEmpty { report(.leaves(pending)) }
        try writeReport(folder)
    }

    /// Takes the next runs for this process: one, or several that are trained in the same passes.
    ///
    /// - Parameters:
    ///   - pending: Loses them, and those that others have or did.
    ///   - others: Gets those that others have.
    /// - Returns: Nil where none is left.
    private func claim(
        _ pending: inout [RunPlan], others: inout [RunPlan], _ folder: ExperimentFolder, _ clock: inout ExperimentClock
    ) throws -> [(plan: RunPlan, lock: FolderLock)]? {
        var claims: [(plan: RunPlan, lock: FolderLock)] = []
        func joins(_ plan: RunPlan) throws -> Bool {
            try plan.federation == nil && plan.method.joins(on: dataSet(plan).task)
        }
        while let plan = pending.first, claims.count < jobs {
            if let first = claims.first { guard try joins(first.plan), try joins(plan) else { break } }
            pending.removeFirst()
            let lock = try folder.claim(plan)
            if let lock, !folder.isDone(plan) {
                claims.append((plan, lock))
            } else {
                if lock == nil { others.append(plan) }
                clock.skip(plan)
            }
        }
        return claims.isEmpty ? nil : claims
    }

    /// Trains runs to their ends.
    ///
    /// - Returns: Nil where asked to stop.
    private func train(
        _ plans: [RunPlan], _ clock: inout ExperimentClock, _ report: (Event) -> Void, _ shouldStop: () -> Bool
    ) throws -> [any TrainedRun]? {
        if study.measuresMemory || plans.contains(where: { !$0.method.method.leavesModel }) { base.release() }
        if study.measuresMemory { ProcessMemory.resetPeak() }
        let tape = Tape()
        if let plan = plans.first, plan.federation != nil {
            let rounds = try FederatedTraining(
                plan, data: dataSet(plan), base: base, settings: settings, passTape: tape)
            let isWhole = try rounds.run(
                note: { step, steps in
                    clock.step(plan, examples: rounds.settings.batchSize)
                    report(
                        .step(step, run: plan, totalSteps: steps, share: clock.share, secondsLeft: clock.secondsLeft))
                }, shouldStop: shouldStop)
            return isWhole ? [rounds] : nil
        }
        let runs = try plans.map { plan in
            try RunTraining(plan, data: dataSet(plan), base: base, settings: settings, passTape: tape)
        }
        let together = runs.count > 1 ? try JointTrainer(runs.map(\.trainer)) : nil
        func note(_ step: Trainer.Step, _ index: Int, seconds: Double) {
            runs[index].seconds += seconds
            runs[index].record(step)
            clock.step(runs[index].plan, examples: runs[index].trainer.settings.batchSize)
            report(
                .step(
                    step, run: plans[index], totalSteps: runs[index].trainer.totalSteps, share: clock.share,
                    secondsLeft: clock.secondsLeft))
        }
        while runs.contains(where: { !$0.trainer.isFinished && $0.failure == nil }) {
            if shouldStop() { return nil }
            let start = ContinuousClock.now
            if let together {
                let outcomes = together.step()
                let elapsed = start.duration(to: .now).seconds / Double(max(1, outcomes.count { $0 != nil }))
                for (index, outcome) in outcomes.enumerated() {
                    switch outcome {
                    case .success(let step)?: note(step, index, seconds: elapsed)
                    case .failure(let error)?: runs[index].fail(error)
                    case nil: break
                    }
                }
            } else {
                do {
                    let step = try runs[0].trainer.step()
                    note(step, 0, seconds: start.duration(to: .now).seconds)
                } catch let error as TrainingError {
                    runs[0].fail(error)
                }
            }
        }
        return runs
    }

    /// Tests a run.
    private func test(_ run: any TrainedRun, together: Bool) throws -> (RunResult, [String]) {
        let peak = ProcessMemory.peak, stepCount = run.stepCount
        let testedStep = run.restoreBest()
        let start = ContinuousClock.now
        let test = RunTest(data: try dataSet(run.plan), settings: settings)
        // What scoring loads would be counted as memory of the next run.
        let isTested =
            run.failure == nil && !study.measuresMemory && run.plan.federation?.strategy != .alone
        let answers =
            isTested
            ? try test.answers(of: run.method, words: run.plan.method.textBeforeSource)
            : RunTest.Answers(texts: [], cut: 0)
        let seconds = start.duration(to: .now).seconds
        let result = RunResult(
            plan: run.plan, trainableParameters: run.method.trainableParameterCount,
            storedParameters: run.method.storedParameterCount, modelParameters: base.configuration.parameterCount,
            examples: run.examples, batchSize: run.settings.batchSize,
            learningRate: run.settings.learningRate, steps: stepCount, testedStep: testedStep,
            tokens: run.tokens, seconds: run.seconds,
            peakMemory: study.measuresMemory && !together ? peak : nil, training: run.thinnedTraining,
            validation: run.validations, cutSources: answers.cut, testSeconds: seconds,
            tests: isTested ? try test.scores(answers.texts) : [],
            failure: run.failure.map { "\($0)" }, federated: run.federated)
        return (result, answers.texts)
    }

    func dataSet(_ plan: RunPlan) throws -> ExperimentDataSet {
        guard let found = data.first(where: { $0.name == plan.dataSet }) else {
            throw ExperimentError.unknownDataSet(name: plan.dataSet, known: data.map(\.name))
        }
        return found
    }

    func identity() throws -> ExperimentFolder.Identity {
        .init(
            experiment: study.name, settings: settings, model: base.name, precision: base.precision,
            modelParameters: base.configuration.parameterCount, weights: try base.digest(),
            data: data.map {
                .init(
                    name: $0.name, train: $0.train.count, validation: $0.validation.count, test: $0.test.count,
                    checksum: String($0.checksum, radix: 16))
            })
    }

    /// Writes the report of all that is done, by whomever: of what the folder's experiment is now.
    func writeReport(_ folder: ExperimentFolder) throws {
        func asked() throws -> (ExperimentFolder.Identity, plans: [RunPlan], done: [RunPlan]) {
            let identity = try folder.identity()
            let plans = try identity.settings == settings ? runs : study.runs(identity.settings, data)
            return (identity, plans, plans.filter { folder.isDone($0) })
        }
        // Who ends a run in the meantime writes a later report, and with others at work it may never be the last.
        for _ in 0..<3 {
            let (identity, plans, done) = try asked()
            let record = try ExperimentRecord(
                origin: .init(
                    command: command, version: version, processor: Processor.name, threads: Compute.threads,
                    date: Date().formatted(.iso8601.year().month().day())),
                planned: plans.count, data: data, runs: done.compactMap { try folder.result(of: $0) },
                settings: identity.settings, texts: { try folder.texts(of: $0) })
            let report = ExperimentReport(study: study, identity: identity, record: record)
            let page = try report.page(), chosen = study.settings(report.results)
            let isWritten = try folder.locked {
                let now = try asked()
                guard now.0 == identity, now.done == done else { return false }
                try folder.write(record, page, settings: chosen)
                return true
            }
            if isWritten { return }
        }
    }

    /// Writes the report of an experiment's folder anew, from `experiment.json` and `results.json` alone.
    ///
    /// - Parameter file: The page to write; nil for `report.html` in the folder.
    /// - Returns: The page.
    /// - Throws: ``ExperimentError`` where the folder's files cannot be read, `CheckpointError` where it cannot be written.
    public nonisolated static func rewriteReport(in folder: URL, to file: URL? = nil) throws -> URL {
        let identity = try ExperimentFolder.read(ExperimentFolder.Identity.self, "experiment.json", in: folder)
        let record = try ExperimentFolder.read(ExperimentRecord.self, "results.json", in: folder)
        let report = file ?? folder.appendingPathComponent("report.html")
        let page = try ExperimentReport(study: Studies.named(identity.experiment), identity: identity, record: record)
            .page()
        try AtomicFile.write(page.html.utf8, to: report)
        return report
    }
}

extension BaseModel {
    /// What training a run needs beside the model and the activations, in bytes: values, gradients, two moments and the
    /// best values, four bytes each.
    nonisolated func trainingMemory(of row: MethodSettings) -> Int {
        let shape = configuration.shape, length = row.length ?? 10
        let width = row.method == .prefix ? shape.prefixRowWidth : shape.width
        let hidden = row.hiddenWidth ?? 512
        let values =
            hidden == 0
            ? length * width : length * shape.width + (shape.width + 1) * hidden + (hidden + 1) * width
        return max(1, values * 4 * 5)
    }
}
