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

    /// How the gradients of the passes of a step are added.
    public enum GradientSums: String, Codable, CaseIterable, Sendable {
        /// As integers, to the same bits in any order and on any number of ranks; one gradient for each pass is kept.
        case exact
        /// As floats, one after the other.
        case fast
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
    /// How gradients of passes are added; nil for the method's own way: fast where a whole model is trained, else exact.
    public var gradientSums: GradientSums?
    /// What is computed twice to save memory; nil for nothing. Results are the same bit for bit.
    public var recomputation: Recomputation.Part?
    /// Steps between two saved training states; also the most that a crash can lose.
    public var saveEvery = 200
    /// Steps between two validations; nil for once per epoch.
    public var validateEvery: Int?
    /// How many validations in a row without a lower loss end a run early; nil for never.
    public var patience: Int?

    /// The paper's defaults where a task has none of its own.
    public init() {}

    enum CodingKeys: String, CodingKey, CaseIterable {
        case duration, batchSize = "batch_size", learningRate = "learning_rate", layerDecay = "layer_decay", schedule
        case warmupSteps = "warmup_steps", reduction, seed, shuffles, optimizer, tokensPerPass = "tokens_per_pass"
        case gradientSums = "gradient_sums", recomputation, saveEvery = "save_every", validateEvery = "validate_every",
            patience
    }
}

/// `{"steps": 200}` or `{"epochs": 5}`.
extension TrainingSettings.Duration {
    private enum CodingKeys: CodingKey {
        case epochs, steps
    }

    /// Reads one of both.
    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        if let steps = try values.decodeIfPresent(Int.self, forKey: .steps) {
            self = .steps(steps)
        } else {
            self = .epochs(try values.decode(Int.self, forKey: .epochs))
        }
    }

    /// Writes its number under its name.
    public func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: CodingKeys.self)
        switch self {
        case .epochs(let count): try values.encode(count, forKey: .epochs)
        case .steps(let count): try values.encode(count, forKey: .steps)
        }
    }
}
