import Foundation
import Tensors

/// The shape and conventions of a BART model: a `config.json` of `model_type: bart`.
///
/// Missing keys have the values that `transformers` gives them.
public struct BARTConfiguration: ModelConfiguration {
    /// The sizes of encoder or decoder.
    public struct Stack: Equatable, Sendable {
        /// Number of layers (`encoder_layers`, `decoder_layers`).
        public let layerCount: Int
        /// Attention heads (`encoder_attention_heads`, `decoder_attention_heads`).
        public let headCount: Int
        /// Width of the MLP's hidden layer (`encoder_ffn_dim`, `decoder_ffn_dim`).
        public let innerWidth: Int
    }

    /// Width d of the residual stream (`d_model`).
    public let width: Int
    /// The encoder's sizes.
    public let encoder: Stack
    /// The decoder's sizes.
    public let decoder: Stack
    /// Longest sequence (`max_position_embeddings`).
    public let positionCount: Int
    /// Number of token ids (`vocab_size`).
    public let vocabularySize: Int
    /// The MLP's nonlinearity (`activation_function`).
    public let activation: NamedActivation
    /// Whether token embeddings are multiplied by √d (`scale_embedding`).
    public let scalesEmbedding: Bool
    /// Whether encoder, decoder and output head share the token embedding (`tie_word_embeddings`).
    public let tiesWordEmbeddings: Bool
    /// Dropout on residual branches and embeddings (`dropout`).
    public let residualDropout: Float
    /// Dropout on the probabilities of attention (`attention_dropout`).
    public let attentionDropout: Float
    /// The token that the decoder begins with (`decoder_start_token_id`).
    public let startToken: Int32
    /// The tokens that end a text (`eos_token_id`).
    public let endTokens: [Int32]
    /// The file as it was read.
    public let fileContents: Data

    init(_ file: ConfigurationReader) throws {
        width = try file.integer("d_model", in: 1...1 << 16, default: 1024)
        func stack(_ name: String) throws -> Stack {
            Stack(
                layerCount: try file.integer("\(name)_layers", in: 1...1 << 12, default: 12),
                headCount: try file.integer("\(name)_attention_heads", in: 1...1 << 12, default: 16),
                innerWidth: try file.integer("\(name)_ffn_dim", in: 1...1 << 20, default: 4096))
        }
        encoder = try stack("encoder")
        decoder = try stack("decoder")
        positionCount = try file.integer("max_position_embeddings", in: 1...1 << 22, default: 1024)
        vocabularySize = try file.integer("vocab_size", default: 50265)
        activation = try file.activation("activation_function", default: "gelu")
        scalesEmbedding = try file.flag("scale_embedding", default: false)
        tiesWordEmbeddings = try file.flag("tie_word_embeddings", default: true)
        residualDropout = try file.probability("dropout", default: 0.1)
        attentionDropout = try file.probability("attention_dropout", default: 0)
        endTokens = try file.endTokens("eos_token_id", default: [2])
        startToken = try file.token("decoder_start_token_id", vocabulary: vocabularySize, default: 2) ?? 2
        guard Int(startToken) < vocabularySize else {
            throw file.invalid("vocab_size", "the decoder's start token, \(startToken), is beyond \(vocabularySize)")
        }
        fileContents = file.contents
        for (name, stack) in [("encoder", encoder), ("decoder", decoder)]
        where !width.isMultiple(of: stack.headCount) {
            throw file.invalid(
                "\(name)_attention_heads", "\(stack.headCount) heads do not divide the width of \(width)")
        }
        // Keys of the first files, which mBART and Marian set otherwise.
        for (key, usual) in [
            ("normalize_before", false), ("add_final_layer_norm", false), ("normalize_embedding", true),
            ("static_position_embeddings", false),
        ] where try file.flag(key, default: usual) != usual {
            throw file.invalid(key, "\(!usual) describes another architecture than BART, which is not supported")
        }
    }

    static let parts = ModelParts(
        "BART", modelType: "bart", root: "model", blocks: "decoder.layers", encoderBlocks: "encoder.layers",
        tokenTable: "shared", otherTokenTables: ["decoder.embed_tokens"],
        inputs: [
            "decoder.embed_positions", "decoder.layernorm_embedding", "encoder.embed_tokens", "encoder.embed_positions",
            "encoder.layernorm_embedding",
        ],
        finalNorm: nil, outputs: ["final_logits_bias"], adapterHubClass: "BartAdapterModel")

    /// Those of BART.
    public var parts: ModelParts { Self.parts }
    /// Query heads of a decoder layer.
    public var headCount: Int { decoder.headCount }
    /// Width of the decoder's MLP.
    public var innerWidth: Int { decoder.innerWidth }
    /// The activation's name.
    public var activationName: String { activation.rawValue }

    /// Sizes that caches and prefixes have.
    public var shape: ModelShape {
        ModelShape(
            layerCount: decoder.layerCount, keyHeadCount: decoder.headCount, headWidth: width / decoder.headCount,
            width: width, positionCount: positionCount, vocabularySize: vocabularySize,
            encoder: AttentionStack(
                layerCount: encoder.layerCount, keyHeadCount: encoder.headCount, headWidth: width / encoder.headCount))
    }

    /// Number of parameters, a shared embedding counted once.
    public var parameterCount: Int {
        let attention = 4 * (width * width + width), norm = 2 * width
        func mlp(_ stack: Stack) -> Int { 2 * width * stack.innerWidth + stack.innerWidth + width }
        let layers =
            encoder.layerCount * (attention + mlp(encoder) + 2 * norm)
            + decoder.layerCount * (2 * attention + mlp(decoder) + 3 * norm)
        let tables = vocabularySize * width * (tiesWordEmbeddings ? 1 : 4) + 2 * (positionCount + 2) * width
        return tables + layers + 2 * norm
    }

    /// Builds the network.
    @Compute public func network(_ weights: WeightLoader) throws -> any CausalModel { try BART(self, weights) }
}
