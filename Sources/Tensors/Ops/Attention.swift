/// Where the keys and values of a run of positions lie: columns of the rows of a matrix.
///
/// The projected queries, keys and values of new tokens, a prefix P [n × 2·layers·width], and the pool of a running
/// generation all have this form, so that none is ever copied or repeated to be attended to.
@Compute public struct KeyValueSegment {
    /// What holds the keys and values.
    public let source: KeyValueRows
    /// Which rows, in order.
    public let rows: Rows
    /// Column of the first head's key.
    public let keyColumn: Int
    /// Column of the first head's value.
    public let valueColumn: Int

    /// A choice of rows.
    public enum Rows {
        /// Consecutive rows.
        case range(Range<Int>)
        /// Any rows, in the order of their positions: the history of one beam among many.
        case list([Int32])

        /// How many rows are chosen.
        public var count: Int {
            switch self {
            case .range(let range): range.count
            case .list(let list): list.count
            }
        }
    }

    /// A segment of `source`.
    public init(source: KeyValueRows, rows: Rows, keyColumn: Int, valueColumn: Int) {
        self.source = source
        self.rows = rows
        self.keyColumn = keyColumn
        self.valueColumn = valueColumn
    }

    /// A segment of the rows of a tensor.
    public init(source: Tensor, rows: Rows, keyColumn: Int, valueColumn: Int) {
        self.init(source: .float32(source), rows: rows, keyColumn: keyColumn, valueColumn: valueColumn)
    }
}

/// Which rows of the queries form a sequence, and what they attend to.
@Compute public struct AttendingSequence {
    /// Rows of the query tensor.
    public let queries: Range<Int>
    /// The positions attended to, one segment after another.
    public let segments: [KeyValueSegment]

    /// Consecutive query rows, and the positions that they attend to.
    public init(queries: Range<Int>, segments: [KeyValueSegment]) {
        self.queries = queries
        self.segments = segments
    }
}

/// The form of an attention layer.
public struct AttentionGeometry: Sendable {
    /// How many query heads there are.
    public let heads: Int
    /// Key and value heads; divides `heads` (grouped-query attention, Ainslie et al. 2023).
    public let keyHeads: Int
    /// Width of a head.
    public let headWidth: Int
    /// Multiplies q·k; 1/√headWidth as a rule.
    public let scale: Float
    /// Whether the i-th of n queries is blind to the last n − 1 − i positions.
    public let isCausal: Bool
    /// How many positions a query sees at most, itself and those just before it: the query at position i, counted over
    /// all segments, sees j where i − window < j ≤ i (Mistral 7B, Jiang et al. 2023). All of them where nil.
    public let window: Int?

    /// A form with as many key heads as query heads, unless stated.
    ///
    /// - Parameter window: 1 or more, and only with `isCausal`; nil for none.
    public init(
        heads: Int, keyHeads: Int? = nil, headWidth: Int, scale: Float, isCausal: Bool = true, window: Int? = nil
    ) {
        precondition(
            window.map { $0 > 0 && isCausal } ?? true, "a window of \(window ?? 0), causal: \(isCausal)")
        self.heads = heads
        self.keyHeads = keyHeads ?? heads
        self.headWidth = headWidth
        self.scale = scale
        self.isCausal = isCausal
        self.window = window
    }
}

/// Dropout on the probabilities of an attention, in training.
public struct AttentionDropout: Equatable, Sendable {
    /// The share of them that become 0; the others are divided by what is left. In 0..<1.
    public let probability: Float
    /// Names the mask: its element for a row, a head and a position of the row's sequence depends on nothing else, so that
    /// neither threads nor a second computation change it.
    public let seed: UInt64

    /// A mask of a probability in 0..<1.
    public init(probability: Float, seed: UInt64) {
        precondition((0..<1).contains(probability), "a dropout probability of \(probability)")
        self.probability = probability
        self.seed = seed
    }
}

/// Attention of ragged sequences (Vaswani et al. 2017): softmax(scale · q kᵀ) v per sequence and head, where the keys
/// and values of a sequence are those of all its segments.
///
/// Memory is linear in length: the scores of a block of queries exist at a time, and the way back computes them anew
/// from the logarithms of their sums. The gradients of a segment that several sequences share are summed. Keys and values of
/// bfloat16 are widened, which is exact, and multiplied in 32 bits; gradients reach the queries through them, and end there.
///
/// - Parameters:
///   - queries: [rows × ≥ heads·headWidth]; the queries are its first columns.
///   - sequences: Ranges of rows, none overlapping; the output of rows of none is not set.
///   - geometry: Heads and scale.
///   - dropout: Multiplies the softmax by a mask.
///   - bias: Added to the scores, by distance.
/// - Returns: [rows × heads·headWidth].
@Compute public func attention(
    queries: Tensor, sequences: [AttendingSequence], geometry: AttentionGeometry, dropout: AttentionDropout? = nil,
    bias: DistanceBias? = nil
) -> Tensor {
    let sources = sequences.flatMap(\.segments).compactMap(\.source.tensor) + (bias.map { [$0.values] } ?? [])
    let tape = Tape.recording(queries.gradient) ?? sources.lazy.compactMap { Tape.recording($0.gradient) }.first
    let output = Tensor(shape: [queries.rows, geometry.heads * geometry.headWidth], tape: tape)
    let logSums = Tensor(shape: [queries.rows, geometry.heads])
    let call = AttentionCall(
        queries: queries, sequences: sequences, geometry: geometry, dropout: dropout, bias: bias)
    backend.attention(call, into: output.floats, logSums: logSums.floats)
    attentionObserver?(
        AttentionObservation(
            queries: queries, sequences: sequences, geometry: geometry, bias: bias, logSums: logSums))
    guard let tape, let dOutput = output.gradient else { return output }
    let once = Dictionary(sources.map { (ObjectIdentifier($0), $0) }, uniquingKeysWith: { first, _ in first }).values
    tape.record {
        guard let g = dOutput.take() else { return }
        withGradientMemory(of: once + [queries], found: [:]) { memory in
            backend.attentionBackward(
                call.collectingGradients(in: memory), logSums: logSums.floats, outputGradients: g.floats,
                queryGradients: memory[ObjectIdentifier(queries)])
        }
    }
    return output
}

/// Opens the gradient of each tensor that has one, then runs `body` with the memory by tensor.
@Compute private func withGradientMemory(
    of tensors: [Tensor], found: [ObjectIdentifier: UnsafeMutablePointer<Float>],
    _ body: ([ObjectIdentifier: UnsafeMutablePointer<Float>]) -> Void
) {
    guard let tensor = tensors.first else { return body(found) }
    let rest = Array(tensors.dropFirst()), id = ObjectIdentifier(tensor)
    guard found[id] == nil, let gradient = tensor.gradient else {
        return withGradientMemory(of: rest, found: found, body)
    }
    gradient.accumulate { sum in
        withGradientMemory(of: rest, found: found.merging([id: sum.floats]) { $1 }, body)
    }
}

/// One call of the attention kernels: the sequences with their memory addresses.
@Compute struct AttentionCall {
    let queries: Tensor
    let sequences: [AttendingSequence]
    let geometry: AttentionGeometry
    let dropout: AttentionDropout?
    let bias: DistanceBias?
    private(set) var gradients: [ObjectIdentifier: UnsafeMutablePointer<Float>] = [:]

    init(
        queries: Tensor, sequences: [AttendingSequence], geometry: AttentionGeometry, dropout: AttentionDropout?,
        bias: DistanceBias?
    ) {
        if let bias {
            let longest = sequences.map { $0.segments.reduce(0) { $0 + $1.rows.count } }.max() ?? 0
            precondition(
                bias.values.rows == geometry.heads && bias.reach >= DistanceBias.reach(ofPositions: longest),
                "biases of \(bias.values.shape) for \(geometry.heads) heads and \(longest) positions")
        }
        self.bias = bias
        self.queries = queries
        self.sequences = sequences
        self.geometry = geometry
        self.dropout = dropout
    }

    var queryStride: Int { queries.width }

    func collectingGradients(in memory: [ObjectIdentifier: UnsafeMutablePointer<Float>]) -> AttentionCall {
        var copy = self
        copy.gradients = memory
        return copy
    }
}
