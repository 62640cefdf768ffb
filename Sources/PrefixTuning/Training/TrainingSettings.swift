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
    /// By what the rate is multiplied from each layer to the one below it, 0 < f ≤ 1 (Howard & Ruder 2018): with blocks 1 … L,
    /// block l has η · fᴸ⁻ˡ, the embeddings below them η · fᴸ, and what stands above them η. In an encoder–decoder model the
    /// encoder's blocks lie below the decoder's. Nil for 1; only for methods that train something in the layers.
    public var layerDecay: Double?
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

    /// The methods whose settings are known.
    public enum KnownMethod: Sendable {
        /// Prefix-tuning, its embedding-only form, and infix-tuning.
        case prefix
        /// Full fine-tuning.
        case fineTuning
        /// The top two layers.
        case topLayers
        /// Bottleneck adapters: of 0.1% of the parameters, or larger ones.
        case adapter(isSmall: Bool)
        /// LoRA, with the settings of its own paper for these data sets, but for its warm-up of 500 steps: many runs are
        /// shorter.
        case lowRank
        /// Prompt tuning and P-tuning, which the paper does not run: PEFT's examples.
        case promptTuning
        /// See ``promptTuning``.
        case pTuning
    }

    /// The paper's settings for a task (Li & Liang 2021, table of hyperparameters; see also the authors' code).
    ///
    /// - Returns: The training settings, and the prefix length.
    public static func paper(_ task: TaskKind, _ method: KnownMethod = .prefix) -> (TrainingSettings, prefixLength: Int)
    {
        let (rate, epochs, batch) = known(task, method)
        var settings = TrainingSettings()
        (settings.learningRate, settings.duration, settings.batchSize) = (rate, .epochs(epochs), batch)
        if case .prefix = method, task != .xsum { settings.reduction = .sum } else { settings.reduction = .mean }
        let length =
            switch task {
            case .e2e, .webnlg: 5
            case .xsum: 100
            case .dart, .jsonl: 10
            }
        return (settings, length)
    }

    /// Rate, epochs, batch size.
    private static func known(_ task: TaskKind, _ method: KnownMethod) -> (Double, Int, Int) {
        switch (method, task) {
        case (.prefix, .e2e): (8e-5, 5, 10)
        case (.prefix, .webnlg): (5e-5, 5, 5)
        case (.prefix, .xsum): (5e-5, 30, 14)
        case (.prefix, _): (5e-5, 10, 5)
        case (.fineTuning, .e2e): (5e-5, 5, 10)
        case (.fineTuning, .xsum): (3e-5, 5, 18)
        case (.fineTuning, _): (1e-5, 10, 6)
        case (.topLayers, .e2e): (5e-5, 5, 10)
        case (.topLayers, .webnlg): (5e-5, 10, 9)
        case (.topLayers, _): (5e-5, 5, 5)
        case (.adapter(isSmall: true), .e2e): (8e-5, 10, 5)
        case (.adapter(isSmall: true), .webnlg): (5e-5, 10, 5)
        case (.adapter(isSmall: true), .dart): (8e-5, 5, 5)
        case (.adapter, _): (5e-5, 5, 5)
        case (.lowRank, _): (2e-4, 5, 8)
        case (.promptTuning, _): (3e-2, 5, 8)
        case (.pTuning, _): (1e-3, 5, 8)
        }
    }
}
