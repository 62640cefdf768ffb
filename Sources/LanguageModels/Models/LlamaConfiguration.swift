import Foundation
import Tensors

/// The shape and conventions of Llama and its relatives: a `config.json` of `model_type` llama, mistral, qwen2,
/// qwen3, smollm3 or phi3.
///
/// Missing keys have the values that `transformers` gives them.
public struct LlamaConfiguration: ModelConfiguration {
    /// Those of the relative.
    public let parts: ModelParts
    /// Width d of the residual stream (`hidden_size`).
    public let width: Int
    /// Number L of blocks (`num_hidden_layers`).
    public let layerCount: Int
    /// Number of query heads (`num_attention_heads`).
    public let headCount: Int
    /// Number of key and value heads (`num_key_value_heads`); divides the query heads.
    public let keyHeadCount: Int
    /// Width of a head (`head_dim`); d / query heads where the file says nothing.
    public let headWidth: Int
    /// Width of the MLP's hidden layer (`intermediate_size`).
    public let innerWidth: Int
    /// Longest sequence, prefix included: `max_position_embeddings`, or more where its positions are scaled by a factor.
    public let positionCount: Int
    /// Number of token ids (`vocab_size`).
    public let vocabularySize: Int
    /// ε of the norms (`rms_norm_eps`).
    public let normEpsilon: Float
    /// The gate's nonlinearity (`hidden_act`).
    public let activation: NamedActivation
    /// Whether queries, keys and values have biases: `attention_bias`; always in Qwen2.
    public let hasAttentionBias: Bool
    /// Whether attention's output has a bias: `attention_bias`; never in Qwen2.
    public let hasOutputBias: Bool
    /// Whether the MLP has biases (`mlp_bias`).
    public let hasMLPBias: Bool
    /// Whether queries and keys are normalised head by head: in Qwen3.
    public let normsHeads: Bool
    /// How positions turn queries and keys, in the layers that turn them.
    public let rotary: RotaryEmbedding
    /// Whether a checkpoint has queries, keys and values in one matrix, and gate and up in one: in Phi-3.
    public let isFused: Bool
    /// Whether the output head is the token embedding (`tie_word_embeddings`).
    public let tiesWordEmbeddings: Bool
    /// Dropout on the probabilities of attention (`attention_dropout`).
    public let attentionDropout: Float
    /// Dropout on residual branches: `resid_pdrop` of Phi-3; the others were trained without.
    public let residualDropout: Float
    /// The tokens that end a text (`eos_token_id`).
    public let endTokens: [Int32]
    /// The file as it was read.
    public let fileContents: Data
    /// Whether a layer turns queries and keys: SmolLM3 leaves some as they are.
    private let turningLayers: [Bool]
    /// How many keys up to itself a token sees, in the layers that have a window.
    private let slidingWindow: Int?
    private let slidingLayers: [Bool]

    static let llama = parts(
        "Llama", modelType: "llama", adapterHubClass: "LlamaAdapterModel", .init("llama", turnsPairs: true))
    static let mistral = parts(
        "Mistral", modelType: "mistral", adapterHubClass: "MistralAdapterModel", .init("llama", turnsPairs: true))
    static let qwen2 = parts("Qwen2", modelType: "qwen2", .init("qwen2"))
    static let qwen3 = parts("Qwen3", modelType: "qwen3", .init("qwen3"))
    static let smolLM3 = parts("SmolLM3", modelType: "smollm3", .init("smollm3", turnsPairs: true))
    static let phi3 = parts("Phi-3", modelType: "phi3", targets: ["qkv_proj"], .init("phi3"))

    private static func parts(
        _ name: String, modelType: String, adapterHubClass: String? = nil, targets: [String] = ["q_proj", "v_proj"],
        _ servedForm: ServedForm
    ) -> ModelParts {
        ModelParts(
            name, modelType: modelType, root: "model", blocks: "layers", tokenTable: "embed_tokens", finalNorm: "norm",
            lowRankTargets: targets, adapterHubClass: adapterHubClass, servedForm: servedForm)
    }

    /// What the relatives differ in.
    private struct Relative {
        var parts: ModelParts
        var width = 4096
        var layers = 32
        var heads = 32
        var positions: Int
        var vocabulary: Int
        var inner: Int
        var keyHeads: Int?
        var headWidth: Int?
        var endToken: Int32?
        var epsilon = 1e-6
        var ties = false
        var rotary = RotaryEmbedding.Conventions()
    }

    init(llama file: ConfigurationReader) throws {
        let bias = try file.flag("attention_bias", default: false)
        try self.init(
            file, Relative(parts: Self.llama, positions: 2048, vocabulary: 32000, inner: 11008, endToken: 2),
            bias: bias, outputBias: bias, mlpBias: file.flag("mlp_bias", default: false), normsHeads: false)
    }

    init(mistral file: ConfigurationReader) throws {
        try self.init(
            file,
            Relative(
                parts: Self.mistral, positions: 4096 * 32, vocabulary: 32000, inner: 14336, keyHeads: 8, endToken: 2),
            bias: false, outputBias: false, mlpBias: false, normsHeads: false)
    }

    init(qwen2 file: ConfigurationReader) throws {
        try self.init(
            file, Relative(parts: Self.qwen2, positions: 32768, vocabulary: 151_936, inner: 22016, keyHeads: 32),
            bias: true, outputBias: false, mlpBias: false, normsHeads: false)
    }

    init(qwen3 file: ConfigurationReader) throws {
        let bias = try file.flag("attention_bias", default: false)
        try self.init(
            file,
            Relative(
                parts: Self.qwen3, positions: 32768, vocabulary: 151_936, inner: 22016, keyHeads: 32, headWidth: 128),
            bias: bias, outputBias: bias, mlpBias: false, normsHeads: true)
    }

    init(smolLM3 file: ConfigurationReader) throws {
        let bias = try file.flag("attention_bias", default: false)
        try self.init(
            file,
            Relative(
                parts: Self.smolLM3, width: 2048, layers: 36, heads: 16, positions: 32768, vocabulary: 128_256,
                inner: 11008, keyHeads: 4, endToken: 128_001, ties: true, rotary: .init(usualBase: 2_000_000)),
            bias: bias, outputBias: bias, mlpBias: file.flag("mlp_bias", default: false), normsHeads: false)
    }

    /// Phi-3 and Phi-4-mini. `su` and `yarn`, which their older files write, mean LongRoPE there.
    init(phi3 file: ConfigurationReader) throws {
        try self.init(
            file,
            Relative(
                parts: Self.phi3, width: 3072, positions: 4096, vocabulary: 32064, inner: 8192, endToken: 32000,
                epsilon: 1e-5,
                rotary: .init(
                    fraction: ("partial_rotary_factor", 1),
                    kinds: [
                        "default": "default", "su": "longrope",
                        "yarn": "longrope", "longrope": "longrope",
                    ])),
            bias: false, outputBias: false, mlpBias: false, normsHeads: false)
    }

    private init(
        _ file: ConfigurationReader, _ relative: Relative, bias: Bool, outputBias: Bool, mlpBias: Bool,
        normsHeads: Bool
    ) throws {
        parts = relative.parts
        width = try file.integer("hidden_size", in: 1...1 << 16, default: relative.width)
        layerCount = try file.integer("num_hidden_layers", in: 1...1 << 12, default: relative.layers)
        headCount = try file.integer("num_attention_heads", in: 1...1 << 12, default: relative.heads)
        // Written as null, there are as many as query heads; not written at all, as many as the original's default.
        let missing = file.has("num_key_value_heads") ? headCount : relative.keyHeads ?? headCount
        keyHeadCount = try file.integer("num_key_value_heads", in: 1...1 << 12, default: missing)
        headWidth = try file.integer(
            "head_dim", in: 1...1 << 14,
            default: file.has("head_dim") ? width / headCount : relative.headWidth ?? width / headCount)
        innerWidth = try file.integer("intermediate_size", in: 1...1 << 20, default: relative.inner)
        let positions = try file.integer("max_position_embeddings", in: 1...1 << 24, default: relative.positions)
        positionCount = try RotaryEmbedding.reach(file, positions: positions)
        vocabularySize = try file.integer("vocab_size", default: relative.vocabulary)
        normEpsilon = Float(try file.positive("rms_norm_eps", default: relative.epsilon))
        activation = try file.activation("hidden_act", default: "silu")
        hasAttentionBias = bias
        hasOutputBias = outputBias
        hasMLPBias = mlpBias
        self.normsHeads = normsHeads
        isFused = relative.parts == Self.phi3
        tiesWordEmbeddings = try file.flag("tie_word_embeddings", default: relative.ties)
        residualDropout = isFused ? try file.probability("resid_pdrop", default: 0) : 0
        attentionDropout = try file.probability("attention_dropout", default: 0)
        endTokens = try file.endTokens(
            "eos_token_id", default: relative.endToken.map { [$0] } ?? [])
        fileContents = file.contents
        guard headCount.isMultiple(of: keyHeadCount) else {
            throw file.invalid(
                "num_key_value_heads", "\(keyHeadCount) key heads do not divide \(headCount) query heads")
        }
        guard headWidth > 0, headWidth.isMultiple(of: 2) else {
            throw file.invalid("head_dim", "a head of width \(headWidth) cannot be turned; an even width is needed")
        }
        rotary = try RotaryEmbedding(file, headWidth: headWidth, positions: positions, relative.rotary)
        turningLayers = try Self.turning(file, relative.parts, layerCount: layerCount)
        (slidingWindow, slidingLayers) = try Self.sliding(file, relative.parts, turning: turningLayers)
    }

    /// SmolLM3: those of which `no_rope_layers` says 1, or all but every `no_rope_layer_interval`-th. The others: all.
    private static func turning(
        _ file: ConfigurationReader, _ parts: ModelParts, layerCount: Int
    ) throws -> [Bool] {
        guard parts == smolLM3 else { return [Bool](repeating: true, count: layerCount) }
        guard let stated = try file.numbers("no_rope_layers") else {
            let interval = try file.integer("no_rope_layer_interval", in: 1...1 << 12, default: 4)
            return (1...layerCount).map { !$0.isMultiple(of: interval) }
        }
        guard stated.count >= layerCount, stated.allSatisfy({ $0 == 0 || $0 == 1 }) else {
            throw file.invalid(
                "no_rope_layers",
                "\(stated.count) numbers were found, but a 0 or 1 for each of \(layerCount) layers is "
                    + "needed: 1 where positions turn queries and keys")
        }
        return stated.prefix(layerCount).map { $0 == 1 }
    }

    /// Mistral, Phi-3: every layer, unless the window is null, as it is in a Phi-3 that names none. Qwen: none, unless `use_sliding_window`; then the layers that
    /// `layer_types` names, or those from `max_window_layers` on. SmolLM3 likewise, or those that turn nothing. Llama has none.
    private static func sliding(
        _ file: ConfigurationReader, _ parts: ModelParts, turning: [Bool]
    ) throws -> (Int?, [Bool]) {
        let layerCount = turning.count, none = turning.map { _ in false }
        if parts == llama { return (nil, none) }
        if parts == phi3 {
            return (try file.optionalInteger("sliding_window", in: 1...1 << 24), none.map { _ in true })
        }
        let isMistral = parts == mistral
        guard try isMistral || file.flag("use_sliding_window", default: false) else { return (nil, none) }
        let window: Int? =
            file.has("sliding_window")
            ? try file.optionalInteger("sliding_window", in: 1...1 << 24) : parts == smolLM3 ? nil : 4096
        if isMistral { return (window, none.map { _ in true }) }
        if let types = try file.strings("layer_types") {
            guard types.count == layerCount else {
                throw file.invalid("layer_types", "\(types.count) types were found for \(layerCount) layers")
            }
            return (window, types.map { $0 == "sliding_attention" })
        }
        if parts == smolLM3 { return (window, turning.map { !$0 }) }
        let first = try file.integer("max_window_layers", in: 0...1 << 12, default: 28)
        return (window, none.indices.map { $0 >= first })
    }

    /// The number of keys, up to and including itself, that a token of a layer sees; nil for all.
    public func window(ofLayer layer: Int) -> Int? { slidingLayers[layer] ? slidingWindow : nil }

    /// How positions turn the queries and keys of a layer; nil where they do not.
    public func rotary(ofLayer layer: Int) -> RotaryEmbedding? { turningLayers[layer] ? rotary : nil }

    /// The columns of a head that are turned.
    public var rotaryWidth: Int { rotary.width }

    /// The window, where a layer has one.
    public var attentionWindow: Int? { slidingLayers.contains(true) ? slidingWindow : nil }

    /// The activation's name.
    public var activationName: String { activation.rawValue }

    /// Sizes that caches and prefixes have.
    public var shape: ModelShape {
        ModelShape(
            layerCount: layerCount, keyHeadCount: keyHeadCount, headWidth: headWidth, width: width,
            positionCount: positionCount, vocabularySize: vocabularySize)
    }

    /// Number of parameters, a tied head counted once.
    public var parameterCount: Int {
        let queries = headCount * headWidth, keys = keyHeadCount * headWidth
        var block = width * (queries + 2 * keys) + queries * width + 3 * width * innerWidth + 2 * width
        if hasAttentionBias { block += queries + 2 * keys }
        if hasOutputBias { block += width }
        if hasMLPBias { block += 2 * innerWidth + width }
        if normsHeads { block += 2 * headWidth }
        return vocabularySize * width * (tiesWordEmbeddings ? 1 : 2) + layerCount * block + width
    }

    /// Builds the network.
    @Compute public func network(_ weights: WeightLoader) throws -> any CausalModel { try Llama(self, weights) }
}
