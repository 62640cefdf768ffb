import Foundation
import LanguageModels
import PrefixTuning
import Tensors
import Tokenizers

/// Trains a small GPT-2 from scratch: next-token cross-entropy over rows of packed text, AdamW, and a rate that warms
/// up, stays, and falls linearly to zero.
///
/// The weights start from ``StructuredInitialization``, without which a model of this size does not learn to copy
/// within the time of a coffee break.
@Compute public final class Pretrainer {
    /// What a run does; everything needed to repeat it.
    public struct Settings: Codable, Equatable, Sendable {
        /// Tokens per row.
        public var rowLength = 128
        /// Rows per step.
        public var batchSize = 16
        /// Steps of the run.
        public var steps = 15_000
        /// Peak learning rate.
        public var learningRate = 2e-3
        /// Steps of rising rate.
        public var warmupSteps = 100
        /// Share of the steps in which the rate falls to zero, at the end.
        public var decayShare = 0.22
        /// Share of the rows that come from the background text.
        public var backgroundShare = 0.25
        /// The same during the first ``backgroundDelay`` steps: copying is learnt first.
        public var initialBackgroundShare = 0.05
        /// Steps until the background text has its full share.
        public var backgroundDelay = 1500
        /// Fixes initial weights and order of the data.
        public var seed: UInt64 = 1
        /// AdamW's constants in pretraining.
        public var optimizer: Optimizer.Settings = {
            var settings = Optimizer.Settings()
            settings.beta2 = 0.98
            settings.weightDecay = 0.05
            return settings
        }()

        /// The settings of the embedded base model.
        public init() {}

        private enum CodingKeys: String, CodingKey {
            case rowLength = "row_length", batchSize = "batch_size", steps, learningRate = "learning_rate"
            case warmupSteps = "warmup_steps", decayShare = "decay_share", backgroundShare = "background_share"
            case initialBackgroundShare = "initial_background_share", backgroundDelay = "background_delay", seed
            case optimizer
        }

        /// Throws where a setting has no meaning.
        public func validate() throws {
            func check(_ isRight: Bool, _ name: String, _ value: Int, _ needed: String) throws {
                guard isRight else { throw TrainingError.badSetting(name: name, value: "\(value)", needed: needed) }
            }
            try check((1...1 << 16).contains(batchSize), "the batch size", batchSize, "1 to \(1 << 16)")
            try check((2...1 << 20).contains(rowLength), "the row length", rowLength, "2 to \(1 << 20)")
            try check(steps > 0, "the length of the run", steps, "at least 1 step")
            try check(warmupSteps >= 0, "the warm-up", warmupSteps, "a number of steps from 0 on")
        }
    }

    /// What one step did.
    public struct Report: Codable, Sendable {
        /// 1 for the first.
        public let step: Int
        /// Mean cross-entropy of the step's main text, nats per token; nil where all its rows were background text.
        public let loss: Double?
        /// The same of its background text, where it had any.
        public let backgroundLoss: Double?
        /// η of the step.
        public let learningRate: Double
        /// Norm of the gradient before clipping.
        public let gradientNorm: Double
        /// Tokens of the step.
        public let tokens: Int

        private enum CodingKeys: String, CodingKey {
            case step, loss, backgroundLoss = "background_loss", learningRate = "learning_rate"
            case gradientNorm = "gradient_norm", tokens
        }
    }

    /// The model in training.
    public let model: GPT2
    /// The tokenizer that the model is made for.
    public let tokenizer: Tokenizer
    private let settings: Settings
    private let tape: Tape
    private let optimizer: Optimizer
    private let schedule: LearningRateSchedule
    private var text: TextSource
    private var background: TextSource?
    private var generator: SeededGenerator

    /// Prepares a run.
    ///
    /// - Parameters:
    ///   - configuration: Shape of the model; its vocabulary must be the tokenizer's.
    ///   - text: Documents that the model is made for.
    ///   - background: Documents of general text; may be empty.
    /// - Throws: `DataError` or ``StructuredInitializationError``.
    public init(
        configuration: GPT2Configuration, tokenizer: Tokenizer, text: [String], background: [String],
        settings: Settings
    ) throws {
        try settings.validate()
        self.tokenizer = tokenizer
        self.settings = settings
        tape = Tape()
        let weights = try StructuredInitialization(
            .init(
                vocabularySize: configuration.vocabularySize, width: configuration.width,
                layers: configuration.layerCount, heads: configuration.headCount,
                positions: configuration.positionCount, seed: settings.seed)
        ).weights()
        model = try GPT2(
            configuration, reader: CheckpointReader(TensorsInMemory(weights)), use: .trainable(tape))
        optimizer = Optimizer(model.parameters, settings: settings.optimizer)
        let decay = Int(Double(settings.steps) * settings.decayShare)
        schedule = LearningRateSchedule(
            .linear, warmupSteps: settings.warmupSteps,
            holdSteps: max(0, settings.steps - settings.warmupSteps - decay), totalSteps: settings.steps)
        guard let endOfText = tokenizer.endOfText else {
            throw TokenizerError.badSpecialToken(SyntheticCorpus.endOfText)
        }
        func source(_ documents: [String], _ offset: UInt64) throws -> TextSource {
            try TextSource(
                documents, tokenizer: tokenizer, endOfText: endOfText, rowLength: settings.rowLength,
                seed: settings.seed &+ offset)
        }
        self.text = try source(text, 1)
        self.background = background.isEmpty ? nil : try source(background, 2)
        generator = SeededGenerator(seed: settings.seed &+ 3)
    }

    /// Trains on one batch.
    ///
    /// - Throws: `TrainingError.diverged`; the weights are then as before the step.
    public func step() throws -> Report {
        let done = optimizer.stepCount
        let share = done < settings.backgroundDelay ? settings.initialBackgroundShare : settings.backgroundShare
        var rows: [[Int32]] = [], isBackground: [Bool] = []
        for _ in 0..<settings.batchSize {
            let fromBackground = generator.uniform() < share && background != nil
            rows.append(
                (fromBackground ? background?.row(length: settings.rowLength) : nil)
                    ?? text.row(length: settings.rowLength))
            isBackground.append(fromBackground)
        }
        let (loss, perTarget) = loss(of: rows)
        tape.backward(from: loss)
        let rate = settings.learningRate * schedule.factor(at: done + 1)
        let norm = optimizer.step(learningRate: rate)
        guard norm.isFinite else {
            throw TrainingError.diverged(
                step: done + 1, loss: Double(loss.values[0]), gradientNorm: norm, learningRate: rate)
        }
        let perRow = settings.rowLength - 1
        func mean(_ wanted: Bool) -> Double? {
            let chosen = isBackground.indices.filter { isBackground[$0] == wanted }
                .flatMap { perTarget[$0 * perRow..<($0 + 1) * perRow] }
            return chosen.isEmpty ? nil : chosen.reduce(0) { $0 + Double($1) } / Double(chosen.count)
        }
        return Report(
            step: done + 1, loss: mean(false), backgroundLoss: mean(true), learningRate: rate,
            gradientNorm: norm, tokens: rows.count * settings.rowLength)
    }

    /// Mean cross-entropy of every token but each row's first.
    private func loss(of rows: [[Int32]]) -> (Tensor, [Float]) {
        let batch = TokenBatch(rows)
        let cache = KVCache(shape: model.shape, sequences: rows.map { _ in .init() }, keepsTokens: false)
        let hidden = model.hiddenStates(batch, cache: cache, dropout: nil)
        let predictors = batch.ranges.flatMap { $0.dropLast().map(Int32.init) }
        let weights = [Float](repeating: 1 / Float(predictors.count), count: predictors.count)
        let (loss, perRow) = crossEntropy(
            hidden.rows(at: predictors), head: model.head, targets: rows.flatMap { $0.dropFirst() }, weights: weights,
            chunk: 512)
        return (loss, perRow)
    }

    /// Measures copying on records that the model has not seen.
    public func gate(probes: Int = 200) throws -> CopyingGate {
        try tape.withoutRecording { try CopyingGate(model: model, tokenizer: tokenizer, probes: probes) }
    }

    /// Writes the model folder: `config.json`, `model.safetensors` and the tokenizer.
    ///
    /// - Parameter format: 16-bit floats halve the file.
    /// - Throws: `CheckpointError` where it cannot be written.
    public func write(to folder: URL, format: SafetensorsWriter.Format) throws {
        try ModelFolder.write(
            configuration: model.configuration, parameters: model.parameters, tokenizer: tokenizer, to: folder,
            format: format)
    }
}
