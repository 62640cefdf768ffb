import Tensors

/// A language model with a decoder: p(next token | tokens so far).
///
/// A model knows key-value caches, not prefixes: whatever the cache holds at the start is attended to.
@Compute public protocol CausalModel: AnyObject {
    /// Sizes that its caches and prefixes have.
    var shape: ModelShape { get }
    /// The output head [width × vocabulary].
    var head: any LinearMap { get }
    /// The token that every output of an encoder–decoder model begins with, which is read and never written; nil where an
    /// output goes on from its prompt.
    var startToken: Int32? { get }
    /// Its parameters under the names of its checkpoint, where it is trained; else none.
    var parameters: [(name: String, value: Tensor)] { get }
    /// Whether what is computed for the first tokens of a text depends on how long the text is (``RotaryEmbedding/Lengthening``).
    var dependsOnLength: Bool { get }

    /// The input embeddings of some tokens, as embeddings that are given in their place are taken (``TokenBatch``): scaled where
    /// the model scales those of its table, and without positions.
    ///
    /// - Returns: [tokens × width of the token table].
    func embeddings(of tokens: [Int32]) -> Tensor

    /// The final hidden states of new tokens.
    ///
    /// - Parameters:
    ///   - batch: New tokens, one sequence per sequence of the cache, and of how many the hidden states are wanted.
    ///   - cache: What they attend to besides each other; extended by them.
    ///   - dropout: Drops activations in training; nil as a rule.
    /// - Returns: [wanted rows × width], to be multiplied by ``head``.
    func hiddenStates(_ batch: TokenBatch, cache: KVCache, dropout: Dropout?) -> Tensor
}

extension CausalModel {
    /// Nil: the model goes on from its prompt.
    public var startToken: Int32? { nil }
    /// False: a token knows those before it.
    public var dependsOnLength: Bool { false }
}

/// A model whose decoder reads what an encoder made of a source text: p(next token | source, tokens so far).
@Compute public protocol EncoderDecoderModel: CausalModel {
    /// Reads sources.
    ///
    /// - Parameters:
    ///   - sources: One sequence per source.
    ///   - cache: What the encoder's self-attention sees besides each source.
    ///   - dropout: Drops activations in training; nil as a rule.
    /// - Returns: For each source, the keys and values that the decoder's cross-attention reads it by.
    func encode(_ sources: TokenBatch, cache: KVCache, dropout: Dropout?) -> [KeyValues]
}

extension EncoderDecoderModel {
    /// Reads sources.
    ///
    /// - Parameters:
    ///   - starts: What the encoder's self-attention sees before each source.
    ///   - dropout: Drops activations in training; nil as a rule.
    ///   - recomputation: What training computes twice.
    /// - Returns: See ``encode(_:cache:dropout:)``.
    public func encode(
        _ sources: TokenBatch, after starts: [KeyValues?], dropout: Dropout?, recomputation: Recomputation? = nil
    ) -> [KeyValues] {
        encode(
            sources, afterAll: starts.map { [$0].compactMap(\.self) }, dropout: dropout, recomputation: recomputation)
    }

    /// The same after several starts in a row.
    func encode(
        _ sources: TokenBatch, afterAll starts: [[KeyValues]], dropout: Dropout?, recomputation: Recomputation? = nil
    ) -> [KeyValues] {
        guard let stack = shape.encoder else { preconditionFailure("an encoder–decoder model without an encoder") }
        let cache = KVCache(
            stack: stack, sequences: starts.map { .init(after: $0) }, keepsTokens: false,
            recomputation: recomputation, dropout: dropout, kind: .encoder)
        return encode(sources, cache: cache, dropout: dropout)
    }
}
