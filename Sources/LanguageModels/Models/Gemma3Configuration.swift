import Foundation
import Tensors

/// The shape and conventions of Gemma 3's text model: a `config.json` of `model_type` gemma3_text.
///
/// Missing keys have the values that `transformers` gives them.
public struct Gemma3Configuration: ModelConfiguration {
    /// Width d of the residual stream (`hidden_size`).
    public let width: Int
    /// Number L of blocks (`num_hidden_layers`).
    public let layerCount: Int
    /// Number of query heads (`num_attention_heads`).
    public let headCount: Int
    /// Number of key and value heads (`num_key_value_heads`); divides the query heads.
    public let keyHeadCount: Int
    /// Width of a head (`head_dim`), whatever d is.
    public let headWidth: Int
    /// Width of the MLP's hidden layer (`intermediate_size`).
    public let innerWidth: Int
    /// Longest sequence, prefix included: `max_position_embeddings`, or more where its positions are scaled by a factor.
    public let positionCount: Int
    /// Number of token ids (`vocab_size`).
    public let vocabularySize: Int
    /// ε of the norms (`rms_norm_eps`).
    public let normEpsilon: Float
    /// The gate's nonlinearity (`hidden_activation`).
    public let activation: NamedActivation
    /// Whether the matrices of attention have biases (`attention_bias`).
    public let hasAttentionBias: Bool
    /// What q·k is multiplied by: 1/√`query_pre_attn_scalar`, which need not be the width of a head.
    public let attentionScale: Float
    /// Which layers see a window only: those that `layer_types` calls sliding_attention, or all but every
    /// `sliding_window_pattern`-th.
    public let isLocal: [Bool]
    /// How positions turn queries and keys of layers that see everything.
    public let globalRotary: RotaryEmbedding
    /// The same of layers that see a window.
    public let localRotary: RotaryEmbedding
    /// Whether the output head is the token embedding (`tie_word_embeddings`).
    public let tiesWordEmbeddings: Bool
    /// Dropout on the probabilities of attention (`attention_dropout`).
    public let attentionDropout: Float
    /// The tokens that end a text (`eos_token_id`).
    public let endTokens: [Int32]
    /// The file as it was read.
    public let fileContents: Data
    /// How many keys up to itself a token of a local layer sees (`sliding_window`).
    private let slidingWindow: Int

    static let parts = ModelParts(
        "Gemma 3", modelType: "gemma3_text", root: "model", blocks: "layers", tokenTable: "embed_tokens",
        finalNorm: "norm", servedForm: .init("gemma3", keepsWindowsApart: true))
    private static let local = "sliding_attention", global = "full_attention"

    init(_ file: ConfigurationReader) throws {
        for key in ["attn_logit_softcapping", "final_logit_softcapping"] {
            guard let cap = try file.optionalNumber(key) else { continue }
            throw file.invalid(key, "a cap of \(cap) is not supported; Gemma 3 has none, and null is needed")
        }
        guard try !file.flag("use_bidirectional_attention", default: false) else {
            throw file.invalid("use_bidirectional_attention", "true was found, but only false can be read")
        }
        width = try file.integer("hidden_size", in: 1...1 << 16, default: 2304)
        layerCount = try file.integer("num_hidden_layers", in: 1...1 << 12, default: 26)
        headCount = try file.integer("num_attention_heads", in: 1...1 << 12, default: 8)
        keyHeadCount = try file.integer("num_key_value_heads", in: 1...1 << 12, default: 4)
        headWidth = try file.integer("head_dim", in: 1...1 << 14, default: 256)
        innerWidth = try file.integer("intermediate_size", in: 1...1 << 20, default: 9216)
        vocabularySize = try file.integer("vocab_size", default: 262_208)
        normEpsilon = Float(try file.positive("rms_norm_eps", default: 1e-6))
        activation = try file.activation("hidden_activation", default: NamedActivation.geluTanh.rawValue)
        hasAttentionBias = try file.flag("attention_bias", default: false)
        tiesWordEmbeddings = try file.flag("tie_word_embeddings", default: true)
        attentionDropout = try file.probability("attention_dropout", default: 0)
        endTokens = try file.endTokens("eos_token_id", default: [1])
        fileContents = file.contents
        guard headCount.isMultiple(of: keyHeadCount) else {
            throw file.invalid(
                "num_key_value_heads", "\(keyHeadCount) key heads do not divide \(headCount) query heads")
        }
        guard headWidth.isMultiple(of: 2) else {
            throw file.invalid("head_dim", "a head of width \(headWidth) cannot be turned; an even width is needed")
        }
        let scalar = try file.positive("query_pre_attn_scalar", default: 256)
        attentionScale = Float(1 / scalar.squareRoot())
        guard attentionScale.isNormal else {
            throw file.invalid("query_pre_attn_scalar", "1/√\(scalar) is no number that scores can be multiplied by")
        }
        guard let window = try file.optionalInteger("sliding_window") ?? (file.has("sliding_window") ? nil : 4096)
        else {
            throw file.invalid("sliding_window", "null was found, but local layers need a number of keys")
        }
        slidingWindow = window
        isLocal = try Self.localLayers(file, count: layerCount)
        let (global, local) = try Self.rotations(file)
        let positions = try file.integer("max_position_embeddings", in: 1...1 << 24, default: 131_072)
        positionCount = try RotaryEmbedding.reach(file, global, positions: positions)
        globalRotary = try RotaryEmbedding(
            file, global, headWidth: headWidth, positions: positions, .init(usualBase: 1_000_000))
        localRotary = try RotaryEmbedding(
            file, local, headWidth: headWidth, positions: positions, .init(baseKey: "rope_local_base_freq"))
    }

    /// Which layers see a window only.
    private static func localLayers(_ file: ConfigurationReader, count: Int) throws -> [Bool] {
        guard let types = try file.strings("layer_types") else {
            let pattern = try file.integer("sliding_window_pattern", in: 1...1 << 12, default: 6)
            return (1...count).map { !$0.isMultiple(of: pattern) }
        }
        guard types.count == count else {
            throw file.invalid("layer_types", "\(types.count) types were found for \(count) layers")
        }
        return try types.map { type in
            guard type == local || type == global else {
                throw file.invalid("layer_types", "\"\(type)\" was found, but only \(local) and \(global) can be read")
            }
            return type == local
        }
    }

    /// The objects that say how positions turn: in files of `transformers` 5 one for each kind of layer, before it
    /// `rope_scaling`, which the local layers take nothing of.
    private static func rotations(
        _ file: ConfigurationReader
    ) throws -> (global: RotaryEmbedding.Parameters?, local: RotaryEmbedding.Parameters?) {
        let scaling = try file.object("rope_scaling")
        guard let kinds = try file.object("rope_parameters"), !kinds.isEmpty else {
            return (scaling.map { .init(key: "rope_scaling", values: $0) }, nil)
        }
        guard scaling?.isEmpty ?? true else {
            throw file.invalid("rope_scaling", "it stands beside rope_parameters; only one of them can be read")
        }
        guard kinds.has(local) || kinds.has(global) else {
            throw file.invalid("rope_parameters", "an object for each of \(local) and \(global) is needed")
        }
        func parameters(_ kind: String) throws -> RotaryEmbedding.Parameters? {
            try kinds.object(kind).map { .init(key: "rope_parameters.\(kind)", values: $0) }
        }
        return (try parameters(global), try parameters(local))
    }

    /// What is said of every model of the architecture.
    public var parts: ModelParts { Self.parts }
    /// The token that begins a text where the file names none.
    public var beginToken: Int32? { 2 }
    /// The activation's name.
    public var activationName: String { activation.rawValue }
    /// 0: these models were trained without dropout on residual branches.
    public var residualDropout: Float { 0 }
    /// The local layers' window, where there is such a layer.
    public var attentionWindow: Int? { isLocal.contains(true) ? slidingWindow : nil }

    /// The number of keys, up to and including itself, that a token of a layer sees; nil for all.
    public func window(ofLayer layer: Int) -> Int? { isLocal[layer] ? slidingWindow : nil }

    /// The columns of a head that are turned.
    public var rotaryWidth: Int { globalRotary.width }

    /// Sizes that caches and prefixes have.
    public var shape: ModelShape {
        ModelShape(
            layerCount: layerCount, keyHeadCount: keyHeadCount, headWidth: headWidth, width: width,
            positionCount: positionCount, vocabularySize: vocabularySize)
    }

    /// Number of parameters, a tied head counted once.
    public var parameterCount: Int {
        let queries = headCount * headWidth, keys = keyHeadCount * headWidth
        var block = width * (queries + 2 * keys) + queries * width + 3 * width * innerWidth
        block += 4 * width + 2 * headWidth
        if hasAttentionBias { block += queries + 2 * keys + width }
        return vocabularySize * width * (tiesWordEmbeddings ? 1 : 2) + layerCount * block + width
    }

    /// Builds the network.
    @Compute public func network(_ weights: WeightLoader) throws -> any CausalModel { try Gemma3(self, weights) }
}
