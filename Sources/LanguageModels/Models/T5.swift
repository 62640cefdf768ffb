import Tensors

/// T5 (Raffel et al. 2020): an encoder and a decoder that attends to it, RMS norms first, positions as a term of the scores.
///
/// x ← x + attention(norm x); in the decoder x ← x + attention(norm x; encoder's output); x ← x + mlp(norm x). Scores are q·k, not
/// divided by anything, plus b[range of the distance] of the head, which the first block has for all; none towards the encoder's
/// output. The MLP is wo(act(wi x)), or wo(act(wi₀ x) ⊙ wi₁ x) since v1.1. logits = norm(x)/√d · Wᵀ, undivided where the head is a
/// matrix of its own.
@Compute public final class T5: EncoderDecoderModel {
    /// Sizes and conventions.
    public let configuration: T5Configuration
    /// The output head.
    public let head: any LinearMap
    /// Trainable parameters by checkpoint name.
    public let parameters: [(name: String, value: Tensor)]

    private let tokenTable: TokenTable  // [vocabulary × d]
    private let encoder: Stack
    private let decoder: Stack

    /// Takes the weights of a checkpoint.
    ///
    /// - Throws: ``CheckpointError`` where tensors are missing, left over, mis-shaped or not finite.
    public init(_ configuration: T5Configuration, _ weights: WeightLoader) throws {
        self.configuration = configuration
        // The table has three names; old files have it only under the last.
        let names = ["shared", "encoder.embed_tokens", "decoder.embed_tokens"].map { "\($0).weight" }
        let name = names.first(where: weights.contains) ?? names[0]
        tokenTable = try weights.tokenTable(name, rows: configuration.vocabularySize, width: configuration.width)
        encoder = try Stack(configuration, weights.scoped("encoder"), layers: configuration.encoderLayerCount, nil)
        decoder = try Stack(
            configuration, weights.scoped("decoder"), layers: configuration.decoderLayerCount, .init())
        head = try weights.head("lm_head", tiedTo: tokenTable, ties: true)
        // Copies of the table, and a table that T5's first files have for an attention that has no distances.
        try weights.finish(ignoring: names.filter { $0 != name } + ["*EncDecAttention.relative_attention_bias.weight"])
        parameters = weights.registry.parameters
    }

    /// Sizes that caches and prefixes have.
    public var shape: ModelShape { configuration.shape }
    /// Rows of the token table.
    public func embeddings(of tokens: [Int32]) -> Tensor { tokenTable.rows(at: tokens) }
    /// What the decoder begins with.
    public var startToken: Int32? { configuration.startToken }

    /// The keys and values of the encoder's output in each layer of the decoder.
    public func encode(_ sources: TokenBatch, cache: KVCache, dropout: Dropout?) -> [KeyValues] {
        let output = encoder(sources.embedded(by: tokenTable), sources, cache: cache, dropout)
        let layers = decoder.blocks.compactMap(\.cross).map {
            KeyValues.Layer(.float32($0.keyValues(output)), 0, shape.keyWidth)
        }
        return sources.ranges.map { KeyValues(layers: layers, rows: .range($0), positions: 0) }
    }

    /// The decoder's output, divided by √d where the head is the token table.
    public func hiddenStates(_ batch: TokenBatch, cache: KVCache, dropout: Dropout?) -> Tensor {
        let output = decoder(batch.embedded(by: tokenTable), batch, cache: cache, dropout)
        return configuration.scalesOutput ? output.scaled(by: 1 / Float(configuration.width).squareRoot()) : output
    }
}

extension T5 {
    /// What makes a stack a decoder.
    private struct Causal {}

    /// Encoder or decoder.
    @Compute private struct Stack {
        let blocks: [Block]
        let distances: RangedDistances
        let finalNorm: RMSNorm

        init(_ configuration: T5Configuration, _ weights: WeightLoader, layers: Int, _ causal: Causal?) throws {
            let blockWeights = weights.scoped("block")
            distances = try RangedDistances(
                blockWeights.scoped("0").scoped("layer").scoped("0").scoped("SelfAttention"),
                name: "relative_attention_bias",
                heads: configuration.headCount, ranges: configuration.rangeCount, farthest: configuration.farthest,
                isCausal: causal != nil)
            blocks = try (0..<layers).map {
                try Block(configuration, layer: $0, blockWeights.scoped("\($0)"), isDecoder: causal != nil)
            }
            finalNorm = try RMSNorm(
                weights.scoped("final_layer_norm"), width: configuration.width, epsilon: configuration.normEpsilon)
        }

        func callAsFunction(_ embeddings: Tensor, _ batch: TokenBatch, cache: KVCache, _ dropout: Dropout?) -> Tensor {
            let step = cache.extend(by: batch, dropout: dropout), bias = distances.bias(ofPositions: step.longest)
            var x = step.dropped(embeddings)
            for block in blocks { x = step.block(x, block.adapters) { block($0, step, bias) } }
            return step.dropped(finalNorm(x))
        }
    }

    @Compute private struct Block {
        let attentionNorm: RMSNorm
        let attention: SelfAttention
        let crossNorm: RMSNorm?  // of the decoder
        let cross: CrossAttention?
        let mlpNorm: RMSNorm
        let mlp: MLP
        let adapters: BlockAdapters

        init(_ configuration: T5Configuration, layer: Int, _ weights: WeightLoader, isDecoder: Bool) throws {
            let parts = weights.scoped("layer")
            func norm(_ part: Int) throws -> RMSNorm {
                try RMSNorm(
                    parts.scoped("\(part)").scoped("layer_norm"), width: configuration.width,
                    epsilon: configuration.normEpsilon)
            }
            attentionNorm = try norm(0)
            attention = try SelfAttention(
                configuration, layer: layer, parts.scoped("0").scoped("SelfAttention"), isCausal: isDecoder)
            crossNorm = isDecoder ? try norm(1) : nil
            cross =
                isDecoder
                ? try CrossAttention(configuration, layer: layer, parts.scoped("1").scoped("EncDecAttention")) : nil
            let last = isDecoder ? 2 : 1
            mlpNorm = try norm(last)
            mlp = try MLP(configuration, parts.scoped("\(last)").scoped("DenseReluDense"))
            adapters = try BlockAdapters(weights, width: configuration.width)
        }

        func callAsFunction(_ x: Tensor, _ step: CacheStep, _ bias: DistanceBias) -> Tensor {
            var y = step.residual(x, .selfAttention(layer: attention.layer), adapters) {
                attention(attentionNorm($0), step, bias)
            }
            if let cross, let crossNorm { y = step.residual(y, .crossAttention) { cross(crossNorm($0), step) } }
            return step.residual(y, .mlp, adapters) { mlp(mlpNorm($0), step) }
        }
    }

    @Compute private struct SelfAttention {
        let layer: Int
        let geometry: AttentionGeometry
        let project: any LinearMap  // [d × 3·heads·headWidth]: queries | keys | values
        let output: any LinearMap  // [heads·headWidth × d]

        init(_ configuration: T5Configuration, layer: Int, _ weights: WeightLoader, isCausal: Bool) throws {
            let inner = configuration.headCount * configuration.headWidth
            self.layer = layer
            geometry = AttentionGeometry(
                heads: configuration.headCount, headWidth: configuration.headWidth, scale: 1, isCausal: isCausal)
            project = try weights.stacked(
                [("q", inner), ("k", inner), ("v", inner)], input: configuration.width, hasBias: false, isDelicate: true
            )
            output = try weights.matrix(
                "o", input: inner, output: configuration.width, orientation: .outputByInput, hasBias: false)
        }

        func callAsFunction(_ x: Tensor, _ step: CacheStep, _ bias: DistanceBias) -> Tensor {
            output(step.attend(project(x), layer: layer, geometry: geometry, bias: bias))
        }
    }

    @Compute private struct CrossAttention {
        let layer: Int
        let geometry: AttentionGeometry
        let queries: any LinearMap  // [d × heads·headWidth]
        let keyValues: any LinearMap  // [d × 2·heads·headWidth]: keys | values of the encoder's output
        let output: any LinearMap  // [heads·headWidth × d]

        init(_ configuration: T5Configuration, layer: Int, _ weights: WeightLoader) throws {
            let inner = configuration.headCount * configuration.headWidth, d = configuration.width
            self.layer = layer
            geometry = AttentionGeometry(
                heads: configuration.headCount, headWidth: configuration.headWidth, scale: 1, isCausal: false)
            queries = try weights.matrix("q", input: d, output: inner, orientation: .outputByInput, hasBias: false)
            keyValues = try weights.stacked([("k", inner), ("v", inner)], input: d, hasBias: false, isDelicate: true)
            output = try weights.matrix("o", input: inner, output: d, orientation: .outputByInput, hasBias: false)
        }

        func callAsFunction(_ x: Tensor, _ step: CacheStep) -> Tensor {
            output(step.attendToSource(queries(x), layer: layer, geometry: geometry))
        }
    }

    @Compute private struct MLP {
        let expand: any LinearMap  // [d × inner], or [d × 2·inner]: gate | up
        let isGated: Bool
        let activation: Activation
        let contract: any LinearMap  // [inner × d]

        init(_ configuration: T5Configuration, _ weights: WeightLoader) throws {
            let d = configuration.width, inner = configuration.innerWidth
            isGated = configuration.isGated
            activation = configuration.activation.operation
            expand =
                isGated
                ? try weights.stacked([("wi_0", inner), ("wi_1", inner)], input: d, hasBias: false)
                : try weights.matrix("wi", input: d, output: inner, orientation: .outputByInput, hasBias: false)
            contract = try weights.matrix("wo", input: inner, output: d, orientation: .outputByInput, hasBias: false)
        }

        func callAsFunction(_ x: Tensor, _ step: CacheStep) -> Tensor {
            let y = expand(x)
            return contract(step.dropped(isGated ? y.gated(activation) : y.applying(activation)))
        }
    }
}
