import Tensors

/// BERT (Devlin et al. 2019) and RoBERTa (Liu et al. 2019): a Transformer encoder, layer norms after the sums.
///
/// x₀ = ln(word[token] + position[p] + type[0]); x ← ln(x + attention(x)); x ← ln(x + mlp(x)). Every token attends to the
/// whole text. Neither the pooler nor a head is read: what is wanted of the model is a vector per token.
@Compute public final class BERT {
    /// Sizes and conventions.
    public let configuration: BERTConfiguration

    private let embedding: Embedding
    private let blocks: [Block]

    /// Tensors that a checkpoint may have beside the encoder's: heads of the tasks that it was trained on, and buffers.
    private static let passedOver = [
        "*pooler.*", "cls.*", "lm_head.*", "classifier.*", "qa_outputs.*", "*embeddings.position_ids",
        "*embeddings.token_type_ids",
    ]

    /// Takes the weights of a checkpoint, whose keys begin with `bert.` or `roberta.`, or not.
    ///
    /// - Parameter layers: How many blocks are read, the first ones; all unless given.
    /// - Throws: ``CheckpointError`` where tensors are missing, left over, mis-shaped or not finite.
    public init(_ configuration: BERTConfiguration, _ all: WeightLoader, layers: Int? = nil) throws {
        let count = layers ?? configuration.layerCount
        precondition((0...configuration.layerCount).contains(count), "\(count) of \(configuration.layerCount) layers")
        self.configuration = configuration
        let family = configuration.family.rawValue
        let root = all.contains("\(family).embeddings.word_embeddings.weight") ? all.scoped(family) : all
        embedding = try Embedding(configuration, root.scoped("embeddings"))
        let layer = root.scoped("encoder").scoped("layer")
        blocks = try (0..<count).map { try Block(configuration, layer: $0, layer.scoped("\($0)")) }
        let unread = (count..<configuration.layerCount).map { "*encoder.layer.\($0).*" }
        try all.finish(ignoring: Self.passedOver + unread)
    }

    /// The hidden states of texts after some of the blocks.
    ///
    /// - Parameters:
    ///   - batch: The texts with their special tokens, each within the configuration's longest text.
    ///   - layer: After how many blocks: 0 gives the embeddings; at most as many as were read.
    /// - Returns: [tokens × width], texts one after another.
    public func hiddenStates(_ batch: TokenBatch, layer: Int) -> Tensor {
        precondition((0...blocks.count).contains(layer), "layer \(layer) of \(blocks.count)")
        let cache = KVCache(
            stack: configuration.stack, sequences: batch.lengths.map { _ in .init() }, keepsTokens: false)
        let step = cache.extend(by: batch)
        return blocks.prefix(layer).reduce(embedding(batch, step)) { $1($0, step) }
    }
}

extension BERT {
    @Compute private struct Embedding {
        let wordTable: TokenTable  // [vocabulary × d]
        let positionTable: TokenTable  // [positions × d]
        let typeTable: TokenTable  // [types × d]
        let norm: LayerNorm
        let configuration: BERTConfiguration

        init(_ configuration: BERTConfiguration, _ weights: WeightLoader) throws {
            let d = configuration.width
            self.configuration = configuration
            wordTable = try weights.tokenTable(
                "word_embeddings.weight", rows: configuration.vocabularySize, width: d)
            positionTable = try weights.table(
                "position_embeddings.weight", rows: configuration.positionCount, width: d)
            typeTable = try weights.table("token_type_embeddings.weight", rows: configuration.typeCount, width: d)
            norm = try LayerNorm(weights.scoped("LayerNorm"), configuration)
        }

        func callAsFunction(_ batch: TokenBatch, _ step: CacheStep) -> Tensor {
            let types = [Int32](repeating: 0, count: batch.rowCount)
            return norm(
                batch.embedded(by: wordTable) + positionTable.rows(at: positions(batch, step))
                    + typeTable.rows(at: types))
        }

        /// RoBERTa counts the tokens other than padding; padding within a text keeps the row of its id.
        private func positions(_ batch: TokenBatch, _ step: CacheStep) -> [Int32] {
            guard configuration.family == .roberta else { return step.positions }
            return batch.ranges.flatMap { range in
                var position = configuration.padding
                return batch.tokens[range].map { token in
                    guard token != configuration.padding else { return configuration.padding }
                    position += 1
                    return position
                }
            }
        }
    }

    @Compute private struct Block {
        let attention: Attention
        let attentionNorm: LayerNorm
        let expand: any LinearMap  // [d × inner]
        let activation: Activation
        let contract: any LinearMap  // [inner × d]
        let mlpNorm: LayerNorm

        init(_ configuration: BERTConfiguration, layer: Int, _ weights: WeightLoader) throws {
            let d = configuration.width, inner = configuration.innerWidth
            let attending = weights.scoped("attention"), output = weights.scoped("output")
            attention = try Attention(configuration, layer: layer, attending)
            attentionNorm = try LayerNorm(attending.scoped("output").scoped("LayerNorm"), configuration)
            expand = try weights.scoped("intermediate").matrix(
                "dense", input: d, output: inner, orientation: .outputByInput)
            activation = configuration.activation.operation
            contract = try output.matrix("dense", input: inner, output: d, orientation: .outputByInput)
            mlpNorm = try LayerNorm(output.scoped("LayerNorm"), configuration)
        }

        func callAsFunction(_ x: Tensor, _ step: CacheStep) -> Tensor {
            let y = attentionNorm(step.residual(x, .selfAttention(layer: attention.layer)) { attention($0, step) })
            return mlpNorm(step.residual(y, .mlp) { contract(expand($0).applying(activation)) })
        }
    }

    @Compute private struct Attention {
        let layer: Int
        let geometry: AttentionGeometry
        let project: any LinearMap  // [d × 3d]: queries | keys | values
        let output: any LinearMap  // [d × d]

        init(_ configuration: BERTConfiguration, layer: Int, _ weights: WeightLoader) throws {
            let d = configuration.width, headWidth = d / configuration.headCount
            self.layer = layer
            geometry = AttentionGeometry(
                heads: configuration.headCount, headWidth: headWidth, scale: 1 / Float(headWidth).squareRoot(),
                isCausal: false)
            project = try weights.scoped("self").stacked(
                [("query", d), ("key", d), ("value", d)], input: d, hasBias: true)
            output = try weights.scoped("output").matrix("dense", input: d, output: d, orientation: .outputByInput)
        }

        func callAsFunction(_ x: Tensor, _ step: CacheStep) -> Tensor {
            output(step.attend(project(x), layer: layer, geometry: geometry))
        }
    }
}

extension LayerNorm {
    /// Takes `weight` and `bias` [width], which the first files call `gamma` and `beta`.
    fileprivate init(_ weights: WeightLoader, _ configuration: BERTConfiguration) throws {
        func vector(_ name: String, _ first: String) throws -> Tensor {
            try weights.tensor(weights.contains(first) ? first : name, shape: [configuration.width])
        }
        self.init(
            gain: try vector("weight", "gamma"), bias: try vector("bias", "beta"), epsilon: configuration.normEpsilon)
    }
}
