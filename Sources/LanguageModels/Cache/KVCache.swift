import Tensors

/// What the sequences of a batch attend to before their own tokens.
///
/// A prefix enters a model only as the initial content of this cache; any number of sequences may start from the same
/// one, which is stored once. A cache that keeps new tokens copies their keys and values into a pool of rows, of which
/// a sequence remembers the numbers: to split a sequence into beams, or to reorder beams, copies numbers only.
@Compute public final class KVCache {
    /// One sequence: the given keys and values, the rows of the pool that hold its tokens, its next position, and the
    /// source that it is about.
    @Compute public struct Sequence {
        let start: [KeyValues]
        let source: [KeyValues]  // a cross prefix, then the source itself
        var poolRows: [Int32] = []
        var sharedRows: Range<Int>?  // pool rows of a prompt, before poolRows
        /// Position of the next token.
        public internal(set) var nextPosition: Int

        /// A sequence that begins after `start`, or from nothing.
        ///
        /// - Parameters:
        ///   - history: Its own keys and values after those, of what has been read already.
        ///   - source: What the cross-attention of an encoder–decoder model reads.
        public init(after start: KeyValues? = nil, then history: KeyValues? = nil, reading source: [KeyValues] = []) {
            self.start = [start, history].compactMap(\.self)
            self.source = source
            nextPosition = self.start.reduce(0) { $0 + $1.positions }
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
    private let stack: AttentionStack
    private let pool: KeyValuePool?
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
    public init(
        stack: AttentionStack, sequences: [Sequence], keepsTokens: Bool, recomputation: Recomputation? = nil,
        dropout: Dropout? = nil, kind: AttentionKind = .decoder, trace: KeyValueTrace? = nil,
        as type: CacheType = .float32
    ) {
        precondition(recomputation == nil || !keepsTokens, "tokens that are remembered are not computed again")
        self.recomputation = recomputation
        self.dropout = dropout
        self.kind = kind
        self.trace = trace
        self.stack = stack
        self.sequences = sequences
        pool = keepsTokens ? KeyValuePool(stack: stack, as: type) : nil
    }

    /// A cache of a model's decoder.
    public convenience init(
        shape: ModelShape, sequences: [Sequence], keepsTokens: Bool, recomputation: Recomputation? = nil,
        dropout: Dropout? = nil, trace: KeyValueTrace? = nil, as type: CacheType = .float32
    ) {
        self.init(
            stack: shape.decoder, sequences: sequences, keepsTokens: keepsTokens, recomputation: recomputation,
            dropout: dropout, trace: trace, as: type)
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
        }
        if let pool {
            newRows = pool.take(batch.rowCount, keeping: sequences)
            for (index, range) in batch.ranges.enumerated() { sequences[index].append(newRows[range]) }
        }
        // Asked last: the pool may just have moved to larger memory, and what was appended is attended to as well.
        return CacheStep(
            positions: positions, ranges: batch.ranges, wanted: batch.wantedRanges, lastLayer: stack.layerCount - 1,
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
    /// Remembers rows of the pool: as a range where the first ones are consecutive, else one by one.
    mutating func append(_ rows: ArraySlice<Int32>) {
        guard let first = rows.first, let last = rows.last else { return }
        if sharedRows == nil, poolRows.isEmpty, rows.count > 1, Int(last - first) == rows.count - 1 {
            sharedRows = Int(first)..<Int(last) + 1
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
