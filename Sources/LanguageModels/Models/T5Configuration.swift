import Foundation
import Tensors

/// The shape and conventions of a T5 model: a `config.json` of `model_type` t5 or mt5.
///
/// T5 v1.1, Flan-T5, T0 and UL2 are of the first type, mT5 and mT0 of the second. Missing keys have the values that
/// `transformers` gives them.
public struct T5Configuration: ModelConfiguration {
    /// Those of the relative.
    public let parts: ModelParts
    /// Width d of the residual stream (`d_model`).
    public let width: Int
    /// Width of a head (`d_kv`).
    public let headWidth: Int
    /// Width of the MLP's hidden layer (`d_ff`).
    public let innerWidth: Int
    /// Layers of the encoder (`num_layers`).
    public let encoderLayerCount: Int
    /// Layers of the decoder (`num_decoder_layers`).
    public let decoderLayerCount: Int
    /// Attention heads (`num_heads`).
    public let headCount: Int
    /// Ranges of distances (`relative_attention_num_buckets`).
    public let rangeCount: Int
    /// The distance from which on all are one range (`relative_attention_max_distance`).
    public let farthest: Int
    /// Number of token ids (`vocab_size`).
    public let vocabularySize: Int
    /// ε of the norms (`layer_norm_epsilon`).
    public let normEpsilon: Float
    /// Whether the MLP has a gate (`feed_forward_proj` begins with `gated-`).
    public let isGated: Bool
    /// The MLP's nonlinearity (the rest of `feed_forward_proj`).
    public let activation: NamedActivation
    /// Whether the decoder's output is divided by √d before the head: where T5 shares its embeddings with it.
    public let scalesOutput: Bool
    /// Dropout wherever there is any (`dropout_rate`).
    public let residualDropout: Float
    /// The token that the decoder begins with (`decoder_start_token_id`, else `pad_token_id`).
    public let startToken: Int32
    /// The tokens that end a text (`eos_token_id`).
    public let endTokens: [Int32]
    /// The file as it was read.
    public let fileContents: Data

    static let t5 = parts("T5", modelType: "t5", adapterHubClass: "T5AdapterModel")
    static let mt5 = parts("mT5", modelType: "mt5", adapterHubClass: "MT5AdapterModel")

    private static func parts(_ name: String, modelType: String, adapterHubClass: String) -> ModelParts {
        ModelParts(
            name, modelType: modelType, root: "", blocks: "decoder.block", encoderBlocks: "encoder.block",
            tokenTable: "shared", otherTokenTables: ["decoder.embed_tokens"], inputs: ["encoder.embed_tokens"],
            finalNorm: "decoder.final_layer_norm", outputs: ["encoder.final_layer_norm"], lowRankTargets: ["q", "v"],
            adapterHubClass: adapterHubClass)
    }

    /// What the relatives differ in where keys are missing.
    private struct Relative {
        var parts: ModelParts
        var inner: Int
        var layers: Int
        var heads: Int
        var vocabulary: Int
        var network: String
    }

    init(t5 file: ConfigurationReader) throws {
        try self.init(
            file, Relative(parts: Self.t5, inner: 2048, layers: 6, heads: 8, vocabulary: 32128, network: "relu"),
            // Files of v1.1, whose head is another matrix, say so here.
            scalesOutput: file.flag("tie_word_embeddings", default: true))
    }

    init(mt5 file: ConfigurationReader) throws {
        try self.init(
            file,
            Relative(parts: Self.mt5, inner: 1024, layers: 8, heads: 6, vocabulary: 250_112, network: "gated-gelu"),
            scalesOutput: false)
    }

    private init(_ file: ConfigurationReader, _ relative: Relative, scalesOutput: Bool) throws {
        parts = relative.parts
        self.scalesOutput = scalesOutput
        width = try file.integer("d_model", in: 1...1 << 16, default: 512)
        headWidth = try file.integer("d_kv", in: 1...1 << 14, default: 64)
        innerWidth = try file.integer("d_ff", in: 1...1 << 20, default: relative.inner)
        encoderLayerCount = try file.integer("num_layers", in: 1...1 << 12, default: relative.layers)
        decoderLayerCount = try file.optionalInteger("num_decoder_layers", in: 1...1 << 12) ?? encoderLayerCount
        headCount = try file.integer("num_heads", in: 1...1 << 12, default: relative.heads)
        rangeCount = try file.integer("relative_attention_num_buckets", in: 4...1 << 16, default: 32)
        farthest = try file.integer("relative_attention_max_distance", in: 2...1 << 20, default: 128)
        vocabularySize = try file.integer("vocab_size", default: relative.vocabulary)
        normEpsilon = Float(try file.positive("layer_norm_epsilon", default: 1e-6))
        (isGated, activation) = try Self.network(file, usual: relative.network)
        residualDropout = try file.probability("dropout_rate", default: 0.1)
        endTokens = try file.endTokens("eos_token_id", default: [1])
        let padding = try file.token("pad_token_id", vocabulary: vocabularySize, default: 0)
        startToken = try file.token("decoder_start_token_id", vocabulary: vocabularySize, default: padding) ?? 0
        fileContents = file.contents
        // Half of the ranges, in the encoder a quarter, hold one distance each; those behind are of growing width.
        guard rangeCount.isMultiple(of: 4), farthest > rangeCount / 2 else {
            throw file.invalid(
                "relative_attention_num_buckets",
                "\(rangeCount) ranges up to a distance of \(farthest) cannot be made; a multiple of 4 is needed, and "
                    + "relative_attention_max_distance above half of it")
        }
    }

    /// `relu`, `gated-gelu`, `gated-silu`, …
    private static func network(
        _ file: ConfigurationReader, usual: String
    ) throws -> (isGated: Bool, activation: NamedActivation) {
        let key = "feed_forward_proj", stated = try file.optionalString(key) ?? usual
        let isGated = stated.hasPrefix("gated-"), name = isGated ? String(stated.dropFirst(6)) : stated
        // The gated GELU of T5 v1.1 is the approximation, as its first files were read.
        guard let found = stated == "gated-gelu" ? .geluNew : NamedActivation(rawValue: name) else {
            let known = NamedActivation.allCases.map(\.rawValue).joined(separator: ", ")
            throw file.invalid(key, "\"\(stated)\" was found; \(known), alone or behind gated-, can be read")
        }
        return (isGated, found)
    }

    /// The activation's name.
    public var activationName: String { activation.rawValue }
    /// As on residual branches.
    public var attentionDropout: Float { residualDropout }
    /// True: files that have a head of their own have it as a tensor.
    public var tiesWordEmbeddings: Bool { true }

    /// Sizes that caches and prefixes have. Distances have no end, so that the number of positions is none of the model's.
    public var shape: ModelShape {
        ModelShape(
            layerCount: decoderLayerCount, keyHeadCount: headCount, headWidth: headWidth, width: width,
            positionCount: 1 << 20, vocabularySize: vocabularySize,
            encoder: AttentionStack(layerCount: encoderLayerCount, keyHeadCount: headCount, headWidth: headWidth))
    }

    /// Number of parameters, a tied head counted once.
    public var parameterCount: Int {
        let attention = 4 * width * headCount * headWidth, mlp = (isGated ? 3 : 2) * width * innerWidth
        let encoder = encoderLayerCount * (attention + mlp + 2 * width)
        let decoder = decoderLayerCount * (2 * attention + mlp + 3 * width)
        return vocabularySize * width + encoder + decoder + 2 * width + 2 * rangeCount * headCount
    }

    /// Builds the network.
    @Compute public func network(_ weights: WeightLoader) throws -> any CausalModel { try T5(self, weights) }
}
