import Foundation
import LanguageModels
import PrefixTuning
import Tensors

/// A row of an experiment's table: a method with its settings, as data. What is nil has the paper's value for the task, or
/// the method's own default.
public struct MethodRow: Codable, Equatable, Sendable {
    /// What is trained; the names are those of the command line.
    public enum Kind: String, Codable, CaseIterable, Sendable {
        /// A prefix.
        case prefix
        /// All weights.
        case fineTune = "fine-tune"
        /// The weights of the top layers.
        case topLayers = "top-layers"
        /// Bottleneck adapters.
        case adapter
        /// Updates of low rank.
        case lora
        /// Embeddings before the text.
        case promptTuning = "prompt-tuning"
        /// Embeddings that an MLP gives.
        case pTuning = "p-tuning"
        /// The paper's ablation: embeddings whose keys and values the model computes itself.
        case embeddingOnly = "embedding-only"
        /// Positions between source and text.
        case infix
    }

    /// What is trained.
    public var method: Kind
    /// Prefix, infix and embeddings: positions.
    public var length: Int?
    /// Prefix, infix and embeddings: width of the MLP's hidden layer; 0 for none.
    public var hiddenWidth: Int?
    /// Prefix and prompt tuning: the words that they start from; random values otherwise.
    public var words: String?
    /// Whether the words also stand as text before every source. The paper's fine-tuning with little data reads them so.
    public var wordsBeforeSource: Bool?
    /// Top layers: how many.
    public var layers: Int?
    /// Top layers: whether the token embeddings are trained, too.
    public var embeddings: Bool?
    /// Adapters: width of their hidden layers.
    public var bottleneck: Int?
    /// Adapters: their part of the model's parameters, where ``bottleneck`` is not given.
    public var share: Double?
    /// LoRA: rank.
    public var rank: Int?
    /// LoRA: updates are scaled by alpha over rank.
    public var alpha: Float?
    /// Dropout inside the model; nil for what the method does by itself.
    public var modelDropout: Float?

    /// Peak learning rate.
    public var learningRate: Double?
    /// Passes over the data.
    public var epochs: Int?
    /// Steps, instead of epochs.
    public var steps: Int?
    /// Examples per step.
    public var batchSize: Int?
    /// Steps of rising rate.
    public var warmup: Int?
    /// Fine-tuning and top layers: the rate of each layer by that of the layer above.
    public var layerDecay: Double?
    /// How losses become one number.
    public var reduction: TrainingSettings.Reduction?

    /// A row with nothing but a method.
    public init(_ method: Kind) { self.method = method }

    /// Whether the method leaves the model as it is, so that many runs can share one.
    var leavesModel: Bool {
        switch method {
        case .prefix, .promptTuning, .pTuning, .embeddingOnly, .infix: true
        case .fineTune, .topLayers, .adapter, .lora: false
        }
    }

    /// Whether many runs can be trained in the same passes: masks of dropout inside the model are of a whole pass.
    func joins(on task: TaskKind) -> Bool { leavesModel && (method != .prefix || prefixModelDropout(on: task) == 0) }

    /// The authors train prefixes of BART with 0.1, of GPT-2 without dropout.
    private func prefixModelDropout(on task: TaskKind) -> Float { modelDropout ?? (task == .xsum ? 0.1 : 0) }

    /// What the paper, or else the method's own, says of training on a task; and the paper's prefix length.
    func training(_ task: TaskKind) -> (TrainingSettings, prefixLength: Int) {
        let known: TrainingSettings.KnownMethod =
            switch method {
            case .prefix, .embeddingOnly, .infix: .prefix
            case .fineTune: .fineTuning
            case .topLayers: .topLayers
            case .adapter: .adapter(isSmall: bottleneck.map { $0 < 32 } ?? ((share ?? 0) < 0.01))
            case .lora: .lowRank
            case .promptTuning: .promptTuning
            case .pTuning: .pTuning
            }
        var (settings, length) = TrainingSettings.paper(task, known)
        if let epochs { settings.duration = .epochs(epochs) }
        if let steps { settings.duration = .steps(steps) }
        settings.learningRate = learningRate ?? settings.learningRate
        settings.batchSize = batchSize ?? settings.batchSize
        settings.warmupSteps = warmup ?? settings.warmupSteps
        settings.reduction = reduction ?? settings.reduction
        settings.layerDecay = layerDecay ?? settings.layerDecay
        return (settings, length)
    }
}

extension MethodRow {
    /// The method, ready to be trained.
    ///
    /// - Parameters:
    ///   - base: The frozen model, for methods that leave it as it is; the folder and precision for the others.
    ///   - task: What it is trained on: the authors' prefixes for summaries are wider inside, and trained with dropout.
    ///   - defaultLength: Positions of a prefix where neither ``length`` nor ``words`` says.
    ///   - passTape: What runs that are trained together record on.
    /// - Throws: What the method throws for settings that do not fit the model.
    @Compute func method(
        _ base: ExperimentBase, task: TaskKind, defaultLength: Int, seed: UInt64, passTape: Tape
    ) throws -> any TuningMethod {
        let length = length ?? (words == nil ? defaultLength : nil)
        switch method {
        case .prefix:
            var settings = PrefixMethod.Settings()
            settings.length = length
            if task == .xsum { settings.hiddenWidth = 800 }
            if let hiddenWidth { settings.hiddenWidth = hiddenWidth == 0 ? nil : hiddenWidth }
            if let words { settings.initialization = .words(words) }
            settings.modelDropout = prefixModelDropout(on: task)
            return try PrefixMethod(model: base.model(), settings: settings, seed: seed, passTape: passTape)
        case .promptTuning, .pTuning, .embeddingOnly:
            let form = SoftPromptMethod.Form(rawValue: method.rawValue) ?? .prompt
            var settings = SoftPromptMethod.Settings(form)
            (settings.length, settings.hiddenWidth, settings.words) = (length, hiddenWidth, words)
            return try SoftPromptMethod(model: base.model(), settings: settings, seed: seed, passTape: passTape)
        case .infix:
            var settings = InfixMethod.Settings()
            settings.length = length ?? settings.length
            if let hiddenWidth { settings.hiddenWidth = hiddenWidth == 0 ? nil : hiddenWidth }
            return try InfixMethod(model: base.model(), settings: settings, seed: seed, passTape: passTape)
        case .fineTune:
            return try FineTuning(folder: base.folder, dropout: modelDropout, modelName: base.name)
        case .topLayers:
            return try FineTuning(
                folder: base.folder, part: .topLayers(layers ?? 2, embeddings: embeddings ?? false),
                dropout: modelDropout, modelName: base.name)
        case .adapter:
            var settings = BottleneckMethod.Settings()
            settings.bottleneck = bottleneck ?? share.map { base.bottleneck(share: $0) } ?? settings.bottleneck
            settings.modelDropout = modelDropout
            return try BottleneckMethod(
                folder: base.folder, settings: settings, precision: base.precision, modelName: base.name, seed: seed)
        case .lora:
            var settings = LowRankMethod.Settings()
            settings.rank = rank ?? settings.rank
            settings.alpha = alpha ?? settings.alpha
            settings.modelDropout = modelDropout
            return try LowRankMethod(
                folder: base.folder, settings: settings, precision: base.precision, modelName: base.name, seed: seed)
        }
    }
}
