import Foundation
import LanguageModels
import PrefixTuning
import Tensors

/// What happens in a training run, on standard error: a bar and lines for people, or a line of JSON for each event.
@Compute struct TrainingLog {
    private let form: LogOptions.Form
    private let common: CommonOptions
    private let trainer: Trainer
    private let output: URL
    private var display: ProgressDisplay
    private var firstLoss: Double?
    /// The ranks that were named as slow.
    private var named: Set<Int> = []

    init(_ form: LogOptions.Form, _ common: CommonOptions, _ trainer: Trainer, output: URL) {
        self.form = form
        self.common = common
        self.trainer = trainer
        self.output = output
        display = ProgressDisplay(quiet: common.quiet || form == .json)
    }

    /// Says what will be trained, and from which step on.
    mutating func begin() {
        let method = trainer.method, model = method.model.configuration.parameterCount
        common.warn(trainer.prefixReach, of: trainer.lengths, ("example", "examples"))
        guard form == .text else {
            return write(
                Event(
                    event: "begin", step: trainer.stepCount, total_steps: trainer.totalSteps,
                    examples: trainer.exampleCount, trainable_parameters: method.trainableParameterCount,
                    stored_parameters: method.storedParameterCount, model_parameters: model))
        }
        common.note(
            "\(counted(trainer.exampleCount, "example")), \(counted(trainer.totalSteps, "step")); "
                + "\(method.trainableParameterCount) trainable parameters, \(method.storedParameterCount) stored, of "
                + "\(model) in the model")
        if trainer.isOutOfPatience {
            common.note(
                "nothing is left to do: the run had stopped after \(counted(trainer.validationsSinceBest, "validation")) without "
                    + "a lower loss; give a larger --patience to go on")
        } else if trainer.isDone {
            common.note(
                "nothing is left to do: the run is finished; give more --steps (or --epochs) than it has to go on")
        } else if let before = trainer.stepsBeforeExtension {
            common.note(
                "going on beyond the \(before) steps that the run was begun with: the learning rate follows the longer "
                    + "schedule from step \(trainer.stepCount + 1) on, so this is not what one run of "
                    + "\(trainer.totalSteps) steps gives")
        }
    }

    /// Shows an event.
    mutating func show(_ event: TrainingRun.Event) {
        guard form == .text else { return write(Event(event, of: trainer.totalSteps)) }
        switch event {
        case .step(let step, let rate, let left):
            firstLoss = firstLoss ?? step.tokenLoss
            display.update(
                step.number, of: trainer.totalSteps,
                facts: String(format: "loss %.4f  %.0f tokens/s", step.tokenLoss, rate), secondsLeft: left)
        case .validation(let step, let loss, let isBest):
            display.note(
                String(format: "step %d: validation loss %.4f, perplexity %.2f", step, loss, exp(loss))
                    + (isBest ? " (best)" : ""))
        case .saved(let step):
            if common.verbose { display.note("step \(step): saved") }
        case .ranks(let times):
            guard let (rank, host, ratio) = times.straggler, common.verbose || named.insert(rank).inserted else {
                break
            }
            display.note(
                String(
                    format: "step %d: rank %d on %@ takes %.1f times the median for the same work", times.step, rank,
                    host,
                    ratio))
        }
    }

    /// Says how it ended.
    mutating func end(_ ending: TrainingRun.Ending, _ summary: TrainingSummary) {
        guard form == .text else {
            return write(
                Event(
                    event: ending.rawValue, step: summary.steps, total_steps: trainer.totalSteps,
                    tokens: summary.tokens, tokens_per_second: summary.tokens_per_second,
                    peak_memory_bytes: summary.peak_memory_bytes, output: output.path))
        }
        switch ending {
        case .finished, .stoppedEarly:
            if ending == .stoppedEarly {
                display.note(
                    "stopped at step \(summary.steps): \(counted(trainer.validationsSinceBest, "validation")) without a lower "
                        + "loss")
            }
            if let first = firstLoss, let last = summary.last_loss, last > 1.2 * first {
                display.note(
                    String(
                        format: "the loss rose from %.4f to %.4f: a lower --learning-rate, or --warmup, may help",
                        first, last))
            }
            common.note(
                String(
                    format: "%@, %.0f tokens/s, %.2f GB at most; written to %@", counted(summary.steps, "step"),
                    summary.tokens_per_second, Double(summary.peak_memory_bytes) / 1e9, output.path))
        case .interrupted:
            display.note(
                "stopped at step \(summary.steps) and saved; prefixtune train --resume --output \(output.path) continues"
            )
        }
    }

    private func write(_ event: Event) {
        // A number that JSON does not have cannot be: such a run has diverged, which is an error.
        guard !common.quiet, let line = try? JSONText.line(event) else { return }
        StandardError.write(line)
    }
}

/// A line of the log in JSON; what an event does not have is left out.
private struct Event: Encodable {
    var event: String
    var step: Int
    var total_steps: Int?
    var examples: Int?
    var trainable_parameters: Int?
    var stored_parameters: Int?
    var model_parameters: Int?
    var loss: Double?
    var token_loss: Double?
    var learning_rate: Double?
    var gradient_norm: Double?
    var tokens: Int?
    var tokens_per_second: Double?
    var seconds_left: Double?
    var perplexity: Double?
    var is_best: Bool?
    var peak_memory_bytes: Int?
    var output: String?
    var ranks: [RankTimes.Rank]?
    var hosts: [String]?
}

extension Event {
    init(_ event: TrainingRun.Event, of total: Int) {
        switch event {
        case .step(let step, let rate, let left):
            self.init(
                event: "step", step: step.number, total_steps: total, loss: step.loss, token_loss: step.tokenLoss,
                learning_rate: step.learningRate, gradient_norm: step.gradientNorm, tokens: step.tokens,
                tokens_per_second: rate, seconds_left: left)
        case .validation(let step, let loss, let isBest):
            self.init(
                event: "validation", step: step, loss: loss, perplexity: min(exp(loss), .greatestFiniteMagnitude),
                is_best: isBest)
        case .saved(let step): self.init(event: "saved", step: step)
        case .ranks(let times):
            self.init(event: "ranks", step: times.step, ranks: times.ranks, hosts: times.hosts)
        }
    }
}
