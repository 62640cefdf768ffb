import Tensors

/// GPT-NeoX (Black et al. 2022): a decoder with rotary positions on part of each head.
///
/// Parallel: x ← x + attention(ln₁ x) + mlp(ln₂ x). Sequential, as in rinna's Japanese models: x ← x + attention(ln₁ x);
/// x ← x + mlp(ln₂ x). logits = lnᶠ(x) · Wᵀ.
@Compute public final class GPTNeoX: CausalModel {
    /// Sizes and conventions.
    public let configuration: GPTNeoXConfiguration
    /// The output head.
    public let head: any LinearMap
    /// Trainable parameters by checkpoint name.
    public let parameters: [(name: String, value: Tensor)]

    private let tokenTable: TokenTable  // [vocabulary × d]
    private let blocks: [Block]
    private let finalNorm: LayerNorm

    /// Takes the weights of a checkpoint, whose keys begin with `gpt_neox.` or not.
    ///
    /// - Throws: ``CheckpointError`` where tensors are missing, left over, mis-shaped or not finite.
    public init(_ configuration: GPTNeoXConfiguration, _ all: WeightLoader) throws {
        self.configuration = configuration
        let weights = all.scoped("gpt_neox", orBare: "embed_in.weight"), d = configuration.width
        tokenTable = try weights.tokenTable("embed_in.weight", rows: configuration.vocabularySize, width: d)
        blocks = try (0..<configuration.layerCount).map {
            try Block(configuration, layer: $0, weights.scoped("layers").scoped("\($0)"))
        }
        finalNorm = try LayerNorm(
            weights.scoped("final_layer_norm"), width: d, epsilon: configuration.layerNormEpsilon)
        // The head's name before version 5 of `transformers`, and the one since.
        let head = all.contains("lm_head.weight") ? "lm_head" : "embed_out"
        self.head = try all.head(head, tiedTo: tokenTable, ties: configuration.tiesWordEmbeddings)
        // Causal masks and angles, which old checkpoints carry as tensors.
        try all.finish(ignoring: ["*.attention.bias", "*.attention.masked_bias", "*.rotary_emb.inv_freq"])
        parameters = all.registry.parameters
    }

    /// Sizes that caches and prefixes have.
    public var shape: ModelShape { configuration.shape }
    /// Whether long texts are turned by other angles.
    public var dependsOnLength: Bool { configuration.rotary.lengthening != .none }
    /// Rows of the token table.
    public func embeddings(of tokens: [Int32]) -> Tensor { tokenTable.rows(at: tokens) }

    /// lnᶠ of the last block's output.
    public func hiddenStates(_ batch: TokenBatch, cache: KVCache, dropout: Dropout?) -> Tensor {
        let step = cache.extend(by: batch, dropout: dropout)
        var x = step.dropped(batch.embedded(by: tokenTable))
        for block in blocks { x = step.block(x, block.adapters) { block($0, step) } }
        return finalNorm(x)
    }
}

extension GPTNeoX {
    @Compute private struct Block {
        let isParallel: Bool
        let attentionNorm: LayerNorm
        let attention: Attention
        let mlpNorm: LayerNorm
        let expand: any LinearMap  // [d × inner]
        let activation: Activation
        let contract: any LinearMap  // [inner × d]
        let adapters: BlockAdapters

        init(_ configuration: GPTNeoXConfiguration, layer: Int, _ weights: WeightLoader) throws {
            let d = configuration.width, inner = configuration.innerWidth, epsilon = configuration.layerNormEpsilon
            isParallel = configuration.isParallel
            attentionNorm = try LayerNorm(weights.scoped("input_layernorm"), width: d, epsilon: epsilon)
            attention = try Attention(configuration, layer: layer, weights.scoped("attention"))
            mlpNorm = try LayerNorm(weights.scoped("post_attention_layernorm"), width: d, epsilon: epsilon)
            let mlp = weights.scoped("mlp")
            expand = try mlp.matrix("dense_h_to_4h", input: d, output: inner, orientation: .outputByInput)
            contract = try mlp.matrix(
                "dense_4h_to_h", input: inner, output: d, orientation: .outputByInput, inputScales: "act.scales")
            activation = configuration.activation.operation
            adapters = try BlockAdapters(weights, width: d)
        }

        func callAsFunction(_ x: Tensor, _ step: CacheStep) -> Tensor {
            let attend = { (x: Tensor) in attention(attentionNorm(x), step) }
            let mlp = { (x: Tensor) in contract(expand(mlpNorm(x)).applying(activation)) }
            if isParallel {
                return step.parallelResidual(x, layer: attention.layer, adapters, attention: attend, mlp: mlp)
            }
            let y = step.residual(x, .selfAttention(layer: attention.layer), adapters) { attend($0) }
            return step.residual(y, .mlp, adapters) { mlp($0) }
        }
    }

    @Compute private struct Attention {
        let layer: Int
        let geometry: AttentionGeometry
        let rotary: RotaryEmbedding
        let project: any LinearMap  // [d × 3d]: query, key and value of head 0, of head 1, …
        let output: any LinearMap  // [d × d]

        init(_ configuration: GPTNeoXConfiguration, layer: Int, _ weights: WeightLoader) throws {
            let d = configuration.width, headWidth = d / configuration.headCount
            self.layer = layer
            geometry = AttentionGeometry(
                heads: configuration.headCount, headWidth: headWidth, scale: 1 / Float(headWidth).squareRoot())
            rotary = configuration.rotary
            project = try weights.matrix(
                "query_key_value", input: d, output: 3 * d, orientation: .outputByInput, hasBias: configuration.hasBias,
                isDelicate: true)
            output = try weights.matrix(
                "dense", input: d, output: d, orientation: .outputByInput, hasBias: configuration.hasBias)
        }

        func callAsFunction(_ x: Tensor, _ step: CacheStep) -> Tensor {
            let heads = 0..<geometry.heads
            let order = heads.map { 3 * $0 } + heads.map { 3 * $0 + 1 } + heads.map { 3 * $0 + 2 }
            let projected = project(x).columnBlocks(order, width: geometry.headWidth)
            return output(step.attend(rotary(projected, step, geometry), layer: layer, geometry: geometry))
        }
    }
}
