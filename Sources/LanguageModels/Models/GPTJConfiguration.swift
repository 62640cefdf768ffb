import Foundation
import Tensors

/// The shape and conventions of a GPT-J model: a `config.json` of `model_type: gptj`.
///
/// Missing keys have the values that `transformers` gives them.
public struct GPTJConfiguration: ModelConfiguration {
    /// Width d of the residual stream (`n_embd`).
    public let width: Int
    /// Number L of blocks (`n_layer`).
    public let layerCount: Int
    /// Number of attention heads (`n_head`).
    public let headCount: Int
    /// Width of the MLP's hidden layer (`n_inner`; four times d where it is null).
    public let innerWidth: Int
    /// Longest sequence, prefix included (`n_positions`).
    public let positionCount: Int
    /// Number of token ids (`vocab_size`).
    public let vocabularySize: Int
    /// ε of the layer norms (`layer_norm_epsilon`).
    public let layerNormEpsilon: Float
    /// The MLP's nonlinearity (`activation_function`).
    public let activation: NamedActivation
    /// How positions turn queries and keys (`rotary_dim`).
    public let rotary: RotaryEmbedding
    /// Whether the output head is the token embedding (`tie_word_embeddings`).
    public let tiesWordEmbeddings: Bool
    /// Dropout on residual branches (`resid_pdrop`).
    public let residualDropout: Float
    /// Dropout on the probabilities of attention (`attn_pdrop`).
    public let attentionDropout: Float
    /// The tokens that end a text (`eos_token_id`).
    public let endTokens: [Int32]
    /// The file as it was read.
    public let fileContents: Data

    init(_ file: ConfigurationReader) throws {
        width = try file.integer("n_embd", "hidden_size", in: 1...1 << 16, default: 4096)
        layerCount = try file.integer("n_layer", "num_hidden_layers", in: 1...1 << 12, default: 28)
        headCount = try file.integer("n_head", "num_attention_heads", in: 1...1 << 12, default: 16)
        innerWidth = try file.optionalInteger("n_inner", in: 1...1 << 20) ?? 4 * width
        positionCount = try file.integer("n_positions", "max_position_embeddings", in: 1...1 << 22, default: 2048)
        vocabularySize = try file.integer("vocab_size", default: 50400)
        layerNormEpsilon = Float(try file.positive("layer_norm_epsilon", default: 1e-5))
        activation = try file.activation("activation_function", default: "gelu_new")
        tiesWordEmbeddings = try file.flag("tie_word_embeddings", default: false)
        residualDropout = try file.probability("resid_pdrop", default: 0)
        attentionDropout = try file.probability("attn_pdrop", default: 0)
        endTokens = try file.endTokens("eos_token_id", default: [50256])
        fileContents = file.contents
        guard width.isMultiple(of: headCount) else {
            throw file.invalid("n_head", "\(headCount) heads do not divide the width of \(width)")
        }
        let turned = try file.integer("rotary_dim", in: 1...1 << 14, default: 64)
        guard turned.isMultiple(of: 2), turned <= width / headCount else {
            throw file.invalid(
                "rotary_dim",
                "\(turned) columns cannot be turned; an even number within a head of \(width / headCount) is needed")
        }
        rotary = RotaryEmbedding(neighboursOf: turned)
    }

    static let parts = ModelParts(
        "GPT-J", modelType: "gptj", root: "transformer", blocks: "h", tokenTable: "wte", finalNorm: "ln_f",
        adapterHubClass: "GPTJAdapterModel")

    /// Those of GPT-J.
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
        let block = 4 * width * width + 2 * width * innerWidth + innerWidth + width + 2 * width
        return vocabularySize * (width * (tiesWordEmbeddings ? 1 : 2) + 1) + layerCount * block + 2 * width
    }

    /// Builds the network.
    @Compute public func network(_ weights: WeightLoader) throws -> any CausalModel { try GPTJ(self, weights) }
}
