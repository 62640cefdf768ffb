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

    private let encoder: Encoder
    private let decoder: Decoder

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
        encoder = try Encoder(configuration, root.scoped("encoder"), table: table("encoder"))
        decoder = try Decoder(configuration, root.scoped("decoder"), table: table("decoder"))
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
    public func embeddings(of tokens: [Int32]) -> Tensor { decoder.embedding.tokenTable.rows(at: tokens) }
    /// What the decoder begins with.
    public var startToken: Int32? { configuration.startToken }

    /// The keys and values of the encoder's output in each layer of the decoder.
    public func encode(_ sources: TokenBatch, cache: KVCache, dropout: Dropout?) -> [KeyValues] {
        let output = encoder(sources, cache: cache, dropout)
        let layers = decoder.blocks.map { KeyValues.Layer($0.cross.keyValues(output), 0, configuration.width) }
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

        func callAsFunction(_ batch: TokenBatch, _ step: CacheStep, _ dropout: Dropout?) -> Tensor {
            let tokens = batch.embedded(by: tokenTable)
            let x = norm(
                (scale == 1 ? tokens : tokens.scaled(by: scale)) + positionTable.rows(at: step.positions.map { $0 + 2 })
            )
            return dropout.map { $0(x) } ?? x
        }
    }

    @Compute private struct Encoder {
        let embedding: Embedding
        let blocks: [Block]

        @Compute struct Block {
            let attention: SelfAttention
            let attentionNorm: LayerNorm
            let mlp: MLP
            let mlpNorm: LayerNorm
            let adapters: BlockAdapters
        }

        init(_ configuration: BARTConfiguration, _ weights: WeightLoader, table: TokenTable) throws {
            let d = configuration.width, stack = configuration.encoder
            embedding = try Embedding(configuration, weights, table: table)
            blocks = try (0..<stack.layerCount).map { layer in
                let weights = weights.scoped("layers").scoped("\(layer)")
                return Block(
                    attention: try SelfAttention(
                        weights.scoped("self_attn"), layer: layer, width: d, heads: stack.headCount, isCausal: false),
                    attentionNorm: try LayerNorm(weights.scoped("self_attn_layer_norm"), width: d, epsilon: 1e-5),
                    mlp: try MLP(weights, width: d, inner: stack.innerWidth, configuration.activation),
                    mlpNorm: try LayerNorm(weights.scoped("final_layer_norm"), width: d, epsilon: 1e-5),
                    adapters: try BlockAdapters(weights, width: d))
            }
        }

        func callAsFunction(_ batch: TokenBatch, cache: KVCache, _ dropout: Dropout?) -> Tensor {
            func dropped(_ y: Tensor) -> Tensor { dropout.map { $0(y) } ?? y }
            let step = cache.extend(by: batch)
            var x = embedding(batch, step, dropout)
            for block in blocks {
                x = step.recomputing(.layer, x, dropout) { x in
                    let attended = step.recomputing(.attention, x, nil) { block.attention($0, step) }
                    let y = block.attentionNorm(x + dropped(block.adapters.afterAttention(attended)))
                    let z = block.mlpNorm(y + dropped(block.adapters.afterMLP(block.mlp(y))))
                    return block.adapters.afterBlock(z)
                }
            }
            return x
        }
    }

    @Compute private struct Decoder {
        let embedding: Embedding
        let blocks: [Block]

        @Compute struct Block {
            let attention: SelfAttention
            let attentionNorm: LayerNorm
            let cross: CrossAttention
            let crossNorm: LayerNorm
            let mlp: MLP
            let mlpNorm: LayerNorm
            let adapters: BlockAdapters
        }

        init(_ configuration: BARTConfiguration, _ weights: WeightLoader, table: TokenTable) throws {
            let d = configuration.width, stack = configuration.decoder
            embedding = try Embedding(configuration, weights, table: table)
            blocks = try (0..<stack.layerCount).map { layer in
                let weights = weights.scoped("layers").scoped("\(layer)")
                @Compute func norm(_ name: String) throws -> LayerNorm {
                    try LayerNorm(weights.scoped(name), width: d, epsilon: 1e-5)
                }
                return Block(
                    attention: try SelfAttention(
                        weights.scoped("self_attn"), layer: layer, width: d, heads: stack.headCount, isCausal: true),
                    attentionNorm: try norm("self_attn_layer_norm"),
                    cross: try CrossAttention(
                        weights.scoped("encoder_attn"), layer: layer, width: d, heads: stack.headCount),
                    crossNorm: try norm("encoder_attn_layer_norm"),
                    mlp: try MLP(weights, width: d, inner: stack.innerWidth, configuration.activation),
                    mlpNorm: try norm("final_layer_norm"),
                    adapters: try BlockAdapters(weights, width: d))
            }
        }

        func callAsFunction(_ batch: TokenBatch, cache: KVCache, _ dropout: Dropout?) -> Tensor {
            func dropped(_ y: Tensor) -> Tensor { dropout.map { $0(y) } ?? y }
            let step = cache.extend(by: batch)
            var x = embedding(batch, step, dropout)
            for block in blocks {
                x = step.recomputing(.layer, x, dropout) { x in
                    let attended = step.recomputing(.attention, x, nil) { block.attention($0, step) }
                    let x = step.wanted(x, ofLayer: block.attention.layer)
                    let y = block.attentionNorm(x + dropped(block.adapters.afterAttention(attended)))
                    let read = step.recomputing(.attention, y, nil) { block.cross($0, step) }
                    let z = block.crossNorm(y + dropped(read))
                    let out = block.mlpNorm(z + dropped(block.adapters.afterMLP(block.mlp(z))))
                    return block.adapters.afterBlock(out)
                }
            }
            return x
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
            project = try weights.stacked([("q_proj", d), ("k_proj", d), ("v_proj", d)], input: d, hasBias: true)
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
            keyValues = try weights.stacked([("k_proj", d), ("v_proj", d)], input: d, hasBias: true)
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
