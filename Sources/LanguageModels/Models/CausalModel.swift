import Tensors

/// A decoder-only language model: p(next token | tokens so far).
///
/// A model knows key-value caches, not prefixes: whatever the cache holds at the start is attended to.
public protocol CausalModel: AnyObject {
    /// Sizes that its caches and prefixes have.
    var shape: ModelShape { get }
    /// The output head [width × vocabulary].
    var head: any LinearMap { get }
    /// Its parameters under the names of its checkpoint, where it is trained; else none.
    var parameters: [(name: String, value: Tensor)] { get }

    /// The final hidden states of new tokens.
    ///
    /// - Parameters:
    ///   - batch: New tokens, one sequence per sequence of the cache.
    ///   - cache: What they attend to besides each other; extended by them.
    ///   - dropout: Drops activations in training; nil as a rule.
    /// - Returns: [tokens × width], to be multiplied by ``head``.
    func hiddenStates(_ batch: TokenBatch, cache: KVCache, dropout: Dropout?) -> Tensor
}

/// The sizes that others must know of a model.
public struct ModelShape: Equatable, Sendable, Codable {
    /// Attention layers L.
    public var layerCount: Int
    /// Key and value heads per layer.
    public var keyHeadCount: Int
    /// Width of a head.
    public var headWidth: Int
    /// Width d of the residual stream.
    public var width: Int
    /// The greatest number of positions, a prefix included.
    public var positionCount: Int
    /// Tokens in the vocabulary.
    public var vocabularySize: Int

    /// The sizes of a model.
    public init(
        layerCount: Int, keyHeadCount: Int, headWidth: Int, width: Int, positionCount: Int, vocabularySize: Int
    ) {
        self.layerCount = layerCount
        self.keyHeadCount = keyHeadCount
        self.headWidth = headWidth
        self.width = width
        self.positionCount = positionCount
        self.vocabularySize = vocabularySize
    }

    /// Width of the keys, and of the values, of one position in one layer.
    public var keyWidth: Int { keyHeadCount * headWidth }

    /// Width 2·L·keyWidth of one row of a prefix.
    public var prefixRowWidth: Int { 2 * layerCount * keyWidth }
}

/// Drops activations during training, with masks that depend on a seed and the order of calls alone.
public final class Dropout {
    private let probability: Float
    private var seed: UInt64

    /// A source of masks.
    ///
    /// - Parameters:
    ///   - probability: In 0..<1.
    ///   - seed: Differs from step to step.
    public init(probability: Float, seed: UInt64) {
        self.probability = probability
        self.seed = seed
    }

    /// x with some elements dropped.
    public func callAsFunction(_ x: Tensor) -> Tensor {
        seed &+= 0xd134_2543_de82_ef95
        return x.droppingOut(probability, seed: seed)
    }
}
