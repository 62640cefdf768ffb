import Foundation
import Tensors

/// The shape and conventions of a BLOOM model: a `config.json` of `model_type: bloom`, BLOOMZ's too.
///
/// Missing keys have the values that `transformers` gives them.
public struct BLOOMConfiguration: ModelConfiguration {
    /// Width d of the residual stream (`hidden_size`, in old files `n_embed`).
    public let width: Int
    /// Number L of blocks (`n_layer`).
    public let layerCount: Int
    /// Number of attention heads (`n_head`).
    public let headCount: Int
    /// Number of token ids (`vocab_size`).
    public let vocabularySize: Int
    /// ε of the layer norms (`layer_norm_epsilon`).
    public let layerNormEpsilon: Float
    /// Whether a branch is added to what its norm made (`apply_residual_connection_post_layernorm`).
    public let addsToNorms: Bool
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
        // The old key goes before the other, as in `transformers`.
        width = try file.integer("n_embed", "hidden_size", in: 1...1 << 16, default: 64)
        layerCount = try file.integer("n_layer", "num_hidden_layers", in: 1...1 << 12, default: 2)
        headCount = try file.integer("n_head", "num_attention_heads", in: 1...1 << 12, default: 8)
        vocabularySize = try file.integer("vocab_size", default: 250_880)
        layerNormEpsilon = Float(try file.positive("layer_norm_epsilon", default: 1e-5))
        addsToNorms = try file.flag("apply_residual_connection_post_layernorm", default: false)
        tiesWordEmbeddings = try file.flag("tie_word_embeddings", default: true)
        residualDropout = try file.probability("hidden_dropout", default: 0)
        attentionDropout = try file.probability("attention_dropout", default: 0)
        endTokens = try file.endTokens("eos_token_id", default: [2])
        fileContents = file.contents
        guard width.isMultiple(of: headCount) else {
            throw file.invalid("n_head", "\(headCount) heads do not divide the width of \(width)")
        }
    }

    static let parts = ModelParts(
        "BLOOM", modelType: "bloom", root: "transformer", blocks: "h", tokenTable: "word_embeddings",
        inputs: ["word_embeddings_layernorm"], finalNorm: "ln_f", lowRankTargets: ["query_key_value"])

    /// Those of BLOOM.
    public var parts: ModelParts { Self.parts }
    /// Width of the MLP's hidden layer.
    public var innerWidth: Int { 4 * width }
    /// The activation's name.
    public var activationName: String { NamedActivation.geluNew.rawValue }

    /// Sizes that caches and prefixes have. Distances have no end, so that the number of positions is none of the model's.
    public var shape: ModelShape {
        ModelShape(
            layerCount: layerCount, keyHeadCount: headCount, headWidth: width / headCount, width: width,
            positionCount: 1 << 20, vocabularySize: vocabularySize)
    }

    /// Number of parameters, a tied head counted once.
    public var parameterCount: Int {
        let block = 12 * width * width + 13 * width
        return vocabularySize * width * (tiesWordEmbeddings ? 1 : 2) + layerCount * block + 4 * width
    }

    /// Builds the network.
    @Compute public func network(_ weights: WeightLoader) throws -> any CausalModel { try BLOOM(self, weights) }
}
