/// Token sequences of different lengths, one after another, without padding.
///
/// Token-wise work runs on exactly the real tokens; attention knows where a sequence begins and ends.
public struct TokenBatch: Sendable {
    /// All tokens, sequence after sequence.
    public let tokens: [Int32]
    /// Tokens of each sequence; none empty.
    public let lengths: [Int]

    /// A batch of sequences.
    ///
    /// - Parameter sequences: At least one token each.
    public init(_ sequences: some Sequence<[Int32]>) {
        var tokens: [Int32] = [], lengths: [Int] = []
        for sequence in sequences {
            tokens += sequence
            lengths.append(sequence.count)
        }
        precondition(lengths.allSatisfy { $0 > 0 }, "a sequence without tokens")
        self.tokens = tokens
        self.lengths = lengths
    }

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
}
