import Foundation

/// The shape and conventions of a GPT-2 model: a `config.json` of `model_type: gpt2`.
///
/// Missing keys have the values that `transformers` gives them; keys that concern only training schedules or other
/// heads are ignored. ``read(from:)`` reads a file; decoding by hand throws `DecodingError`.
public struct GPT2Configuration: ModelConfiguration, Codable, Equatable, Sendable {
    /// Width d of the residual stream (`n_embd`).
    public var width = 768
    /// Number L of blocks (`n_layer`).
    public var layerCount = 12
    /// Number H of attention heads (`n_head`); divides the width.
    public var headCount = 12
    /// Longest sequence, prefix included: rows of the position table (`n_positions`).
    public var positionCount = 1024
    /// Width of the MLP's hidden layer, or nil for four times ``width`` (`n_inner`); see ``innerWidth``.
    public var explicitInnerWidth: Int?
    /// Number of token ids (`vocab_size`).
    public var vocabularySize = 50257
    /// ε of the layer norms (`layer_norm_epsilon`).
    public var layerNormEpsilon: Float = 1e-5
    /// The MLP's nonlinearity (`activation_function`).
    public var activation = NamedActivation.geluNew
    /// Whether attention scores are divided by √(d/H) (`scale_attn_weights`).
    public var scalesAttention = true
    /// Whether the scores of layer l are also divided by l+1 (`scale_attn_by_inverse_layer_idx`).
    public var scalesAttentionByInverseLayer = false
    /// Whether the output head is the token embedding (`tie_word_embeddings`).
    public var tiesWordEmbeddings = true
    /// Dropout on what attention and MLP add to the residual stream (`resid_pdrop`).
    public var residualDropout: Float = 0.1
    /// Dropout on the sum of token and position embedding (`embd_pdrop`).
    public var embeddingDropout: Float = 0.1
    /// Dropout on attention weights (`attn_pdrop`).
    public var attentionDropout: Float = 0.1
    /// The id that begins a text (`bos_token_id`).
    public var beginToken: Int? = 50256
    /// The id that ends a text (`eos_token_id`).
    public var endToken: Int? = 50256

    /// GPT-2 small's configuration; change what differs, then ``validate()``.
    public init() {}

    /// Width of the MLP's hidden layer.
    public var innerWidth: Int { explicitInnerWidth ?? 4 * width }

    /// Width d/H of one attention head.
    public var headWidth: Int { width / headCount }

    /// "GPT-2".
    public var architecture: String { "GPT-2" }

    /// The activation's name.
    public var activationName: String { activation.rawValue }

    /// The tokens that end a text.
    public var endTokens: [Int32] { endToken.map { [Int32($0)] } ?? [] }

    /// Sizes that caches and prefixes have.
    public var shape: ModelShape {
        ModelShape(
            layerCount: layerCount, keyHeadCount: headCount, headWidth: headWidth, width: width,
            positionCount: positionCount, vocabularySize: vocabularySize)
    }

    /// Number of parameters of the model, a tied head counted once.
    public var parameterCount: Int {
        let attention = 4 * width * width + 4 * width
        let mlp = 2 * width * innerWidth + innerWidth + width
        let block = attention + mlp + 4 * width
        let tables = (vocabularySize + positionCount) * width + 2 * width
        return tables + layerCount * block + (tiesWordEmbeddings ? 0 : vocabularySize * width)
    }

    enum CodingKeys: String, CodingKey {
        case modelType = "model_type"
        case architectures
        case width = "n_embd"
        case layerCount = "n_layer"
        case headCount = "n_head"
        case positionCount = "n_positions"
        case explicitInnerWidth = "n_inner"
        case vocabularySize = "vocab_size"
        case layerNormEpsilon = "layer_norm_epsilon"
        case activation = "activation_function"
        case scalesAttention = "scale_attn_weights"
        case scalesAttentionByInverseLayer = "scale_attn_by_inverse_layer_idx"
        case tiesWordEmbeddings = "tie_word_embeddings"
        case residualDropout = "resid_pdrop"
        case embeddingDropout = "embd_pdrop"
        case attentionDropout = "attn_pdrop"
        case beginToken = "bos_token_id"
        case endToken = "eos_token_id"
        case addsCrossAttention = "add_cross_attention"
    }

    /// Decodes and checks a configuration.
    ///
    /// - Throws: `DecodingError` whose path names the key and whose description says what is allowed.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        func value<Value: Decodable>(_ key: CodingKeys, default fallback: Value) throws -> Value {
            try optional(key) ?? fallback
        }
        func optional<Value: Decodable>(_ key: CodingKeys) throws -> Value? {
            do {
                return try container.decodeIfPresent(Value.self, forKey: key)
            } catch  where !(error is DecodingError) {
                // Foundation's own error for a number that does not fit (1.5 layers) names no key.
                throw fail(key, "a value of type \(Value.self) is needed")
            }
        }
        func fail(_ key: CodingKeys, _ reason: String) -> DecodingError {
            .dataCorruptedError(forKey: key, in: container, debugDescription: reason)
        }

        let modelType = try value(.modelType, default: "")
        guard modelType == "gpt2" else {
            throw fail(.modelType, "the model type is \"\(modelType)\", but only \"gpt2\" can be read as GPT-2")
        }
        guard try !value(.addsCrossAttention, default: false) else {
            throw fail(.addsCrossAttention, "GPT-2 with cross-attention is not supported; use a decoder-only model")
        }
        width = try value(.width, default: width)
        layerCount = try value(.layerCount, default: layerCount)
        headCount = try value(.headCount, default: headCount)
        positionCount = try value(.positionCount, default: positionCount)
        explicitInnerWidth = try optional(.explicitInnerWidth)
        vocabularySize = try value(.vocabularySize, default: vocabularySize)
        layerNormEpsilon = try value(.layerNormEpsilon, default: layerNormEpsilon)
        let name = try value(.activation, default: activation.rawValue)
        guard let function = NamedActivation(rawValue: name) else {
            let known = NamedActivation.allCases.map(\.rawValue).joined(separator: ", ")
            throw fail(.activation, "the activation \"\(name)\" is unknown; one of \(known) is needed")
        }
        activation = function
        scalesAttention = try value(.scalesAttention, default: true)
        scalesAttentionByInverseLayer = try value(.scalesAttentionByInverseLayer, default: false)
        tiesWordEmbeddings = try value(.tiesWordEmbeddings, default: true)
        residualDropout = try value(.residualDropout, default: 0.1)
        embeddingDropout = try value(.embeddingDropout, default: 0.1)
        attentionDropout = try value(.attentionDropout, default: 0.1)
        // Written as null, an id is absent; not written at all, it has GPT-2's value.
        beginToken = container.contains(.beginToken) ? try optional(.beginToken) : beginToken
        endToken = container.contains(.endToken) ? try optional(.endToken) : endToken

        if let (key, reason) = firstProblem() { throw fail(key, reason) }
    }

    /// Encodes a `config.json` that `transformers` loads.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode("gpt2", forKey: .modelType)
        try container.encode(["GPT2LMHeadModel"], forKey: .architectures)
        try container.encode(width, forKey: .width)
        try container.encode(layerCount, forKey: .layerCount)
        try container.encode(headCount, forKey: .headCount)
        try container.encode(positionCount, forKey: .positionCount)
        try container.encode(explicitInnerWidth, forKey: .explicitInnerWidth)
        try container.encode(vocabularySize, forKey: .vocabularySize)
        // By way of text, so that 1e-5 is not written as 9.99999974737875e-06.
        try container.encode(Double("\(layerNormEpsilon)"), forKey: .layerNormEpsilon)
        try container.encode(activation, forKey: .activation)
        try container.encode(scalesAttention, forKey: .scalesAttention)
        try container.encode(scalesAttentionByInverseLayer, forKey: .scalesAttentionByInverseLayer)
        try container.encode(tiesWordEmbeddings, forKey: .tiesWordEmbeddings)
        try container.encode(Double("\(residualDropout)"), forKey: .residualDropout)
        try container.encode(Double("\(embeddingDropout)"), forKey: .embeddingDropout)
        try container.encode(Double("\(attentionDropout)"), forKey: .attentionDropout)
        try container.encode(beginToken, forKey: .beginToken)
        try container.encode(endToken, forKey: .endToken)
    }
}
