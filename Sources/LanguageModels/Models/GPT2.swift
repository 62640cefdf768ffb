import Tensors

/// GPT-2 (Radford et al. 2019): pre-layer-norm Transformer decoder with learned positions.
///
/// x₀ = wte[token] + wpe[position]; x ← x + attention(ln₁ x); x ← x + mlp(ln₂ x); logits = lnᶠ(x) · Wᵀ.
@Compute public final class GPT2: CausalModel {
    /// Sizes and conventions.
    public let configuration: GPT2Configuration
    /// The output head; tied to the token table unless the checkpoint has its own.
    public let head: any LinearMap
    /// Trainable parameters by checkpoint name.
    public let parameters: [(name: String, value: Tensor)]

    private let tokenTable: TokenTable  // [vocabulary × d]
    private let positionTable: TokenTable  // [positions × d]
    private let blocks: [Block]
    private let finalNorm: LayerNorm

    /// Takes the weights of a checkpoint, whose keys may begin with `transformer.` or not.
    ///
    /// - Throws: ``CheckpointError`` where tensors are missing, left over, mis-shaped or not finite.
    public convenience init(_ configuration: GPT2Configuration, reader: CheckpointReader, use: WeightUse) throws {
        try self.init(configuration, WeightLoader(reader, use: use))
    }

    /// Takes the weights that a loader makes; see ``init(_:reader:use:)``.
    public init(_ configuration: GPT2Configuration, _ all: WeightLoader) throws {
        self.configuration = configuration
        let d = configuration.width
        let weights = all.contains("transformer.wte.weight") ? all.scoped("transformer") : all
        tokenTable = try weights.tokenTable("wte.weight", rows: configuration.vocabularySize, width: d)
        positionTable = try weights.table("wpe.weight", rows: configuration.positionCount, width: d)
        blocks = try (0..<configuration.layerCount).map {
            try Block(configuration, layer: $0, weights.scoped("h").scoped("\($0)"))
        }
        finalNorm = try LayerNorm(weights.scoped("ln_f"), width: d, epsilon: configuration.layerNormEpsilon)
        head = try all.head("lm_head", tiedTo: tokenTable, ties: configuration.tiesWordEmbeddings)
        // Causal masks, which old checkpoints carry as tensors.
        try all.finish(ignoring: ["*attn.bias", "*attn.masked_bias"])
        parameters = all.registry.parameters.map { (Self.savedName($0.name), $0.value) }
    }

    /// The name that `transformers` saves a parameter under: all but the head's lie below `transformer.`.
    private static func savedName(_ name: String) -> String {
        name.hasPrefix("transformer.") || name.hasPrefix("lm_head.") ? name : "transformer." + name
    }

    /// Sizes that caches and prefixes have.
    public var shape: ModelShape { configuration.shape }
    /// Rows of the token table.
    public func embeddings(of tokens: [Int32]) -> Tensor { tokenTable.rows(at: tokens) }

    /// lnᶠ of the last block's output.
    public func hiddenStates(_ batch: TokenBatch, cache: KVCache, dropout: Dropout?) -> Tensor {
        let step = cache.extend(by: batch, dropout: dropout)
        var x = step.dropped(batch.embedded(by: tokenTable) + positionTable.rows(at: step.positions))  // [tokens × d]
        for block in blocks { x = step.block(x, block.adapters) { block($0, step) } }
        return finalNorm(x)
    }
}

extension GPT2 {
    @Compute private struct Block {
        let attentionNorm: LayerNorm
        let attention: Attention
        let mlpNorm: LayerNorm
        let mlp: MLP
        let adapters: BlockAdapters

        init(_ configuration: GPT2Configuration, layer: Int, _ weights: WeightLoader) throws {
            let epsilon = configuration.layerNormEpsilon
            attentionNorm = try LayerNorm(weights.scoped("ln_1"), width: configuration.width, epsilon: epsilon)
            attention = try Attention(configuration, layer: layer, weights.scoped("attn"))
            mlpNorm = try LayerNorm(weights.scoped("ln_2"), width: configuration.width, epsilon: epsilon)
            mlp = try MLP(configuration, weights.scoped("mlp"))
            adapters = try BlockAdapters(weights, width: configuration.width)
        }

        func callAsFunction(_ x: Tensor, _ step: CacheStep) -> Tensor {
            let y = step.residual(x, .selfAttention(layer: attention.layer), adapters) {
                attention(attentionNorm($0), step)
            }
            return step.residual(y, .mlp, adapters) { mlp(mlpNorm($0)) }
        }
    }

    @Compute private struct Attention {
        let layer: Int
        let geometry: AttentionGeometry
        let project: any LinearMap  // [d × 3d]: queries | keys | values
        let output: any LinearMap  // [d × d]

        init(_ configuration: GPT2Configuration, layer: Int, _ weights: WeightLoader) throws {
            let d = configuration.width
            self.layer = layer
            var scale: Float = configuration.scalesAttention ? 1 / Float(configuration.headWidth).squareRoot() : 1
            if configuration.scalesAttentionByInverseLayer { scale /= Float(layer + 1) }
            geometry = AttentionGeometry(
                heads: configuration.headCount, headWidth: configuration.headWidth, scale: scale)
            project = try weights.matrix(
                "c_attn", input: d, output: 3 * d, orientation: .inputByOutput, isDelicate: true)
            output = try weights.matrix("c_proj", input: d, output: d, orientation: .inputByOutput)
        }

        func callAsFunction(_ x: Tensor, _ step: CacheStep) -> Tensor {
            output(step.attend(project(x), layer: layer, geometry: geometry))
        }
    }

    @Compute private struct MLP {
        let expand: any LinearMap  // [d × inner]
        let activation: Activation
        let contract: any LinearMap  // [inner × d]

        init(_ configuration: GPT2Configuration, _ weights: WeightLoader) throws {
            let d = configuration.width, inner = configuration.innerWidth
            expand = try weights.matrix("c_fc", input: d, output: inner, orientation: .inputByOutput)
            contract = try weights.matrix("c_proj", input: inner, output: d, orientation: .inputByOutput)
            activation = configuration.activation.operation
        }

        func callAsFunction(_ x: Tensor) -> Tensor { contract(expand(x).applying(activation)) }
    }
}
