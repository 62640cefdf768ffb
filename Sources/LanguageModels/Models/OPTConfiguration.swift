import Foundation
import Tensors

/// The shape and conventions of an OPT model: a `config.json` of `model_type: opt`.
///
/// Missing keys have the values that `transformers` gives them.
public struct OPTConfiguration: ModelConfiguration {
    /// Width d of the residual stream (`hidden_size`).
    public let width: Int
    /// Width of token embeddings (`word_embed_proj_dim`); where it is not d, they are projected.
    public let embeddingWidth: Int
    /// Number L of blocks (`num_hidden_layers`).
    public let layerCount: Int
    /// Number of attention heads (`num_attention_heads`).
    public let headCount: Int
    /// Width of the MLP's hidden layer (`ffn_dim`).
    public let innerWidth: Int
    /// Longest sequence, prefix included (`max_position_embeddings`).
    public let positionCount: Int
    /// Number of token ids (`vocab_size`).
    public let vocabularySize: Int
    /// The MLP's nonlinearity (`activation_function`).
    public let activation: NamedActivation
    /// Whether norms come before attention and MLP (`do_layer_norm_before`), else after the sums.
    public let normsFirst: Bool
    /// Whether the last block's output is normalised.
    public let hasFinalNorm: Bool
    /// Whether matrices have biases (`enable_bias`).
    public let hasBias: Bool
    /// Whether norms have parameters (`layer_norm_elementwise_affine`).
    public let hasAffineNorms: Bool
    /// Whether the output head is the token embedding (`tie_word_embeddings`).
    public let tiesWordEmbeddings: Bool
    /// Dropout on residual branches (`dropout`).
    public let residualDropout: Float
    /// Dropout on the probabilities of attention (`attention_dropout`).
    public let attentionDropout: Float
    /// The tokens that end a text (`eos_token_id`).
    public let endTokens: [Int32]
    /// The file as it was read.
    public let fileContents: Data

    init(_ file: ConfigurationReader) throws {
        width = try file.integer("hidden_size", in: 1...1 << 16, default: 768)
        embeddingWidth = try file.integer("word_embed_proj_dim", in: 1...1 << 16, default: width)
        layerCount = try file.integer("num_hidden_layers", in: 1...1 << 12, default: 12)
        headCount = try file.integer("num_attention_heads", in: 1...1 << 12, default: 12)
        innerWidth = try file.integer("ffn_dim", in: 1...1 << 20, default: 3072)
        positionCount = try file.integer("max_position_embeddings", in: 1...1 << 22, default: 2048)
        vocabularySize = try file.integer("vocab_size", default: 50272)
        activation = try file.activation("activation_function", default: "relu")
        normsFirst = try file.flag("do_layer_norm_before", default: true)
        hasFinalNorm = try normsFirst && !file.flag("_remove_final_layer_norm", default: false)
        hasBias = try file.flag("enable_bias", default: true)
        hasAffineNorms = try file.flag("layer_norm_elementwise_affine", default: true)
        tiesWordEmbeddings = try file.flag("tie_word_embeddings", default: true)
        residualDropout = try file.probability("dropout", default: 0.1)
        attentionDropout = try file.probability("attention_dropout", default: 0)
        endTokens = try file.endTokens("eos_token_id", default: [2])
        fileContents = file.contents
        guard width.isMultiple(of: headCount) else {
            throw file.invalid("num_attention_heads", "\(headCount) heads do not divide the width of \(width)")
        }
    }

    static let parts = ModelParts(
        "OPT", modelType: "opt", root: "model", blocks: "decoder.layers", tokenTable: "decoder.embed_tokens",
        inputs: ["decoder.embed_positions", "decoder.project_in"], finalNorm: "decoder.final_layer_norm",
        outputs: ["decoder.project_out"])

    /// Those of OPT.
    public var parts: ModelParts { Self.parts }

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
        let bias = hasBias ? 1 : 0, norm = hasAffineNorms ? 2 * width : 0
        let block = 4 * (width * width + bias * width) + 2 * width * innerWidth + bias * (innerWidth + width) + 2 * norm
        let projections = embeddingWidth == width ? 0 : 2 * width * embeddingWidth
        let tables = vocabularySize * embeddingWidth * (tiesWordEmbeddings ? 1 : 2) + (positionCount + 2) * width
        return tables + projections + layerCount * block + (hasFinalNorm ? norm : 0)
    }

    /// Builds the network.
    @Compute public func network(_ weights: WeightLoader) throws -> any CausalModel { try OPT(self, weights) }
}
