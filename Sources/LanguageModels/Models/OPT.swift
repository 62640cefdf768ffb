import Tensors

/// OPT (Zhang et al. 2022): a GPT-3-like decoder with learned positions that begin at 2 and ReLU.
///
/// x₀ = embed[token] + position[p + 2]; x ← x + attention(ln x); x ← x + mlp(ln x), or in the 350m model with the norms
/// after the sums; logits = head(lnᶠ x).
@Compute public final class OPT: CausalModel {
    /// Sizes and conventions.
    public let configuration: OPTConfiguration
    /// The output head.
    public let head: any LinearMap
    /// Trainable parameters by checkpoint name.
    public let parameters: [(name: String, value: Tensor)]

    private let tokenTable: TokenTable  // [vocabulary × embedding width]
    private let positionTable: TokenTable  // [positions + 2 × d]
    private let projectIn: (any LinearMap)?
    private let projectOut: (any LinearMap)?
    private let blocks: [Block]
    private let finalNorm: LayerNorm?

    /// The first row of the position table that is used.
    private static let positionOffset: Int32 = 2

    /// Takes the weights of a checkpoint, whose keys begin with `model.decoder.` or, in old files, `decoder.`.
    ///
    /// - Throws: ``CheckpointError`` where tensors are missing, left over, mis-shaped or not finite.
    public init(_ configuration: OPTConfiguration, _ all: WeightLoader) throws {
        self.configuration = configuration
        let d = configuration.width, embedding = configuration.embeddingWidth, size = configuration.vocabularySize
        let weights = all.scoped("model", orBare: "decoder.embed_tokens.weight").scoped("decoder")
        tokenTable = try weights.tokenTable("embed_tokens.weight", rows: size, width: embedding)
        positionTable = try weights.table(
            "embed_positions.weight", rows: configuration.positionCount + Int(Self.positionOffset), width: d)
        let isProjected = embedding != d
        projectIn =
            isProjected
            ? try weights.matrix("project_in", input: embedding, output: d, orientation: .outputByInput, hasBias: false)
            : nil
        blocks = try (0..<configuration.layerCount).map {
            try Block(configuration, layer: $0, weights.scoped("layers").scoped("\($0)"))
        }
        finalNorm =
            configuration.hasFinalNorm
            ? try LayerNorm(
                weights.scoped("final_layer_norm"), width: d, epsilon: 1e-5, isAffine: configuration.hasAffineNorms)
            : nil
        projectOut =
            isProjected
            ? try weights.matrix(
                "project_out", input: d, output: embedding, orientation: .outputByInput, hasBias: false) : nil
        head = try all.head("lm_head", tiedTo: tokenTable, ties: configuration.tiesWordEmbeddings)
        try all.finish()
        parameters = all.registry.parameters
    }

    /// Sizes that caches and prefixes have.
    public var shape: ModelShape { configuration.shape }
    /// Rows of the token table.
    public func embeddings(of tokens: [Int32]) -> Tensor { tokenTable.rows(at: tokens) }

    /// What the head reads: the last block's output, normalised and projected where the model says so.
    public func hiddenStates(_ batch: TokenBatch, cache: KVCache, dropout: Dropout?) -> Tensor {
        let step = cache.extend(by: batch, dropout: dropout)
        var x = batch.embedded(by: tokenTable)
        if let projectIn { x = projectIn(x) }
        x = step.dropped(x + positionTable.rows(at: step.positions.map { $0 + Self.positionOffset }))
        for block in blocks { x = step.block(x, block.adapters) { block($0, step) } }
        if let finalNorm { x = finalNorm(x) }
        return projectOut.map { $0(x) } ?? x
    }
}

extension OPT {
    @Compute private struct Block {
        let normsFirst: Bool
        let attentionNorm: LayerNorm
        let attention: Attention
        let mlpNorm: LayerNorm
        let expand: any LinearMap  // [d × inner]
        let activation: Activation
        let contract: any LinearMap  // [inner × d]
        let adapters: BlockAdapters

        init(_ configuration: OPTConfiguration, layer: Int, _ weights: WeightLoader) throws {
            let d = configuration.width, inner = configuration.innerWidth, hasBias = configuration.hasBias
            func norm(_ name: String) throws -> LayerNorm {
                try LayerNorm(
                    weights.scoped(name), width: d, epsilon: 1e-5, isAffine: configuration.hasAffineNorms)
            }
            normsFirst = configuration.normsFirst
            attentionNorm = try norm("self_attn_layer_norm")
            attention = try Attention(configuration, layer: layer, weights.scoped("self_attn"))
            mlpNorm = try norm("final_layer_norm")
            expand = try weights.matrix("fc1", input: d, output: inner, orientation: .outputByInput, hasBias: hasBias)
            contract = try weights.matrix("fc2", input: inner, output: d, orientation: .outputByInput, hasBias: hasBias)
            activation = configuration.activation.operation
            adapters = try BlockAdapters(weights, width: d)
        }

        func callAsFunction(_ x: Tensor, _ step: CacheStep) -> Tensor {
            func mlp(_ x: Tensor) -> Tensor { contract(expand(x).applying(activation)) }
            let y = step.residual(x, .selfAttention(layer: attention.layer), adapters) {
                attention(normsFirst ? attentionNorm($0) : $0, step)
            }
            if normsFirst { return step.residual(y, .mlp, adapters) { mlp(mlpNorm($0)) } }
            return mlpNorm(step.residual(attentionNorm(y), .mlp, adapters) { mlp($0) })
        }
    }

    @Compute private struct Attention {
        let layer: Int
        let geometry: AttentionGeometry
        let project: any LinearMap  // [d × 3d]: queries | keys | values
        let output: any LinearMap  // [d × d]

        init(_ configuration: OPTConfiguration, layer: Int, _ weights: WeightLoader) throws {
            let d = configuration.width, hasBias = configuration.hasBias
            self.layer = layer
            geometry = AttentionGeometry(
                heads: configuration.headCount, headWidth: d / configuration.headCount,
                scale: 1 / Float(d / configuration.headCount).squareRoot())
            project = try weights.stacked(
                [("q_proj", d), ("k_proj", d), ("v_proj", d)], input: d, hasBias: hasBias, isDelicate: true)
            output = try weights.matrix(
                "out_proj", input: d, output: d, orientation: .outputByInput, hasBias: hasBias)
        }

        func callAsFunction(_ x: Tensor, _ step: CacheStep) -> Tensor {
            output(step.attend(project(x), layer: layer, geometry: geometry))
        }
    }
}
