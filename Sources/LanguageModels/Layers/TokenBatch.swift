import Tensors

/// Token sequences of different lengths, one after another, without padding.
///
/// Token-wise work runs on exactly the real tokens; attention knows where a sequence begins and ends.
public struct TokenBatch {
    /// All tokens, sequence after sequence.
    public let tokens: [Int32]
    /// Rows of each sequence, those of a soft prompt included; none empty.
    public let lengths: [Int]
    /// Embeddings [n × width] that every sequence begins with, instead of tokens.
    private let softPrompt: Tensor?

    /// A batch of sequences.
    ///
    /// - Parameters:
    ///   - sequences: At least one token each, unless a soft prompt comes before.
    ///   - softPrompt: Embeddings [n × width] that each sequence begins with.
    public init(_ sequences: some Sequence<[Int32]>, after softPrompt: Tensor? = nil) {
        var tokens: [Int32] = [], lengths: [Int] = []
        for sequence in sequences {
            tokens += sequence
            lengths.append(sequence.count + (softPrompt?.rows ?? 0))
        }
        precondition(lengths.allSatisfy { $0 > 0 }, "a sequence without tokens")
        self.tokens = tokens
        self.lengths = lengths
        self.softPrompt = softPrompt
    }

    /// Number of rows in tensors of this batch.
    public var rowCount: Int { lengths.reduce(0, +) }

    /// Rows of each sequence in tensors of this batch.
    public var ranges: [Range<Int>] {
        var start = 0
        return lengths.map { length in
            defer { start += length }
            return start..<start + length
        }
    }

    /// The row of each sequence's last token: what the next one is predicted from.
    public var lastRows: [Int32] { ranges.map { Int32($0.upperBound - 1) } }

    /// The embeddings of all rows.
    ///
    /// - Returns: [rows × width].
    func embedded(by table: TokenTable) -> Tensor {
        guard let softPrompt else { return table.rows(at: tokens) }
        precondition(softPrompt.width == table.width, "a soft prompt of \(softPrompt.shape) for width \(table.width)")
        // Alone, it is the batch itself: gradients reach it.
        if tokens.isEmpty, lengths.count == 1 { return softPrompt }
        let embedded = table.rows(at: tokens)
        let joined = Tensor(shape: [rowCount, table.width])
        var row = 0, token = 0
        for length in lengths {
            let own = length - softPrompt.rows
            (joined.floats + row * joined.width).update(from: softPrompt.floats, count: softPrompt.count)
            (joined.floats + (row + softPrompt.rows) * joined.width).update(
                from: embedded.floats + token * joined.width, count: own * joined.width)
            row += length
            token += own
        }
        return joined
    }
}
