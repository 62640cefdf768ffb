import Tensors

/// The shape and conventions of a GPT-2 model: a `config.json` of `model_type: gpt2`.
///
/// Missing keys have the values that `transformers` gives them; keys that concern only training schedules or other
/// heads are ignored.
public struct GPT2Configuration: ModelConfiguration, Equatable, Sendable {
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
    public var beginToken: Int32? = 50256
    /// The tokens that end a text (`eos_token_id`: an id, or several).
    public var endTokens: [Int32] = [50256]

    /// GPT-2 small's configuration; change what differs, then ``validate()``.
    public init() {}

    /// Width of the MLP's hidden layer.
    public var innerWidth: Int { explicitInnerWidth ?? 4 * width }

    /// Width d/H of one attention head.
    public var headWidth: Int { width / headCount }

    static let parts = ModelParts(
        "GPT-2", modelType: "gpt2", root: "transformer", blocks: "h", tokenTable: "wte", inputs: ["wpe"],
        finalNorm: "ln_f", lowRankTargets: ["c_attn"], orientation: .inputByOutput, adapterHubClass: "GPT2AdapterModel",
        servedForm: .init("gpt2"))

    /// Those of GPT-2.
    public var parts: ModelParts { Self.parts }

    /// The activation's name.
    public var activationName: String { activation.rawValue }

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
}
