import Tensors

/// One pass of new tokens through the layers of a model.
@Compute public final class CacheStep {
    /// The position of each new token.
    public let positions: [Int32]
    let ranges: [Range<Int>]
    /// How long each sequence is with its new tokens, or with all of a prompt that is read in parts.
    let lengths: [Int]
    private let wanted: [Range<Int>]
    private let lastLayer: Int
    private let past: [[KeyValues]]
    private let sources: [[KeyValues]]
    private let newRows: [Int32]
    private let pool: KeyValuePool?
    let recomputation: Recomputation?
    /// Drops probabilities of attentions.
    private let dropout: Dropout?
    /// Drops elements of embeddings and of what blocks add to the residual stream.
    let residualDropout: Dropout?
    private let kind: AttentionKind
    let trace: KeyValueTrace?

    init(
        positions: [Int32], ranges: [Range<Int>], lengths: [Int], wanted: [Range<Int>], lastLayer: Int,
        past: [[KeyValues]], sources: [[KeyValues]], newRows: [Int32], pool: KeyValuePool?,
        recomputation: Recomputation?,
        dropout: Dropout?, residualDropout: Dropout?, kind: AttentionKind, trace: KeyValueTrace?
    ) {
        self.positions = positions
        self.ranges = ranges
        self.lengths = lengths
        self.wanted = wanted
        self.lastLayer = lastLayer
        self.past = past
        self.sources = sources
        self.newRows = newRows
        self.pool = pool
        self.recomputation = recomputation
        self.dropout = dropout
        self.residualDropout = residualDropout
        self.kind = kind
        self.trace = trace
    }

    /// The rows of x that are wanted of a layer: in the last one those that the batch asks for, before it all of them.
    ///
    /// - Parameter x: [tokens × any width].
    public func wanted(_ x: Tensor, ofLayer layer: Int) -> Tensor {
        wantedRanges(ofLayer: layer) == ranges ? x : x.rows(at: wanted.flatMap { $0.map(Int32.init) })
    }

    private func wantedRanges(ofLayer layer: Int) -> [Range<Int>] { layer < lastLayer ? ranges : wanted }

    /// Positions of the longest sequence, those of its prefix and its new tokens included.
    public var longest: Int {
        zip(past, ranges).map { past, new in
            past.reduce(0) { $0 + $1.rows.count } + (pool == nil ? new.count : 0)
        }.max() ?? 0
    }

    /// Attention of the new tokens to what is cached and to each other.
    ///
    /// - Parameters:
    ///   - projected: [tokens × (heads + 2·keyHeads)·headWidth]: queries | keys | values.
    ///   - layer: Which layer's cache.
    ///   - geometry: Heads and scale.
    ///   - bias: Added to the scores by distance; it reaches over ``longest`` positions.
    /// - Returns: Of the rows that are wanted of the layer, [rows × heads·headWidth].
    public func attend(
        _ projected: Tensor, layer: Int, geometry: AttentionGeometry, bias: DistanceBias? = nil
    ) -> Tensor {
        let keyColumn = geometry.heads * geometry.headWidth
        let valueColumn = keyColumn + geometry.keyHeads * geometry.headWidth
        trace?.append((projected, keyColumn, valueColumn))
        pool?.store(projected, keyColumn: keyColumn, rows: newRows, layer: layer)
        let queries = wantedRanges(ofLayer: layer)
        // A part of a prompt of which nothing is wanted asks nothing in the last layer.
        let sequences = ranges.indices.filter { !queries[$0].isEmpty }.map { index in
            var segments = past[index].map { $0.segment(layer) }
            if pool == nil {
                segments.append(
                    KeyValueSegment(
                        source: projected, rows: .range(ranges[index]), keyColumn: keyColumn, valueColumn: valueColumn))
            }
            return AttendingSequence(queries: queries[index], segments: segments)
        }
        let attended = attention(
            queries: projected, sequences: sequences, geometry: geometry,
            dropout: dropout?.mask(of: kind, layer: layer), bias: bias)
        return wanted(attended, ofLayer: layer)
    }

    /// Attention of the new tokens to the source of their sequence.
    ///
    /// - Parameters:
    ///   - queries: [rows × heads·headWidth] of the rows that are wanted of the layer.
    ///   - layer: Which layer's keys and values.
    ///   - geometry: Heads and scale; not causal.
    /// - Returns: [rows × heads·headWidth].
    public func attendToSource(_ queries: Tensor, layer: Int, geometry: AttentionGeometry) -> Tensor {
        var row = 0
        let sequences = zip(wantedRanges(ofLayer: layer), sources).compactMap { range, source in
            defer { row += range.count }
            if range.isEmpty { return AttendingSequence?.none }
            return AttendingSequence(queries: row..<row + range.count, segments: source.map { $0.segment(layer) })
        }
        return attention(
            queries: queries, sequences: sequences, geometry: geometry, dropout: dropout?.mask(of: .cross, layer: layer)
        )
    }
}
