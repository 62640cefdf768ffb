import Foundation
import LanguageModels

/// A method with its settings, as data: what is trained, from what it starts, and how. What `prefixtune train` is told by its
/// options, and what a row of an experiment's table is in JSON.
///
/// What is nil has the paper's value for the task, or the method's own default; nothing of it is written, so that a file
/// with fewer keys says the same.
public struct MethodSettings: Codable, Equatable, Sendable {
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
    /// What training starts from; the ``words``, or else random values or the model's own, where it is nil. Most methods
    /// can start from an adapter of their own kind, fine-tuning from a model's folder.
    public var initialization: PrefixInitialization?
    /// Prefix and prompt tuning: the words that they start from, where ``initialization`` is nil.
    public var words: String?
    /// Whether the words also stand as text before every source. The paper's fine-tuning with little data reads them so.
    public var wordsBeforeSource: Bool?
    /// Prefix and infix: dropout on their values.
    public var prefixDropout: Float?
    /// Prefix: the attentions of an encoder–decoder model that get one.
    public var attentions: [AttentionKind]?
    /// Prefix: where the text starts.
    public var textPosition: Prefix.TextPosition?

    /// Top layers: how many.
    public var layers: Int?
    /// Top layers: whether the token embeddings are trained, too.
    public var embeddings: Bool?

    /// Adapters: width of their hidden layers.
    public var bottleneck: Int?
    /// Adapters: their part of the model's parameters, where ``bottleneck`` is not given.
    public var share: Double?
    /// Adapters: where they are put.
    public var placement: BottleneckAdapters.Placement?

    /// LoRA: rank.
    public var rank: Int?
    /// LoRA: updates are scaled by alpha over rank.
    public var alpha: Float?
    /// LoRA: endings of the names of the updated matrices.
    public var targets: [String]?
    /// LoRA: dropout on what the updates read.
    public var loraDropout: Float?
    /// LoRA: biases that are trained, too.
    public var bias: TrainedParts.Biases?
    /// LoRA: whether the lengths of the updated matrices' columns are trained, too.
    public var dora: Bool?
    /// LoRA: endings of the names of modules that are trained as a whole.
    public var modules: [String]?
    /// LoRA: what of the updates is not trained.
    public var freeze: LowRankMethod.Frozen?

    /// Dropout inside the model; nil for what the method does by itself.
    public var modelDropout: Float?
    /// Dropout on the probabilities of the model's attention; nil for what the method does by itself.
    public var attentionDropout: Float?

    /// Peak learning rate.
    public var learningRate: Double?
    /// Passes over the data.
    public var epochs: Int?
    /// Steps, instead of epochs.
    public var steps: Int?
    /// Examples per step.
    public var batchSize: Int?
    /// What follows the warm-up.
    public var schedule: LearningRateSchedule.Shape?
    /// Steps of rising rate.
    public var warmup: Int?
    /// Fine-tuning, top layers, adapters and LoRA: the rate of each layer by that of the layer above.
    public var layerDecay: Double?
    /// Weight decay of AdamW.
    public var weightDecay: Double?
    /// Largest norm of the gradient; 0 for no limit.
    public var clip: Double?
    /// μ of FedProx: how strongly what is trained is pulled back to where it started.
    public var proximal: Double?
    /// How losses become one number.
    public var reduction: TrainingSettings.Reduction?
    /// Whether the data is shuffled, anew in each epoch.
    public var shuffles: Bool?
    /// What is computed twice rather than kept: less memory, more time, the same results.
    public var recompute: Recomputation.Part?
    /// Tokens that pass through the model at a time.
    public var tokensPerPass: Int?

    /// Nothing but a method.
    public init(_ method: Kind) { self.method = method }

    package enum CodingKeys: String, CodingKey, CaseIterable {
        case method, layers, embeddings, bottleneck, share, placement, rank, alpha, targets
        case loraDropout = "lora_dropout", bias, dora, modules, freeze, length, initialization, words
        case wordsBeforeSource = "words_before_source", hiddenWidth = "hidden_width", modelDropout = "model_dropout"
        case attentionDropout = "attention_dropout", prefixDropout = "prefix_dropout", attentions
        case textPosition = "text_position", learningRate = "learning_rate", epochs, steps, batchSize = "batch_size"
        case schedule, warmup, layerDecay = "layer_decay", weightDecay = "weight_decay", clip, proximal
        case reduction, shuffles
        case recompute, tokensPerPass = "tokens_per_pass"
    }
}

extension MethodSettings.Kind {
    /// Whether the weights of the model themselves are trained: they are then held in 32 bits.
    package var trainsWeights: Bool { self == .fineTune || self == .topLayers }

    /// Whether the method leaves the model as it is, so that many runs can share one.
    package var leavesModel: Bool {
        switch self {
        case .prefix, .promptTuning, .pTuning, .embeddingOnly, .infix: true
        case .fineTune, .topLayers, .adapter, .lora: false
        }
    }
}
