import Foundation
import LanguageModels
import Tensors

/// A training run with its folder: metrics, checkpoints, state to resume from, summary.
///
/// In the folder: what the method writes (the adapter, or a model) as it is after the last step; `best/`, the same at
/// the least validation loss; `training-state/`; `metrics.jsonl`, a line per step; `validation.jsonl`; `summary.json`.
@Compute public final class TrainingRun {
    /// What happens during a run, for whoever shows it.
    public enum Event: Sendable {
        /// A step is done.
        case step(Trainer.Step, tokensPerSecond: Double, secondsLeft: Double)
        /// A validation is done.
        case validation(step: Int, loss: Double, isBest: Bool)
        /// State and checkpoint are written.
        case saved(step: Int)
    }

    /// How a run ended.
    public enum Ending: String, Codable, Sendable {
        /// All steps are done.
        case finished
        /// Asked to stop; the state is saved.
        case interrupted
    }

    let trainer: Trainer
    private let validation: [TokenizedExample]
    let folder: URL
    private let details: [String: String]
    var metrics: MetricsFile
    var validations: MetricsFile
    private var tokens = 0
    private var seconds = 0.0
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
    ///   - details: Facts for the summary that the trainer does not know: data files, command.
    /// - Throws: ``TrainingError`` where a run is there already and `resumes` is false or where validation data does not
    ///   fit the model, and `CheckpointError` where the folder cannot be written to.
    public init(
        _ trainer: Trainer, validation: [TokenizedExample], folder: URL, resumes: Bool, details: [String: String] = [:]
    ) throws {
        self.trainer = trainer
        self.validation = validation
        self.folder = folder
        self.details = details
        try Trainer.check(validation, for: trainer.method)
        let state = folder.appendingPathComponent("training-state")
        if resumes {
            try trainer.restoreState(from: state)
        } else if Trainer.hasState(in: state) {
            throw TrainingError.folderInUse(folder: folder.path)
        }
        // A run that ended before it had a state leaves something behind, too.
        for part in [folder, state, folder.appendingPathComponent("best")] { AtomicFile.removeLeftovers(in: part) }
        try ModelFolder.makeFolder(folder)
        // Lines of steps after the saved state are dropped: those steps are done again.
        metrics = try MetricsFile(folder.appendingPathComponent("metrics.jsonl"), keepingUpTo: trainer.stepCount)
        validations = try MetricsFile(
            folder.appendingPathComponent("validation.jsonl"), keepingUpTo: trainer.stepCount)
        tokens = metrics.sum(of: "tokens")
        seconds = metrics.last("seconds") ?? 0
    }

    /// Trains to the end, or until asked to stop.
    ///
    /// - Parameters:
    ///   - report: Told what happens.
    ///   - shouldStop: Asked before every step.
    /// - Returns: How it ended, and the summary that was written.
    /// - Throws: ``TrainingError/diverged(step:loss:gradientNorm:learningRate:)``; the last saved state and checkpoint
    ///   are then still there.
    public func run(
        report: (Event) -> Void = { _ in }, shouldStop: () -> Bool = { false }
    ) throws -> (ending: Ending, summary: TrainingSummary) {
        try begin()
        while !trainer.isFinished {
            if shouldStop() { return (.interrupted, try finish(.interrupted, report)) }
            let start = ContinuousClock.now
            let step = try trainer.step()
            try record(step, elapsed: start.duration(to: .now).seconds, report)
        }
        return (.finished, try finish(.finished, report))
    }

    /// Saves the state before the first step: a run that is killed early can be resumed, too.
    func begin() throws {
        if trainer.stepCount == 0 { try trainer.saveState(to: folder.appendingPathComponent("training-state")) }
        isBetweenSteps = true
        rescue = Rescue { [weak self] in self?.saveLastStep() }
    }

    /// Writes down a step; validates and saves when it is time.
    func record(_ step: Trainer.Step, elapsed: Double, _ report: (Event) -> Void) throws {
        isBetweenSteps = false
        lastStep = step
        tokens += step.tokens
        seconds += elapsed
        try metrics.append(
            MetricsLine(
                step: step.step, loss: step.loss, token_loss: step.tokenLoss, learning_rate: step.learningRate,
                gradient_norm: step.gradientNorm, tokens: step.tokens, seconds: seconds))
        let isLast = trainer.isFinished
        report(
            .step(
                step, tokensPerSecond: Double(tokens) / seconds,
                secondsLeft: seconds / Double(step.step) * Double(trainer.totalSteps - step.step)))
        if isLast || trainer.settings.validateEvery.map({ step.step.isMultiple(of: $0) }) ?? step.endsEpoch {
            try validate(report)
        }
        if isLast || step.step.isMultiple(of: trainer.settings.saveEvery) { try save(report) }
        isBetweenSteps = true
    }

    private func validate(_ report: (Event) -> Void) throws {
        guard !validation.isEmpty else { return }
        let loss = trainer.validationLoss(validation)
        guard loss.isFinite else { throw divergence(loss: loss) }
        let isBest = loss < trainer.bestValidationLoss ?? .infinity
        if isBest {
            trainer.bestValidationLoss = loss
            try trainer.method.write(to: folder.appendingPathComponent("best"))
        }
        try validations.append(
            ValidationLine(step: trainer.stepCount, loss: loss, perplexity: min(exp(loss), .greatestFiniteMagnitude)))
        report(.validation(step: trainer.stepCount, loss: loss, isBest: isBest))
    }

    private func save(_ report: (Event) -> Void) throws {
        // The last update may have gone astray although the loss before it was a number.
        guard trainer.method.parameters.allSatisfy({ $0.value.sumOfSquares.isFinite }) else {
            throw divergence(loss: lastStep?.loss ?? .nan)
        }
        try metrics.synchronize()
        try validations.synchronize()
        do {
            try trainer.method.write(to: folder)
        } catch CheckpointError.notFinite {
            throw divergence(loss: lastStep?.loss ?? .nan)
        }
        try trainer.saveState(to: folder.appendingPathComponent("training-state"))
        report(.saved(step: trainer.stepCount))
    }

    private func divergence(loss: Double) -> TrainingError {
        .diverged(
            step: trainer.stepCount, loss: loss, gradientNorm: lastStep?.gradientNorm ?? .nan,
            learningRate: lastStep?.learningRate ?? trainer.settings.learningRate)
    }

    func finish(_ ending: Ending, _ report: (Event) -> Void) throws -> TrainingSummary {
        rescue = nil
        if ending == .interrupted { try save(report) }
        let summary = TrainingSummary(
            trainer, ending: ending, tokens: tokens, seconds: seconds, metrics: metrics, details: details)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        try AtomicFile.write(
            try encoder.encode(summary) + [UInt8(ascii: "\n")], to: folder.appendingPathComponent("summary.json"))
        return summary
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
