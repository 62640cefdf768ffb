import Tensors

/// BLOOM (Le Scao et al. 2022): a decoder whose attention is told distances by ALiBi, with a norm behind the embeddings.
///
/// x₀ = lnᵉ(embed[token]); x ← x + attention(ln₁ x); x ← x + mlp(ln₂ x); logits = lnᶠ(x) · Wᵀ. Some of its relatives add the
/// branches to ln₁ x and ln₂ x instead. Scores are q·k/√headWidth − slope · distance.
@Compute public final class BLOOM: CausalModel {
    /// Sizes and conventions.
    public let configuration: BLOOMConfiguration
    /// The output head.
    public let head: any LinearMap
    /// Trainable parameters by checkpoint name.
    public let parameters: [(name: String, value: Tensor)]

    private let tokenTable: TokenTable  // [vocabulary × d]
    private let embeddingNorm: LayerNorm
    private let distances: LinearDistances
    private let blocks: [Block]
    private let finalNorm: LayerNorm

    /// Takes the weights of a checkpoint, whose keys begin with `transformer.` or not.
    ///
    /// - Throws: ``CheckpointError`` where tensors are missing, left over, mis-shaped or not finite.
    public init(_ configuration: BLOOMConfiguration, _ all: WeightLoader) throws {
        self.configuration = configuration
        let weights = all.scoped("transformer", orBare: "word_embeddings.weight"), d = configuration.width
        func norm(_ name: String) throws -> LayerNorm {
            try LayerNorm(weights.scoped(name), width: d, epsilon: configuration.layerNormEpsilon)
        }
        tokenTable = try weights.tokenTable("word_embeddings.weight", rows: configuration.vocabularySize, width: d)
        embeddingNorm = try norm("word_embeddings_layernorm")
        distances = LinearDistances(heads: configuration.headCount)
        blocks = try (0..<configuration.layerCount).map {
            try Block(configuration, layer: $0, weights.scoped("h").scoped("\($0)"))
        }
        finalNorm = try norm("ln_f")
        head = try all.head("lm_head", tiedTo: tokenTable, ties: configuration.tiesWordEmbeddings)
        try all.finish(ignoring: [])
        parameters = all.registry.parameters
    }

    /// Sizes that caches and prefixes have.
    public var shape: ModelShape { configuration.shape }
    /// Rows of the token table.
    public func embeddings(of tokens: [Int32]) -> Tensor { tokenTable.rows(at: tokens) }

    /// lnᶠ of the last block's output.
    public func hiddenStates(_ batch: TokenBatch, cache: KVCache, dropout: Dropout?) -> Tensor {
        let step = cache.extend(by: batch, dropout: dropout), bias = distances.bias(ofPositions: step.longest)
        var x = embeddingNorm(batch.embedded(by: tokenTable))
        for block in blocks { x = step.block(x, block.adapters) { block($0, step, bias) } }
        return finalNorm(x)
    }
}

extension BLOOM {
    @Compute private struct Block {
        let addsToNorms: Bool
        let attentionNorm: LayerNorm
        let attention: Attention
        let mlpNorm: LayerNorm
        let expand: any LinearMap  // [d × 4d]
        let contract: any LinearMap  // [4d × d]
        let adapters: BlockAdapters

        init(_ configuration: BLOOMConfiguration, layer: Int, _ weights: WeightLoader) throws {
            let d = configuration.width, epsilon = configuration.layerNormEpsilon
            addsToNorms = configuration.addsToNorms
            attentionNorm = try LayerNorm(weights.scoped("input_layernorm"), width: d, epsilon: epsilon)
            attention = try Attention(configuration, layer: layer, weights.scoped("self_attention"))
            mlpNorm = try LayerNorm(weights.scoped("post_attention_layernorm"), width: d, epsilon: epsilon)
            let mlp = weights.scoped("mlp")
            expand = try mlp.matrix("dense_h_to_4h", input: d, output: 4 * d, orientation: .outputByInput)
            contract = try mlp.matrix("dense_4h_to_h", input: 4 * d, output: d, orientation: .outputByInput)
            adapters = try BlockAdapters(weights, width: d)
        }

        func callAsFunction(_ x: Tensor, _ step: CacheStep, _ bias: DistanceBias) -> Tensor {
            let kind = ResidualBranch.selfAttention(layer: attention.layer)
            let mlp = { (x: Tensor) in contract(expand(x).applying(.geluTanh)) }
            if addsToNorms {
                let y = step.residual(attentionNorm(x), kind, adapters) { attention($0, step, bias) }
                return step.residual(mlpNorm(y), .mlp, adapters) { mlp($0) }
            }
            let y = step.residual(x, kind, adapters) { attention(attentionNorm($0), step, bias) }
            return step.residual(y, .mlp, adapters) { mlp(mlpNorm($0)) }
        }
    }

    @Compute private struct Attention {
        let layer: Int
        let geometry: AttentionGeometry
        let project: any LinearMap  // [d × 3d]: query, key and value of head 0, of head 1, …
        let output: any LinearMap  // [d × d]

        init(_ configuration: BLOOMConfiguration, layer: Int, _ weights: WeightLoader) throws {
            let d = configuration.width, headWidth = d / configuration.headCount
            self.layer = layer
            geometry = AttentionGeometry(
                heads: configuration.headCount, headWidth: headWidth, scale: 1 / Float(headWidth).squareRoot())
            project = try weights.matrix(
                "query_key_value", input: d, output: 3 * d, orientation: .outputByInput, isDelicate: true)
            output = try weights.matrix("dense", input: d, output: d, orientation: .outputByInput)
        }

        func callAsFunction(_ x: Tensor, _ step: CacheStep, _ bias: DistanceBias) -> Tensor {
            let heads = 0..<geometry.heads
            let order = heads.map { 3 * $0 } + heads.map { 3 * $0 + 1 } + heads.map { 3 * $0 + 2 }
            let projected = project(x).columnBlocks(order, width: geometry.headWidth)
            return output(step.attend(projected, layer: layer, geometry: geometry, bias: bias))
        }
    }
}
