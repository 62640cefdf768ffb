import Foundation
import Tensors

/// The shape and conventions of a GPT-NeoX model: a `config.json` of `model_type: gpt_neox`.
///
/// Missing keys have the values that `transformers` gives them.
public struct GPTNeoXConfiguration: ModelConfiguration {
    /// Width d of the residual stream (`hidden_size`).
    public let width: Int
    /// Number L of blocks (`num_hidden_layers`).
    public let layerCount: Int
    /// Number of attention heads (`num_attention_heads`).
    public let headCount: Int
    /// Width of the MLP's hidden layer (`intermediate_size`).
    public let innerWidth: Int
    /// Longest sequence, prefix included: `max_position_embeddings`, or more where its positions are scaled by a factor.
    public let positionCount: Int
    /// Number of token ids (`vocab_size`).
    public let vocabularySize: Int
    /// ε of the layer norms (`layer_norm_eps`).
    public let layerNormEpsilon: Float
    /// The MLP's nonlinearity (`hidden_act`).
    public let activation: NamedActivation
    /// Whether attention and MLP read the same residual stream (`use_parallel_residual`).
    public let isParallel: Bool
    /// Whether attention's matrices have biases (`attention_bias`).
    public let hasBias: Bool
    /// How positions turn queries and keys.
    public let rotary: RotaryEmbedding
    /// Whether the output head is the token embedding (`tie_word_embeddings`).
    public let tiesWordEmbeddings: Bool
    /// Dropout on residual branches (`hidden_dropout`).
    public let residualDropout: Float
    /// Dropout on the probabilities of attention (`attention_dropout`).
    public let attentionDropout: Float
    /// The tokens that end a text (`eos_token_id`).
    public let endTokens: [Int32]
    /// The file as it was read.
    public let fileContents: Data

    init(_ file: ConfigurationReader) throws {
        width = try file.integer("hidden_size", in: 1...1 << 16, default: 6144)
        layerCount = try file.integer("num_hidden_layers", in: 1...1 << 12, default: 44)
        headCount = try file.integer("num_attention_heads", in: 1...1 << 12, default: 64)
        innerWidth = try file.integer("intermediate_size", in: 1...1 << 20, default: 24576)
        let positions = try file.integer("max_position_embeddings", in: 1...1 << 22, default: 2048)
        positionCount = try RotaryEmbedding.reach(file, positions: positions)
        vocabularySize = try file.integer("vocab_size", default: 50432)
        layerNormEpsilon = Float(try file.positive("layer_norm_eps", default: 1e-5))
        activation = try file.activation("hidden_act", default: "gelu")
        isParallel = try file.flag("use_parallel_residual", default: true)
        hasBias = try file.flag("attention_bias", default: true)
        tiesWordEmbeddings = try file.flag("tie_word_embeddings", default: false)
        residualDropout = try file.probability("hidden_dropout", default: 0)
        attentionDropout = try file.probability("attention_dropout", default: 0)
        endTokens = try file.endTokens("eos_token_id", default: [2])
        fileContents = file.contents
        guard width.isMultiple(of: headCount) else {
            throw file.invalid("num_attention_heads", "\(headCount) heads do not divide the width of \(width)")
        }
        rotary = try RotaryEmbedding(
            file, headWidth: width / headCount, positions: positions,
            .init(baseKey: "rotary_emb_base", fraction: ("rotary_pct", 0.25)))
    }

    static let parts = ModelParts(
        "GPT-NeoX", modelType: "gpt_neox", root: "gpt_neox", blocks: "layers", tokenTable: "embed_in",
        finalNorm: "final_layer_norm", olderHead: "embed_out", lowRankTargets: ["query_key_value"],
        servedForm: .init("gptneox"))

    /// Those of GPT-NeoX.
    public var parts: ModelParts { Self.parts }

    /// The columns of a head that are turned.
    public var rotaryWidth: Int { rotary.width }

    /// The activation's name.
    public var activationName: String { activation.rawValue }

    /// Sizes that caches and prefixes have.
    public var shape: ModelShape {
        ModelShape(
            layerCount: layerCount, keyHeadCount: headCount, headWidth: width / headCount, width: width,
            positionCount: positionCount, vocabularySize: vocabularySize)
    }

    /// Number of parameters, a tied head counted once.
    public var parameterCount: Int {
        let attention = 4 * width * width + (hasBias ? 4 * width : 0)
        let block = attention + 2 * width * innerWidth + innerWidth + width + 4 * width
        return vocabularySize * width * (tiesWordEmbeddings ? 1 : 2) + layerCount * block + 2 * width
    }

    /// Builds the network.
    @Compute public func network(_ weights: WeightLoader) throws -> any CausalModel { try GPTNeoX(self, weights) }
}
