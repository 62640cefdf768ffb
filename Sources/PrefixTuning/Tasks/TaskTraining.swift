/// How each method is trained on a task: the paper's table of hyperparameters (Li & Liang 2021, appendix; see also the authors'
/// code), or else what the method's own authors use. The defaults are those where a task has none of its own.
public struct TaskTraining: Equatable, Sendable {
    /// Prefix-tuning, its embedding-only form, and infix-tuning.
    public var prefix = TrainingSettings.paper(5e-5, epochs: 10, batch: 5, .sum)
    /// Full fine-tuning.
    public var fineTuning = TrainingSettings.paper(1e-5, epochs: 10, batch: 6)
    /// The top two layers.
    public var topLayers = TrainingSettings.paper(5e-5, epochs: 5, batch: 5)
    /// Bottleneck adapters of about 0.1% of the model's parameters.
    public var smallAdapters = TrainingSettings.paper(5e-5, epochs: 5, batch: 5)
    /// Larger ones.
    public var adapters = TrainingSettings.paper(5e-5, epochs: 5, batch: 5)
    /// LoRA, with the settings of its own paper for these data sets, but for its warm-up of 500 steps: many runs are shorter.
    public var lowRank = TrainingSettings.paper(2e-4, epochs: 5, batch: 8)
    /// Prompt tuning, which the paper does not run: PEFT's example.
    public var promptTuning = TrainingSettings.paper(3e-2, epochs: 5, batch: 8)
    /// P-tuning, likewise.
    public var pTuning = TrainingSettings.paper(1e-3, epochs: 5, batch: 8)

    /// The settings where a task has none of its own.
    public init() {}

    /// Those of a method.
    func settings(for method: MethodSettings) -> TrainingSettings {
        switch method.method {
        case .prefix, .embeddingOnly, .infix: prefix
        case .fineTune: fineTuning
        case .topLayers: topLayers
        case .adapter: method.hasSmallAdapters ? smallAdapters : adapters
        case .lora: lowRank
        case .promptTuning: promptTuning
        case .pTuning: pTuning
        }
    }
}

extension TrainingSettings {
    /// A line of the paper's table.
    static func paper(
        _ learningRate: Double, epochs: Int, batch: Int, _ reduction: Reduction = .mean
    ) -> TrainingSettings {
        var settings = TrainingSettings()
        settings.learningRate = learningRate
        settings.duration = .epochs(epochs)
        settings.batchSize = batch
        settings.reduction = reduction
        return settings
    }
}
