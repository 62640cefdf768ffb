import Foundation
import LanguageModels
import Tensors

/// A training run with its folder: metrics, checkpoints, state to resume from, summary.
///
/// In the folder: what the method writes (the adapter, or a model) as it is after the last step, with what it answers
/// (``TaskRecord``) where that is told; `best/`, the same at the least validation loss; `training-state/`; `metrics.jsonl`, a line
/// per step; `validation.jsonl`; `ranks.jsonl` where several processes train; at the end `samples.jsonl`, `summary.json` and `report.html`, a page to look at
/// (``TrainingReport``).
@Compute public final class TrainingRun {
    /// What happens during a run, for whoever shows it.
    public enum Event: Sendable {
        /// A step is done.
        case step(Trainer.Step, tokensPerSecond: Double, secondsLeft: Double)
        /// A validation is done.
        case validation(step: Int, loss: Double, isBest: Bool)
        /// State and checkpoint are written.
        case saved(step: Int)
        /// Where the time of several ranks went, every hundred steps.
        case ranks(RankTimes)
    }

    /// How a run ended.
    public enum Ending: String, Codable, Sendable {
        /// All steps are done.
        case finished
        /// The validation loss fell no longer; see ``TrainingSettings/patience``.
        case stoppedEarly = "stopped_early"
        /// Asked to stop; the state is saved.
        case interrupted
    }

    let trainer: Trainer
    private let validation: [TokenizedExample]
    let folder: URL
    private let details: [String: String]
    /// What the adapter answers, to be written beside it.
    private let record: TaskRecord?
    /// How the run is continued, for the last words.
    let advice: String
    var metrics: MetricsFile
    var validations: MetricsFile
    private let tensorBoard: TensorBoardFile?
    /// Of several ranks; opened when there is something to write.
    private var rankLines: MetricsFile?
    private let sampler: (@Compute () throws -> [TrainingSample])?
    private let lock: FolderLock
    /// The longest time between two saved states, besides the settings' number of steps.
    private let saveInterval: Swift.Duration
    private var lastSave = ContinuousClock.now
    private var seconds = 0.0
    /// Whether the folder holds what the method writes, of this run.
    private var hasCheckpoint: Bool
    /// Of what step a state was saved, and whether a validation was owed.
    private var saved: (step: Int, owesValidation: Bool)?
    private var lastStep: Trainer.Step?
    private var rescue: Rescue?
    /// Whether all that is to be written of the last step is written.
    private(set) var isBetweenSteps = false

    /// Prepares the folder, and restores the trainer's state where asked to.
    ///
    /// - Parameters:
    ///   - trainer: A new trainer.
    ///   - validation: May be empty.
    ///   - folder: Made if missing.
    ///   - resumes: Whether to continue the run in the folder.
    ///   - extends: Whether a run that is continued may have more steps than it was begun with.
    ///   - lock: What ``claim(_:resumes:)`` gave; by default it is called here.
    ///   - record: What the method is trained to answer; written beside what the method writes.
    ///   - details: Facts for the summary that the trainer does not know: data files, command.
    ///   - saveInterval: The longest time between two saved states, beside the number of steps that the settings name.
    ///   - writesTensorBoard: Whether an event file of TensorBoard is written, too, or continued.
    ///   - sampler: Makes the samples of a finished run; see ``TrainingSample/samples(of:examples:task:format:count:newTokens:)``.
    ///   - advice: What to do after memory ran out and the last step was saved, for people.
    /// - Throws: ``TrainingError`` where a run is there already and `resumes` is false or where validation data does not
    ///   fit the model, and `CheckpointError` where the folder cannot be written to or another process is at work there.
    public init(
        _ trainer: Trainer, validation: [TokenizedExample], folder: URL, resumes: Bool, extends: Bool = false,
        lock: FolderLock? = nil, record: TaskRecord? = nil, details: [String: String] = [:],
        saveInterval: Swift.Duration = .seconds(300), writesTensorBoard: Bool = false,
        sampler: (@Compute () throws -> [TrainingSample])? = nil, advice: String = "continue the run"
    ) throws {
        self.trainer = trainer
        self.saveInterval = saveInterval
        self.advice = advice
        self.validation = validation
        self.folder = folder
        self.details = details
        self.record = record
        self.sampler = sampler
        try Trainer.check(validation, for: trainer.method)
        self.lock = try lock ?? Self.claim(folder, resumes: resumes)
        trainer.validationDigest = validation.digest
        let state = Self.stateFolder(folder)
        if resumes { try trainer.restoreState(from: state, extends: extends) }
        // Of a process that was killed, before its first state perhaps.
        for part in [folder, state, folder.appendingPathComponent("best")] { AtomicFile.removeLeftovers(in: part) }
        // The state before the first step has no checkpoint beside it.
        hasCheckpoint = trainer.stepCount > 0
        metrics = try MetricsFile(
            folder.appendingPathComponent("metrics.jsonl"), keeping: trainer.stepCount, upTo: trainer.stepCount)
        validations = try MetricsFile(
            folder.appendingPathComponent("validation.jsonl"), keeping: trainer.validationCount,
            upTo: trainer.stepCount)
        tensorBoard =
            writesTensorBoard
            ? try TensorBoardFile(in: folder, upTo: trainer.stepCount, validations: trainer.validationCount) : nil
        seconds = metrics.last["seconds"].flatMap { (0..<1e10).contains($0) ? $0 : nil } ?? 0
    }

    /// Takes a folder for a run, before a model is loaded for it: no other process can work there until the lock is gone.
    ///
    /// - Throws: ``TrainingError`` where a run is there already and `resumes` is false, or none and it is true;
    ///   `CheckpointError` where another process is at work there or the folder cannot be written to.
    public nonisolated static func claim(_ folder: URL, resumes: Bool) throws -> FolderLock {
        let state = stateFolder(folder)
        if resumes, !Trainer.hasState(in: state) { throw TrainingError.nothingToResume(folder: state.path) }
        let lock: FolderLock
        do {
            lock = try FolderLock(state)
        } catch CheckpointError.cannotWrite(state.path, let reason) {
            throw CheckpointError.cannotWrite(file: folder.path, reason: reason)
        }
        if !resumes, Trainer.hasState(in: state) { throw TrainingError.folderInUse(folder: folder.path) }
        return lock
    }

    /// Whether a run was begun in a folder: it can be continued then.
    public nonisolated static func isBegun(in folder: URL) -> Bool { Trainer.hasState(in: stateFolder(folder)) }

    nonisolated static func stateFolder(_ folder: URL) -> URL {
        folder.appendingPathComponent("training-state")
    }

    /// Trains to the end, or until asked to stop.
    ///
    /// - Parameters:
    ///   - report: Told what happens.
    ///   - shouldStop: Asked before every step, and between the passes of a step and of a validation: what is begun is
    ///     then given up, and done from its beginning when the run is resumed.
    /// - Returns: How it ended, and the summary that was written.
    /// - Throws: ``TrainingError/diverged(step:loss:gradientNorm:learningRate:hasCheckpoint:)``; the last saved state and
    ///   checkpoint are then still there.
    public func run(
        report: (Event) -> Void = { _ in }, shouldStop: () -> Bool = { false }
    ) throws -> (ending: Ending, summary: TrainingSummary) {
        do {
            try begin()
            while !isDone {
                if try trainer.ranks.any(shouldStop()) { return (.interrupted, try finish(.interrupted, report)) }
                if trainer.owesValidation {
                    try conclude(report, shouldStop)
                } else {
                    let start = ContinuousClock.now
                    guard let step = try trainer.step(until: shouldStop) else { continue }
                    try record(step, elapsed: start.duration(to: .now).seconds, report, shouldStop)
                }
            }
            let ending = trainer.isFinished ? Ending.finished : .stoppedEarly
            return (ending, try finish(ending, report))
        } catch {
            throw explained(error)
        }
    }

    /// Whether nothing is left to do but to write the summary.
    var isDone: Bool { trainer.isDone }

    /// Saves the state before the first step: a run that is killed early can be resumed, too.
    func begin() throws {
        if trainer.stepCount == 0 { try trainer.saveState(to: Self.stateFolder(folder)) }
        isBetweenSteps = true
        lastSave = .now
        rescue = Rescue { [weak self] in self?.saveLastStep() }
    }

    /// An error of training with what the folder holds.
    func explained(_ error: any Error) -> any Error {
        guard case .diverged(let step, let loss, let norm, let rate, _)? = error as? TrainingError else { return error }
        return TrainingError.diverged(
            step: step, loss: loss, gradientNorm: norm, learningRate: rate, hasCheckpoint: hasCheckpoint)
    }

    /// Writes down a step; validates and saves when it is time.
    func record(
        _ step: Trainer.Step, elapsed: Double, _ report: (Event) -> Void, _ shouldStop: () -> Bool = { false }
    ) throws {
        isBetweenSteps = false
        lastStep = step
        seconds += elapsed
        try metrics.append(
            MetricsLine(
                step: step.number, loss: step.loss, token_loss: step.tokenLoss, learning_rate: step.learningRate,
                gradient_norm: step.gradientNorm, tokens: step.tokens, seconds: seconds))
        try tensorBoard?.add(step, tokensPerSecond: Double(trainer.tokensSeen) / seconds)
        trainer.owesValidation = !validation.isEmpty && trainer.isValidated(after: step)
        report(
            .step(
                step, tokensPerSecond: Double(trainer.tokensSeen) / seconds,
                secondsLeft: seconds / Double(step.number) * Double(trainer.totalSteps - step.number)))
        if let times = trainer.rankTimes {
            trainer.rankTimes = nil
            try write(times)
            report(.ranks(times))
        }
        isBetweenSteps = true
        try conclude(report, shouldStop)
    }

    /// Does what is to be done after a step: validates where that is owed, then saves.
    func conclude(_ report: (Event) -> Void, _ shouldStop: () -> Bool) throws {
        defer { isBetweenSteps = true }
        if trainer.owesValidation {
            guard let loss = try trainer.validationLoss(validation, until: shouldStop) else { return }
            isBetweenSteps = false
            try note(loss, report)
        }
        isBetweenSteps = false
        let isDue = trainer.stepCount.isMultiple(of: trainer.settings.saveEvery)
        // What is saved is what all ranks have.
        if isDue { try trainer.compareParameters() }
        if isDue || trainer.isFinished || lastSave.duration(to: .now) >= saveInterval { try save(report) }
    }

    private func write(_ times: RankTimes) throws {
        var lines =
            try rankLines
            ?? MetricsFile(folder.appendingPathComponent("ranks.jsonl"), keeping: .max, upTo: times.step - 1)
        for line in RankLine.lines(times) { try lines.append(line) }
        rankLines = lines
    }

    private func note(_ loss: Double, _ report: (Event) -> Void) throws {
        guard loss.isFinite else { throw divergence(loss: loss) }
        let isBest = trainer.note(validationLoss: loss)
        if isBest {
            try write(to: folder.appendingPathComponent("best"))
            hasCheckpoint = true
        }
        try validations.append(
            ValidationLine(step: trainer.stepCount, loss: loss, perplexity: min(exp(loss), .greatestFiniteMagnitude)))
        try tensorBoard?.add(validation: loss, step: trainer.stepCount)
        trainer.validationCount = validations.count
        trainer.owesValidation = false
        report(.validation(step: trainer.stepCount, loss: loss, isBest: isBest))
    }

    private func save(_ report: (Event) -> Void) throws {
        if let saved, saved == (trainer.stepCount, trainer.owesValidation) { return }
        // The last update may have gone astray although the loss before it was a number.
        guard trainer.method.parameters.allSatisfy({ $0.value.sumOfSquares.isFinite }) else {
            throw divergence(loss: lastStep?.loss ?? .nan)
        }
        try metrics.synchronize()
        try validations.synchronize()
        try tensorBoard?.synchronize()
        do {
            try write(to: folder)
        } catch CheckpointError.notFinite {
            throw divergence(loss: lastStep?.loss ?? .nan)
        }
        hasCheckpoint = true
        try trainer.saveState(to: Self.stateFolder(folder))
        saved = (trainer.stepCount, trainer.owesValidation)
        lastSave = .now
        report(.saved(step: trainer.stepCount))
    }

    /// What the adapter answers is written before it: a checkpoint never stands without.
    private func write(to folder: URL) throws {
        try record?.write(to: folder)
        try trainer.method.write(to: folder)
    }

    private func divergence(loss: Double) -> TrainingError {
        .diverged(
            step: trainer.stepCount, loss: loss, gradientNorm: lastStep?.gradientNorm ?? .nan,
            learningRate: lastStep?.learningRate ?? trainer.settings.learningRate)
    }

    func finish(_ ending: Ending, _ report: (Event) -> Void) throws -> TrainingSummary {
        rescue = nil
        if ending != .finished { try save(report) }
        let summary = TrainingSummary(
            trainer, ending: ending, seconds: seconds, metrics: metrics, details: details)
        try AtomicFile.write(JSONText.document(summary).utf8, to: folder.appendingPathComponent("summary.json"))
        if ending != .interrupted { try writeSamples() }
        try TrainingReport.write(in: folder)
        return summary
    }
}

extension TrainingRun {
    /// Samples are to be looked at: a prompt that cannot be answered is no reason for a run to fail.
    private func writeSamples() throws {
        guard let samples = try? sampler?(), !samples.isEmpty else { return }
        try AtomicFile.write(
            samples.map(JSONText.line).joined().utf8, to: folder.appendingPathComponent("samples.jsonl"))
    }
}

/// A line of `metrics.jsonl`.
struct MetricsLine: Codable {
    var step: Int
    var loss: Double
    var token_loss: Double
    var learning_rate: Double
    var gradient_norm: Double
    var tokens: Int
    /// Since the start of the run, validation and saving not counted.
    var seconds: Double
}

/// A line of `validation.jsonl`.
struct ValidationLine: Codable {
    var step: Int
    /// Nats per target token.
    var loss: Double
    var perplexity: Double
}

extension Duration {
    package var seconds: Double { Double(components.seconds) + Double(components.attoseconds) * 1e-18 }
}
