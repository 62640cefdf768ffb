import Tensors

/// Gemma 3's text model (Gemma Team 2025): a decoder with RMS norms before and behind each branch, grouped-query attention
/// that sees a window in most layers, and GeGLU.
///
/// x₀ = embed[token]·√d; x ← x + norm(attention(norm x)); x ← x + norm(down(gelu(gate(norm x)) ⊙ up(norm x)));
/// logits = norm(x) · Wᵀ. Every norm multiplies by 1 + its weight. Queries and keys are normalised head by head, then turned:
/// in local layers by a base of their own.
@Compute public final class Gemma3: CausalModel {
    /// Sizes and conventions.
    public let configuration: Gemma3Configuration
    /// The output head.
    public let head: any LinearMap
    /// Trainable parameters by checkpoint name.
    public let parameters: [(name: String, value: Tensor)]

    private let tokenTable: TokenTable  // [vocabulary × d]
    private let embeddingScale: Float
    private let blocks: [Block]
    private let finalNorm: RMSNorm

    /// Takes the weights of a checkpoint, whose keys begin with `model.` or not.
    ///
    /// - Throws: ``CheckpointError`` where tensors are missing, left over, mis-shaped or not finite.
    public init(_ configuration: Gemma3Configuration, _ all: WeightLoader) throws {
        self.configuration = configuration
        let weights = all.scoped("model", orBare: "embed_tokens.weight"), d = configuration.width
        tokenTable = try weights.tokenTable("embed_tokens.weight", rows: configuration.vocabularySize, width: d)
        embeddingScale = Float(d).squareRoot()
        blocks = try (0..<configuration.layerCount).map {
            try Block(configuration, layer: $0, weights.scoped("layers").scoped("\($0)"))
        }
        finalNorm = try RMSNorm(
            weights.scoped("norm"), width: d, epsilon: configuration.normEpsilon, .onePlusWeight)
        head = try all.head("lm_head", tiedTo: tokenTable, ties: configuration.tiesWordEmbeddings)
        try all.finish()
        parameters = all.registry.parameters
    }

    /// Sizes that caches and prefixes have.
    public var shape: ModelShape { configuration.shape }
    /// Rows of the token table times √d.
    public func embeddings(of tokens: [Int32]) -> Tensor { tokenTable.rows(at: tokens).scaled(by: embeddingScale) }

    /// The last block's output, normalised.
    public func hiddenStates(_ batch: TokenBatch, cache: KVCache, dropout: Dropout?) -> Tensor {
        let step = cache.extend(by: batch, dropout: dropout)
        var x = batch.embedded(by: tokenTable, times: embeddingScale)
        for block in blocks { x = step.block(x, block.adapters) { block($0, step) } }
        return finalNorm(x)
    }
}

extension Gemma3 {
    @Compute private struct Block {
        let attentionNorm: RMSNorm
        let attention: Attention
        let attentionOutputNorm: RMSNorm
        let mlpNorm: RMSNorm
        let expand: any LinearMap  // [d × 2·inner]: gate | up
        let activation: Activation
        let contract: any LinearMap  // [inner × d]
        let mlpOutputNorm: RMSNorm
        let adapters: BlockAdapters

        init(_ configuration: Gemma3Configuration, layer: Int, _ weights: WeightLoader) throws {
            let d = configuration.width, inner = configuration.innerWidth
            func norm(_ name: String) throws -> RMSNorm {
                try RMSNorm(weights.scoped(name), width: d, epsilon: configuration.normEpsilon, .onePlusWeight)
            }
            attentionNorm = try norm("input_layernorm")
            attention = try Attention(configuration, layer: layer, weights.scoped("self_attn"))
            attentionOutputNorm = try norm("post_attention_layernorm")
            mlpNorm = try norm("pre_feedforward_layernorm")
            let mlp = weights.scoped("mlp")
            expand = try mlp.stacked([("gate_proj", inner), ("up_proj", inner)], input: d, hasBias: false)
            contract = try mlp.matrix("down_proj", input: inner, output: d, orientation: .outputByInput, hasBias: false)
            activation = configuration.activation.operation
            mlpOutputNorm = try norm("post_feedforward_layernorm")
            adapters = try BlockAdapters(weights, width: d)
        }

        func callAsFunction(_ x: Tensor, _ step: CacheStep) -> Tensor {
            let y = step.residual(x, .selfAttention(layer: attention.layer), adapters) {
                attentionOutputNorm(attention(attentionNorm($0), step))
            }
            return step.residual(y, .mlp, adapters) {
                mlpOutputNorm(contract(expand(mlpNorm($0)).gated(activation)))
            }
        }
    }

    @Compute private struct Attention {
        let layer: Int
        let geometry: AttentionGeometry
        let rotary: RotaryEmbedding
        let project: any LinearMap  // [d × (heads + 2·keyHeads)·headWidth]: queries | keys | values
        let queryGain: RMSGain  // [headWidth]
        let keyGain: RMSGain  // [headWidth]
        let normEpsilon: Float
        let output: any LinearMap  // [heads·headWidth × d]

        init(_ configuration: Gemma3Configuration, layer: Int, _ weights: WeightLoader) throws {
            let d = configuration.width, headWidth = configuration.headWidth, hasBias = configuration.hasAttentionBias
            let queryWidth = configuration.headCount * headWidth, keyWidth = configuration.keyHeadCount * headWidth
            self.layer = layer
            geometry = AttentionGeometry(
                heads: configuration.headCount, keyHeads: configuration.keyHeadCount, headWidth: headWidth,
                scale: configuration.attentionScale, window: configuration.window(ofLayer: layer))
            rotary = configuration.isLocal[layer] ? configuration.localRotary : configuration.globalRotary
            project = try weights.stacked(
                [("q_proj", queryWidth), ("k_proj", keyWidth), ("v_proj", keyWidth)], input: d, hasBias: hasBias,
                isDelicate: true)
            queryGain = try RMSGain(weights.scoped("q_norm"), width: headWidth, .onePlusWeight)
            keyGain = try RMSGain(weights.scoped("k_norm"), width: headWidth, .onePlusWeight)
            normEpsilon = configuration.normEpsilon
            output = try weights.matrix(
                "o_proj", input: queryWidth, output: d, orientation: .outputByInput, hasBias: hasBias)
        }

        func callAsFunction(_ x: Tensor, _ step: CacheStep) -> Tensor {
            let projected = project(x).headsNormalized(
                queryGain: queryGain.value, keyGain: keyGain.value, heads: geometry.heads, keyHeads: geometry.keyHeads,
                headWidth: geometry.headWidth, epsilon: normEpsilon)
            return output(step.attend(rotary(projected, step, geometry), layer: layer, geometry: geometry))
        }
    }
}
