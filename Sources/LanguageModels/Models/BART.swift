import Tensors

/// BART (Lewis et al. 2020): a Transformer encoder and a decoder that attends to it, layer norms after the sums.
///
/// Encoder: x₀ = ln(embed[token]·s + position[p + 2]); x ← ln(x + attention(x)); x ← ln(x + mlp(x)). The decoder's
/// attention is causal and followed by x ← ln(x + attention(x; encoder's output)). logits = x · Wᵀ + b.
@Compute public final class BART: EncoderDecoderModel {
    /// Sizes and conventions.
    public let configuration: BARTConfiguration
    /// The output head.
    public let head: any LinearMap
    /// Trainable parameters by checkpoint name.
    public let parameters: [(name: String, value: Tensor)]

    private let encoder: Stack
    private let decoder: Stack

    /// Takes the weights of a checkpoint, whose keys begin with `model.` or not.
    ///
    /// - Throws: ``CheckpointError`` where tensors are missing, left over, mis-shaped or not finite.
    public init(_ configuration: BARTConfiguration, _ all: WeightLoader) throws {
        self.configuration = configuration
        let root = all.scoped("model", orBare: "shared.weight")
        let size = configuration.vocabularySize, width = configuration.width
        let shared = try root.tokenTable("shared.weight", rows: size, width: width)
        func table(_ name: String) throws -> TokenTable {
            if configuration.tiesWordEmbeddings { return shared }
            guard root.contains("\(name).embed_tokens.weight") else { throw root.untied("\(name).embed_tokens.weight") }
            return try root.tokenTable("\(name).embed_tokens.weight", rows: size, width: width)
        }
        func stack(_ name: String, _ sizes: BARTConfiguration.Stack, isDecoder: Bool) throws -> Stack {
            try Stack(configuration, sizes, root.scoped(name), table: table(name), isDecoder: isDecoder)
        }
        encoder = try stack("encoder", configuration.encoder, isDecoder: false)
        decoder = try stack("decoder", configuration.decoder, isDecoder: true)
        let bias =
            all.contains("final_logits_bias") ? try all.tensor("final_logits_bias", shape: [1, size]) : nil
        head = try all.head(
            "lm_head", tiedTo: shared, ties: configuration.tiesWordEmbeddings, bias: bias)
        // Copies of the shared table, which files carry or not.
        try all.finish(
            ignoring: configuration.tiesWordEmbeddings
                ? ["*encoder.embed_tokens.weight", "*decoder.embed_tokens.weight"] : [])
        parameters = all.registry.parameters
    }

    /// Sizes that caches and prefixes have.
    public var shape: ModelShape { configuration.shape }
    /// Rows of the token table.
    public func embeddings(of tokens: [Int32]) -> Tensor {
        let rows = decoder.embedding.tokenTable.rows(at: tokens), scale = decoder.embedding.scale
        return scale == 1 ? rows : rows.scaled(by: scale)
    }
    /// What the decoder begins with.
    public var startToken: Int32? { configuration.startToken }

    /// The keys and values of the encoder's output in each layer of the decoder.
    public func encode(_ sources: TokenBatch, cache: KVCache, dropout: Dropout?) -> [KeyValues] {
        let output = encoder(sources, cache: cache, dropout)
        let layers = decoder.blocks.compactMap(\.cross).map {
            KeyValues.Layer(.float32($0.attention.keyValues(output)), 0, configuration.width)
        }
        return sources.ranges.map { KeyValues(layers: layers, rows: .range($0), positions: 0) }
    }

    /// The decoder's output.
    public func hiddenStates(_ batch: TokenBatch, cache: KVCache, dropout: Dropout?) -> Tensor {
        decoder(batch, cache: cache, dropout)
    }
}

extension BART {
    /// Token and position embedding of encoder or decoder.
    @Compute private struct Embedding {
        let tokenTable: TokenTable  // [vocabulary × d]
        let positionTable: TokenTable  // [positions + 2 × d]
        let scale: Float
        let norm: LayerNorm

        init(_ configuration: BARTConfiguration, _ weights: WeightLoader, table: TokenTable) throws {
            let d = configuration.width
            tokenTable = table
            positionTable = try weights.table("embed_positions.weight", rows: configuration.positionCount + 2, width: d)
            scale = configuration.scalesEmbedding ? Float(d).squareRoot() : 1
            norm = try LayerNorm(weights.scoped("layernorm_embedding"), width: d, epsilon: 1e-5)
        }

        func callAsFunction(_ batch: TokenBatch, _ step: CacheStep) -> Tensor {
            let tokens = batch.embedded(by: tokenTable, times: scale)
            return step.dropped(norm(tokens + positionTable.rows(at: step.positions.map { $0 + 2 })))
        }
    }

    /// Encoder or decoder.
    @Compute private struct Stack {
        let embedding: Embedding
        let blocks: [Block]

        init(
            _ configuration: BARTConfiguration, _ sizes: BARTConfiguration.Stack, _ weights: WeightLoader,
            table: TokenTable, isDecoder: Bool
        ) throws {
            embedding = try Embedding(configuration, weights, table: table)
            blocks = try (0..<sizes.layerCount).map {
                try Block(
                    configuration, sizes, layer: $0, weights.scoped("layers").scoped("\($0)"), isDecoder: isDecoder)
            }
        }

        func callAsFunction(_ batch: TokenBatch, cache: KVCache, _ dropout: Dropout?) -> Tensor {
            let step = cache.extend(by: batch, dropout: dropout)
            var x = embedding(batch, step)
            for block in blocks { x = step.block(x, block.adapters) { block($0, step) } }
            return x
        }
    }

    @Compute private struct Block {
        let attention: SelfAttention
        let attentionNorm: LayerNorm
        let cross: (attention: CrossAttention, norm: LayerNorm)?  // of the decoder
        let mlp: MLP
        let mlpNorm: LayerNorm
        let adapters: BlockAdapters

        init(
            _ configuration: BARTConfiguration, _ sizes: BARTConfiguration.Stack, layer: Int, _ weights: WeightLoader,
            isDecoder: Bool
        ) throws {
            let d = configuration.width
            func norm(_ name: String) throws -> LayerNorm {
                try LayerNorm(weights.scoped(name), width: d, epsilon: 1e-5)
            }
            attention = try SelfAttention(
                weights.scoped("self_attn"), layer: layer, width: d, heads: sizes.headCount, isCausal: isDecoder)
            attentionNorm = try norm("self_attn_layer_norm")
            cross =
                isDecoder
                ? (
                    try CrossAttention(weights.scoped("encoder_attn"), layer: layer, width: d, heads: sizes.headCount),
                    try norm("encoder_attn_layer_norm")
                ) : nil
            mlp = try MLP(weights, width: d, inner: sizes.innerWidth, configuration.activation)
            mlpNorm = try norm("final_layer_norm")
            adapters = try BlockAdapters(weights, width: d)
        }

        func callAsFunction(_ x: Tensor, _ step: CacheStep) -> Tensor {
            var y = attentionNorm(
                step.residual(x, .selfAttention(layer: attention.layer), adapters) { attention($0, step) })
            if let cross { y = cross.norm(step.residual(y, .crossAttention) { cross.attention($0, step) }) }
            return mlpNorm(step.residual(y, .mlp, adapters) { mlp($0) })
        }
    }

    @Compute private struct SelfAttention {
        let layer: Int
        let geometry: AttentionGeometry
        let project: any LinearMap  // [d × 3d]: queries | keys | values
        let output: any LinearMap  // [d × d]

        init(_ weights: WeightLoader, layer: Int, width d: Int, heads: Int, isCausal: Bool) throws {
            self.layer = layer
            geometry = AttentionGeometry(
                heads: heads, headWidth: d / heads, scale: 1 / Float(d / heads).squareRoot(), isCausal: isCausal)
            project = try weights.stacked(
                [("q_proj", d), ("k_proj", d), ("v_proj", d)], input: d, hasBias: true, isDelicate: true)
            output = try weights.matrix("out_proj", input: d, output: d, orientation: .outputByInput)
        }

        func callAsFunction(_ x: Tensor, _ step: CacheStep) -> Tensor {
            output(step.attend(project(x), layer: layer, geometry: geometry))
        }
    }

    @Compute private struct CrossAttention {
        let layer: Int
        let geometry: AttentionGeometry
        let queries: any LinearMap  // [d × d]
        let keyValues: any LinearMap  // [d × 2d]: keys | values of the encoder's output
        let output: any LinearMap  // [d × d]

        init(_ weights: WeightLoader, layer: Int, width d: Int, heads: Int) throws {
            self.layer = layer
            geometry = AttentionGeometry(
                heads: heads, headWidth: d / heads, scale: 1 / Float(d / heads).squareRoot(), isCausal: false)
            queries = try weights.matrix("q_proj", input: d, output: d, orientation: .outputByInput)
            keyValues = try weights.stacked([("k_proj", d), ("v_proj", d)], input: d, hasBias: true, isDelicate: true)
            output = try weights.matrix("out_proj", input: d, output: d, orientation: .outputByInput)
        }

        func callAsFunction(_ x: Tensor, _ step: CacheStep) -> Tensor {
            output(step.attendToSource(queries(x), layer: layer, geometry: geometry))
        }
    }

    @Compute private struct MLP {
        let expand: any LinearMap  // [d × inner]
        let activation: Activation
        let contract: any LinearMap  // [inner × d]

        init(_ weights: WeightLoader, width d: Int, inner: Int, _ named: NamedActivation) throws {
            expand = try weights.matrix("fc1", input: d, output: inner, orientation: .outputByInput)
            contract = try weights.matrix("fc2", input: inner, output: d, orientation: .outputByInput)
            activation = named.operation
        }

        func callAsFunction(_ x: Tensor) -> Tensor { contract(expand(x).applying(activation)) }
    }
}
