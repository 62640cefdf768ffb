import Tensors

/// What the sequences of a batch attend to before their own tokens.
///
/// A prefix enters a model only as the initial content of this cache; any number of sequences may start from the same
/// one, which is stored once. A cache that keeps new tokens copies their keys and values into a pool of rows, of which
/// a sequence remembers the numbers, and the pages that they lie in: to split a sequence into beams, or to reorder beams,
/// copies numbers only, and a page is free again when the last sequence with tokens there is gone.
@Compute public final class KVCache {
    /// One sequence: the given keys and values, the rows of the pool that hold its tokens, its next position, and the
    /// source that it is about.
    @Compute public struct Sequence {
        let start: [KeyValues]
        let source: [KeyValues]  // a cross prefix, then the source itself
        var poolRows: [Int32] = []
        var sharedRows: Range<Int>?  // pool rows of a prompt, before poolRows
        private(set) var pages: [KeyValuePage] = []  // that these rows lie in
        var filler: PageFiller?  // hands out further rows, to its beams as well
        /// The position behind the last token of a prompt that is read in parts, so that its tokens are turned as those of a
        /// text of this length from the first part on (``RotaryEmbedding``); 0 where it is read at once.
        var promptEnd = 0
        /// Position of the next token.
        public internal(set) var nextPosition: Int

        /// A sequence that begins after `start`, or from nothing.
        ///
        /// - Parameters:
        ///   - history: Its own keys and values after those, of what has been read already.
        ///   - source: What the cross-attention of an encoder–decoder model reads.
        public init(after start: KeyValues? = nil, then history: KeyValues? = nil, reading source: [KeyValues] = []) {
            self.init(after: [start].compactMap(\.self), then: history, reading: source)
        }

        /// A sequence that begins after several starts in a row, whose positions add up.
        package init(after starts: [KeyValues], then history: KeyValues? = nil, reading source: [KeyValues] = []) {
            start = starts + [history].compactMap(\.self)
            self.source = source
            nextPosition = start.reduce(0) { $0 + $1.positions }
        }

        /// A sequence whose tokens stand from `position` on, with nothing before them.
        ///
        /// - Parameter source: What the cross-attention of an encoder–decoder model reads.
        public init(at position: Int, reading source: [KeyValues] = []) {
            self.init(reading: source)
            nextPosition = position
        }
    }

    /// The sequences, in the order of the next batch. May be reordered, repeated and removed between steps.
    public var sequences: [Sequence]
    let pool: KeyValuePool?
    private let stack: AttentionStack
    private let recomputation: Recomputation?
    private let dropout: Dropout?
    private let kind: AttentionKind
    private let trace: KeyValueTrace?

    /// A cache.
    ///
    /// - Parameters:
    ///   - stack: The layers whose self-attention it serves.
    ///   - sequences: What each sequence starts from.
    ///   - keepsTokens: Whether new tokens are remembered (generation) or attend within their batch only (training).
    ///   - recomputation: What training computes twice; not with `keepsTokens`.
    ///   - dropout: Drops probabilities of the attentions, its own and those to a source.
    ///   - kind: Tells the masks of encoder and decoder apart.
    ///   - trace: Told the keys and values of new tokens; not with a recomputation.
    ///   - type: How the tokens that it keeps are held; what sequences start from may be held otherwise.
    ///   - limit: How many tokens can be kept at most; their memory is asked for at once. Nil for a cache that grows.
    public init(
        stack: AttentionStack, sequences: [Sequence], keepsTokens: Bool, recomputation: Recomputation? = nil,
        dropout: Dropout? = nil, kind: AttentionKind = .decoder, trace: KeyValueTrace? = nil,
        as type: CacheType = .float32, limit: Int? = nil
    ) {
        precondition(recomputation == nil || !keepsTokens, "tokens that are remembered are not computed again")
        self.recomputation = recomputation
        self.dropout = dropout
        self.kind = kind
        self.trace = trace
        self.stack = stack
        self.sequences = sequences
        pool = keepsTokens ? KeyValuePool(stack: stack, as: type, limit: limit) : nil
    }

    /// A cache of a model's decoder.
    public convenience init(
        shape: ModelShape, sequences: [Sequence], keepsTokens: Bool, recomputation: Recomputation? = nil,
        dropout: Dropout? = nil, trace: KeyValueTrace? = nil, as type: CacheType = .float32, limit: Int? = nil
    ) {
        self.init(
            stack: shape.decoder, sequences: sequences, keepsTokens: keepsTokens, recomputation: recomputation,
            dropout: dropout, trace: trace, as: type, limit: limit)
    }

    /// Makes room for the tokens of a batch and says what they attend to.
    ///
    /// - Parameters:
    ///   - batch: One run of new tokens per sequence.
    ///   - dropout: Drops elements of embeddings and of what layers add to the residual stream; nil as a rule.
    public func extend(by batch: TokenBatch, dropout: Dropout? = nil) -> CacheStep {
        precondition(batch.lengths.count == sequences.count, "\(batch.lengths.count) for \(sequences.count) sequences")
        var positions: [Int32] = [], newRows: [Int32] = []
        for (index, length) in batch.lengths.enumerated() {
            let next = sequences[index].nextPosition
            positions += (next..<next + length).map(Int32.init)
            sequences[index].nextPosition += length
            if let pool { newRows += sequences[index].extend(by: length, in: pool) }
        }
        let lengths = sequences.map { max($0.nextPosition, $0.promptEnd) }
        // Asked last: the pool may just have moved to larger memory, and what was appended is attended to as well.
        return CacheStep(
            positions: positions, ranges: batch.ranges, lengths: lengths, wanted: batch.wantedRanges,
            lastLayer: stack.layerCount - 1,
            past: sequences.map(keyValues), sources: sequences.map(\.source), newRows: newRows, pool: pool,
            recomputation: recomputation, dropout: self.dropout, residualDropout: dropout, kind: kind, trace: trace)
    }

    private func keyValues(of sequence: Sequence) -> [KeyValues] {
        var parts = sequence.start
        guard let pool else { return parts }
        if let shared = sequence.sharedRows {
            parts.append(KeyValues(layers: pool.layers, rows: .range(shared), positions: 0))
        }
        if !sequence.poolRows.isEmpty {
            parts.append(KeyValues(layers: pool.layers, rows: .list(sequence.poolRows), positions: 0))
        }
        return parts
    }
}

extension KVCache.Sequence {
    /// Takes rows of a pool for new tokens.
    fileprivate mutating func extend(by count: Int, in pool: KeyValuePool) -> [Int32] {
        let filler = filler ?? PageFiller()
        self.filler = filler
        let (rows, pages) = filler.take(count, from: pool)
        remember(rows)
        self.pages += pages.first === self.pages.last ? pages.dropFirst() : pages[...]
        return rows
    }

    /// Begins with what whole pages hold of the same prompt.
    mutating func begin(with pages: [KeyValuePage]) {
        for page in pages { remember(Array(page.rows)) }
        self.pages += pages
        nextPosition += pages.count * KeyValuePage.rowCount
    }

    /// As a range as long as the rows of a prompt follow each other, else one by one.
    private mutating func remember(_ rows: [Int32]) {
        guard let first = rows.first, let last = rows.last else { return }
        // Pages that were free need not follow each other.
        if poolRows.isEmpty, rows.count > 1, zip(rows, rows.dropFirst()).allSatisfy({ $1 == $0 + 1 }),
            sharedRows.map({ $0.upperBound == Int(first) }) ?? true
        {
            sharedRows = (sharedRows?.lowerBound ?? Int(first))..<Int(last) + 1
        } else {
            poolRows += rows
        }
    }
}

extension KVCache {
    /// The remembered tokens of a sequence as one matrix, in the layout of a prefix.
    ///
    /// - Returns: [tokens × 2·layers·keyWidth]: key, value, key, value, … of layers 0, 1, …
    public func matrix(ofSequence index: Int) -> Tensor {
        let sequence = sequences[index]
        let rows = (sequence.sharedRows.map { $0.map(Int32.init) } ?? []) + sequence.poolRows
        guard let pool else { return Tensor(shape: [0, stack.prefixRowWidth]) }
        return KeyValues(layers: pool.layers, rows: .list(rows), positions: 0).matrix(keyWidth: stack.keyWidth)
    }
}
