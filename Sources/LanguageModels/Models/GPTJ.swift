import Tensors

/// GPT-J (Wang & Komatsuzaki 2021): a decoder whose attention and MLP read one norm, with rotary positions on part of each head.
///
/// x ← x + attention(ln x) + mlp(ln x); logits = lnᶠ(x) · Wᵀ + b. Columns that lie side by side are turned.
@Compute public final class GPTJ: CausalModel {
    /// Sizes and conventions.
    public let configuration: GPTJConfiguration
    /// The output head, which has a bias.
    public let head: any LinearMap
    /// Trainable parameters by checkpoint name.
    public let parameters: [(name: String, value: Tensor)]

    private let tokenTable: TokenTable  // [vocabulary × d]
    private let blocks: [Block]
    private let finalNorm: LayerNorm

    /// Takes the weights of a checkpoint, whose keys begin with `transformer.` or not.
    ///
    /// - Throws: ``CheckpointError`` where tensors are missing, left over, mis-shaped or not finite.
    public init(_ configuration: GPTJConfiguration, _ all: WeightLoader) throws {
        self.configuration = configuration
        let weights = all.scoped("transformer", orBare: "wte.weight"), d = configuration.width
        tokenTable = try weights.tokenTable("wte.weight", rows: configuration.vocabularySize, width: d)
        blocks = try (0..<configuration.layerCount).map {
            try Block(configuration, layer: $0, weights.scoped("h").scoped("\($0)"))
        }
        finalNorm = try LayerNorm(weights.scoped("ln_f"), width: d, epsilon: configuration.layerNormEpsilon)
        head = try all.head(
            "lm_head", tiedTo: tokenTable, ties: configuration.tiesWordEmbeddings,
            bias: all.tensor("lm_head.bias", shape: [configuration.vocabularySize]))
        // Causal masks and angles, which old checkpoints carry as tensors.
        try all.finish(ignoring: ["*.attn.bias", "*.attn.masked_bias", "*.attn.embed_positions"])
        parameters = all.registry.parameters
    }

    /// Sizes that caches and prefixes have.
    public var shape: ModelShape { configuration.shape }
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

extension GPTJ {
    @Compute private struct Block {
        let norm: LayerNorm
        let attention: Attention
        let expand: any LinearMap  // [d × inner]
        let activation: Activation
        let contract: any LinearMap  // [inner × d]
        let adapters: BlockAdapters

        init(_ configuration: GPTJConfiguration, layer: Int, _ weights: WeightLoader) throws {
            let d = configuration.width, inner = configuration.innerWidth
            norm = try LayerNorm(weights.scoped("ln_1"), width: d, epsilon: configuration.layerNormEpsilon)
            attention = try Attention(configuration, layer: layer, weights.scoped("attn"))
            let mlp = weights.scoped("mlp")
            expand = try mlp.matrix("fc_in", input: d, output: inner, orientation: .outputByInput)
            contract = try mlp.matrix("fc_out", input: inner, output: d, orientation: .outputByInput)
            activation = configuration.activation.operation
            adapters = try BlockAdapters(weights, width: d)
        }

        func callAsFunction(_ x: Tensor, _ step: CacheStep) -> Tensor {
            step.parallelResidual(x, layer: attention.layer, adapters) {
                norm($0)
            } attention: {
                attention($0, step)
            } mlp: {
                contract(expand($0).applying(activation))
            }
        }
    }

    @Compute private struct Attention {
        let layer: Int
        let geometry: AttentionGeometry
        let rotary: RotaryEmbedding
        let project: any LinearMap  // [d × 3d]: queries | keys | values
        let output: any LinearMap  // [d × d]

        init(_ configuration: GPTJConfiguration, layer: Int, _ weights: WeightLoader) throws {
            let d = configuration.width, headWidth = d / configuration.headCount
            self.layer = layer
            geometry = AttentionGeometry(
                heads: configuration.headCount, headWidth: headWidth, scale: 1 / Float(headWidth).squareRoot())
            rotary = configuration.rotary
            project = try weights.stacked(
                [("q_proj", d), ("k_proj", d), ("v_proj", d)], input: d, hasBias: false, isDelicate: true)
            output = try weights.matrix("out_proj", input: d, output: d, orientation: .outputByInput, hasBias: false)
        }

        func callAsFunction(_ x: Tensor, _ step: CacheStep) -> Tensor {
            output(step.attend(rotary(project(x), step, geometry), layer: layer, geometry: geometry))
        }
    }
}
