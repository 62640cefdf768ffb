import LanguageModels

/// How a method is trained; everything but data and method.
public struct TrainingSettings: Codable, Equatable, Sendable {
    /// How the losses of the target tokens of a batch become one number.
    public enum Reduction: String, Codable, CaseIterable, Sendable {
        /// The sum over the target tokens of an example, averaged over the examples: the authors' prefix-tuning.
        case sum
        /// The mean over all target tokens of the batch: the authors' fine-tuning.
        case mean
    }

    /// How long a run is.
    public enum Duration: Codable, Equatable, Sendable {
        /// Passes over the data.
        case epochs(Int)
        /// Batches.
        case steps(Int)
    }

    /// How long the run is.
    public var duration = Duration.epochs(10)
    /// Examples per step; the last batch of an epoch may have fewer.
    public var batchSize = 5
    /// Peak learning rate.
    public var learningRate = 5e-5
    /// What follows the warm-up.
    public var schedule = LearningRateSchedule.Shape.linear
    /// Steps of rising rate.
    public var warmupSteps = 0
    /// How losses become one number.
    public var reduction = Reduction.sum
    /// Fixes initial values, order of the data and dropout.
    public var seed: UInt64 = 101
    /// Whether the data is shuffled, anew in each epoch.
    public var shuffles = true
    /// AdamW's constants and the clipping.
    public var optimizer = Optimizer.Settings()
    /// Tokens that pass through the model at a time. A larger batch is passed in parts, whose gradients are summed: the
    /// memory for activations stays the same, and products of so many rows run at full speed.
    public var tokensPerPass = 256
    /// What is computed twice to save memory; nil for nothing. Results are the same bit for bit.
    public var recomputation: Recomputation.Part?
    /// Steps between two saved training states; also the most that a crash can lose.
    public var saveEvery = 200
    /// Steps between two validations; nil for once per epoch.
    public var validateEvery: Int?

    /// The paper's defaults where a task has none of its own.
    public init() {}

    /// The paper's settings for a task (Li & Liang 2021, table of hyperparameters; see also the authors' code).
    ///
    /// - Returns: The training settings, and the prefix length.
    public static func paper(_ task: TaskKind, fineTuning: Bool = false) -> (TrainingSettings, prefixLength: Int) {
        var settings = TrainingSettings()
        var length = 10
        switch (task, fineTuning) {
        case (.e2e, false):
            (settings.learningRate, settings.duration, settings.batchSize, length) = (8e-5, .epochs(5), 10, 5)
        case (.webnlg, false):
            (settings.learningRate, settings.duration, settings.batchSize, length) = (5e-5, .epochs(5), 5, 5)
        case (.xsum, false):
            (settings.learningRate, settings.duration, settings.batchSize, length) = (5e-5, .epochs(30), 14, 100)
            settings.reduction = .mean
        case (.xsum, true):
            (settings.learningRate, settings.duration, settings.batchSize) = (3e-5, .epochs(5), 18)
        case (.dart, false), (.jsonl, false):
            (settings.learningRate, settings.duration, settings.batchSize, length) = (5e-5, .epochs(10), 5, 10)
        case (.e2e, true):
            (settings.learningRate, settings.duration, settings.batchSize) = (5e-5, .epochs(5), 10)
        case (.webnlg, true), (.dart, true), (.jsonl, true):
            (settings.learningRate, settings.duration, settings.batchSize) = (1e-5, .epochs(10), 6)
        }
        if fineTuning { settings.reduction = .mean }
        return (settings, length)
    }
}
