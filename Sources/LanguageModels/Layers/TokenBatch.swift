import Tensors

/// Token sequences of different lengths, one after another, without padding.
///
/// Token-wise work runs on exactly the real tokens; attention knows where a sequence begins and ends.
@Compute public struct TokenBatch {
    /// All tokens, sequence after sequence.
    public let tokens: [Int32]
    /// Rows of each sequence, those of embeddings included; none empty.
    public let lengths: [Int]
    /// Embeddings [n × width] that a sequence begins with, instead of tokens; none at all, or one or nil for every sequence.
    private let beginnings: [Tensor?]
    /// Embeddings that each sequence ends with; none at all, or some for every sequence.
    private let endings: [Tensor]
    /// How many of each sequence's last rows are wanted from a model.
    private let wantedLengths: [Int]

    /// A batch of sequences.
    ///
    /// - Parameters:
    ///   - sequences: At least one token each, unless there are embeddings.
    ///   - softPrompt: Embeddings [n × width] that each sequence begins with.
    ///   - beginnings: The same, its own or none for each; none at all by default.
    ///   - endings: Embeddings [n × width] that each sequence ends with, its own each; none at all by default.
    ///   - wantedLengths: How many of each sequence's last rows a model is to return: its last layer does no work for the
    ///     others but their keys and values. None of a part of a prompt that others follow, but one at least of the batch; all
    ///     rows where nil.
    public init(
        _ sequences: some Sequence<[Int32]>, after softPrompt: Tensor? = nil, afterEach beginnings: [Tensor?] = [],
        then endings: [Tensor] = [], wanting wantedLengths: [Int]? = nil
    ) {
        let sequences = Array(sequences)
        let beginnings = softPrompt.map { Array(repeating: $0, count: sequences.count) } ?? beginnings
        precondition(
            beginnings.isEmpty || beginnings.count == sequences.count,
            "\(beginnings.count) beginnings of \(sequences.count)")
        var tokens: [Int32] = [], lengths: [Int] = []
        for (index, sequence) in sequences.enumerated() {
            tokens += sequence
            lengths.append(
                sequence.count + (beginnings.isEmpty ? 0 : beginnings[index]?.rows ?? 0)
                    + (endings.isEmpty ? 0 : endings[index].rows))
        }
        precondition(lengths.allSatisfy { $0 > 0 }, "a sequence without tokens")
        precondition(endings.isEmpty || endings.count == lengths.count, "\(endings.count) endings of \(lengths.count)")
        self.wantedLengths = wantedLengths ?? lengths
        precondition(
            self.wantedLengths.count == lengths.count && zip(self.wantedLengths, lengths).allSatisfy { 0...$1 ~= $0 }
                && self.wantedLengths.contains { $0 > 0 } == !lengths.isEmpty,
            "\(self.wantedLengths) rows wanted of \(lengths)")
        self.endings = endings
        self.tokens = tokens
        self.lengths = lengths
        self.beginnings = beginnings
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

    /// The rows of each sequence that are wanted from a model: its last ones.
    var wantedRanges: [Range<Int>] { zip(ranges, wantedLengths).map { $0.upperBound - $1..<$0.upperBound } }

    /// The embeddings of all rows; gradients reach those that are given.
    ///
    /// - Parameter scale: What the table's rows are multiplied by. Embeddings that are given stand for the product, as they do
    ///   in `transformers`, whose embedding modules multiply by themselves.
    /// - Returns: [rows × width].
    func embedded(by table: TokenTable, times scale: Float = 1) -> Tensor {
        func embedded() -> Tensor {
            let rows = table.rows(at: tokens)
            return scale == 1 ? rows : rows.scaled(by: scale)
        }
        let given = endings + beginnings.compactMap(\.self)
        if given.isEmpty { return embedded() }
        precondition(
            given.allSatisfy { $0.width == table.width }, "embeddings of \(given.map(\.shape)) for width \(table.width)"
        )
        // Alone, they are the batch itself.
        if tokens.isEmpty, lengths.count == 1, given.count == 1 { return given[0] }
        let embedded = embedded()
        var parts: [(source: Tensor, rows: Range<Int>)] = [], token = 0
        for (index, length) in lengths.enumerated() {
            let beginning = beginnings.isEmpty ? nil : beginnings[index],
                ending = endings.isEmpty ? nil : endings[index]
            let own = length - (beginning?.rows ?? 0) - (ending?.rows ?? 0)
            if let beginning { parts.append((beginning, 0..<beginning.rows)) }
            parts.append((embedded, token..<token + own))
            if let ending { parts.append((ending, 0..<ending.rows)) }
            token += own
        }
        return .joiningRows(parts)
    }
}
