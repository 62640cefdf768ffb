import Tensors

/// Llama (Touvron et al. 2023) and its relatives Mistral, Qwen2, Qwen3, SmolLM3 and Phi-3: pre-norm decoders with RMS norms,
/// rotary positions, grouped-query attention and SwiGLU.
///
/// x ← x + attention(norm x); x ← x + down(silu(gate(norm x)) ⊙ up(norm x)); logits = norm(x) · Wᵀ. The relatives differ
/// in biases, in norms on queries and keys, in which layers turn by position, in how far a token sees, and in which matrices lie
/// in one; see ``LlamaConfiguration``.
@Compute public final class Llama: CausalModel {
    /// Sizes and conventions.
    public let configuration: LlamaConfiguration
    /// The output head.
    public let head: any LinearMap
    /// Trainable parameters by checkpoint name.
    public let parameters: [(name: String, value: Tensor)]

    private let tokenTable: TokenTable  // [vocabulary × d]
    private let blocks: [Block]
    private let finalNorm: RMSNorm

    /// Takes the weights of a checkpoint, whose keys begin with `model.` or not.
    ///
    /// - Throws: ``CheckpointError`` where tensors are missing, left over, mis-shaped or not finite.
    public init(_ configuration: LlamaConfiguration, _ all: WeightLoader) throws {
        self.configuration = configuration
        let weights = all.scoped("model", orBare: "embed_tokens.weight"), d = configuration.width
        tokenTable = try weights.tokenTable("embed_tokens.weight", rows: configuration.vocabularySize, width: d)
        blocks = try (0..<configuration.layerCount).map {
            try Block(configuration, layer: $0, weights.scoped("layers").scoped("\($0)"))
        }
        finalNorm = try RMSNorm(weights.scoped("norm"), width: d, epsilon: configuration.normEpsilon)
        head = try all.head("lm_head", tiedTo: tokenTable, ties: configuration.tiesWordEmbeddings)
        try all.finish(ignoring: ["*.rotary_emb.inv_freq"])
        parameters = all.registry.parameters
    }

    /// Sizes that caches and prefixes have.
    public var shape: ModelShape { configuration.shape }
    /// Whether long texts are turned by other angles.
    public var dependsOnLength: Bool { configuration.rotary.lengthening != .none }
    /// Rows of the token table.
    public func embeddings(of tokens: [Int32]) -> Tensor { tokenTable.rows(at: tokens) }

    /// The last block's output, normalised.
    public func hiddenStates(_ batch: TokenBatch, cache: KVCache, dropout: Dropout?) -> Tensor {
        let step = cache.extend(by: batch, dropout: dropout)
        var x = batch.embedded(by: tokenTable)
        for block in blocks { x = step.block(x, block.adapters) { block($0, step) } }
        return finalNorm(x)
    }
}

extension Llama {
    @Compute private struct Block {
        let attentionNorm: RMSNorm
        let attention: Attention
        let mlpNorm: RMSNorm
        let expand: any LinearMap  // [d × 2·inner]: gate | up
        let activation: Activation
        let contract: any LinearMap  // [inner × d]
        let adapters: BlockAdapters

        init(_ configuration: LlamaConfiguration, layer: Int, _ weights: WeightLoader) throws {
            let d = configuration.width, inner = configuration.innerWidth, epsilon = configuration.normEpsilon
            attentionNorm = try RMSNorm(weights.scoped("input_layernorm"), width: d, epsilon: epsilon)
            attention = try Attention(configuration, layer: layer, weights.scoped("self_attn"))
            mlpNorm = try RMSNorm(weights.scoped("post_attention_layernorm"), width: d, epsilon: epsilon)
            let mlp = weights.scoped("mlp"), hasBias = configuration.hasMLPBias
            expand =
                configuration.isFused
                ? try mlp.matrix(
                    "gate_up_proj", input: d, output: 2 * inner, orientation: .outputByInput, hasBias: hasBias)
                : try mlp.stacked([("gate_proj", inner), ("up_proj", inner)], input: d, hasBias: hasBias)
            contract = try mlp.matrix(
                "down_proj", input: inner, output: d, orientation: .outputByInput, hasBias: hasBias)
            activation = configuration.activation.operation
            adapters = try BlockAdapters(weights, width: d)
        }

        func callAsFunction(_ x: Tensor, _ step: CacheStep) -> Tensor {
            let y = step.residual(x, .selfAttention(layer: attention.layer), adapters) {
                attention(attentionNorm($0), step)
            }
            return step.residual(y, .mlp, adapters) { contract(expand(mlpNorm($0)).gated(activation)) }
        }
    }

    @Compute private struct Attention {
        let layer: Int
        let geometry: AttentionGeometry
        let rotary: RotaryEmbedding?  // nil where positions are not told
        let project: any LinearMap  // [d × (heads + 2·keyHeads)·headWidth]: queries | keys | values
        let norms: (query: Tensor, key: Tensor)?  // gains [headWidth]
        let normEpsilon: Float
        let output: any LinearMap  // [heads·headWidth × d]

        init(_ configuration: LlamaConfiguration, layer: Int, _ weights: WeightLoader) throws {
            let d = configuration.width, headWidth = configuration.headWidth
            let queryWidth = configuration.headCount * headWidth, keyWidth = configuration.keyHeadCount * headWidth
            self.layer = layer
            geometry = AttentionGeometry(
                heads: configuration.headCount, keyHeads: configuration.keyHeadCount, headWidth: headWidth,
                scale: 1 / Float(headWidth).squareRoot(), window: configuration.window(ofLayer: layer))
            rotary = configuration.rotary(ofLayer: layer)
            project =
                configuration.isFused
                ? try weights.matrix(
                    "qkv_proj", input: d, output: queryWidth + 2 * keyWidth, orientation: .outputByInput,
                    hasBias: configuration.hasAttentionBias, isDelicate: true)
                : try weights.stacked(
                    [("q_proj", queryWidth), ("k_proj", keyWidth), ("v_proj", keyWidth)], input: d,
                    hasBias: configuration.hasAttentionBias, isDelicate: true)
            norms =
                configuration.normsHeads
                ? (
                    try weights.tensor("q_norm.weight", shape: [headWidth]),
                    try weights.tensor("k_norm.weight", shape: [headWidth])
                ) : nil
            normEpsilon = configuration.normEpsilon
            output = try weights.matrix(
                "o_proj", input: queryWidth, output: d, orientation: .outputByInput,
                hasBias: configuration.hasOutputBias)
        }

        func callAsFunction(_ x: Tensor, _ step: CacheStep) -> Tensor {
            var projected = project(x)
            if let norms {
                projected = projected.headsNormalized(
                    queryGain: norms.query, keyGain: norms.key, heads: geometry.heads, keyHeads: geometry.keyHeads,
                    headWidth: geometry.headWidth, epsilon: normEpsilon)
            }
            let turned = rotary.map { $0(projected, step, geometry) } ?? projected
            return output(step.attend(turned, layer: layer, geometry: geometry))
        }
    }
}
