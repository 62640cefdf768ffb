import Foundation

/// What one call of attention did: its queries, what they attended to, and how strongly.
///
/// Models and backends do not know of it. A program that looks at attention asks to be told (see
/// ``Compute/observingAttention(_:during:)``) and finds what it is looking for by where the keys lie.
@Compute public struct AttentionObservation {
    /// [rows × ≥ heads·headWidth]; the queries are its first columns.
    public let queries: Tensor
    /// Which rows form a sequence, and what they attended to.
    public let sequences: [AttendingSequence]
    /// Heads and scale.
    public let geometry: AttentionGeometry
    /// What is added to the scores, by distance.
    public let bias: DistanceBias?
    /// [rows × heads]: log Σ exp(scale · q·k + bias) over all positions that the query sees, as the backend found it.
    let logSums: Tensor

    /// How much of each query's attention went to the positions of a segment: exp(scale · q·k + bias − log-sum), the
    /// probabilities that the backend weighted the values by; 0 where the query does not see the position.
    ///
    /// - Parameters:
    ///   - sequence: Which sequence.
    ///   - segment: Which of its segments.
    /// - Returns: [queries × heads × positions], row-major. Over all segments, those of a query and head sum to 1.
    public func probabilities(sequence: Int, segment: Int) -> [Double] {
        let rows = sequences[sequence].queries, segments = sequences[sequence].segments
        let keys = segments[segment], before = segments[..<segment].reduce(0) { $0 + $1.rows.count }
        let total = segments.reduce(0) { $0 + $1.rows.count }
        var result = [Double](repeating: 0, count: rows.count * geometry.heads * keys.rows.count)
        var place = 0
        for (index, row) in rows.enumerated() {
            // Counted over all segments; the last query sees up to the last position.
            let own = total - rows.count + index
            let seen = geometry.isCausal ? (geometry.window.map { own - $0 + 1 } ?? 0)..<own + 1 : 0..<total
            for head in 0..<geometry.heads {
                let logSum = Double(logSums.floats[row * geometry.heads + head])
                for position in 0..<keys.rows.count {
                    if seen.contains(before + position) {
                        let added = bias?.value(head: head, distance: own - before - position) ?? 0
                        result[place] = exp(score(row, head, keys, position) + Double(added) - logSum)
                    }
                    place += 1
                }
            }
        }
        return result
    }

    /// scale · q·k.
    private func score(_ row: Int, _ head: Int, _ keys: KeyValueSegment, _ position: Int) -> Double {
        let width = geometry.headWidth, keyHead = head * geometry.keyHeads / geometry.heads
        let keyRow =
            switch keys.rows {
            case .range(let range): range.lowerBound + position
            case .list(let list): Int(list[position])
            }
        let q = queries.floats + row * queries.width + head * width
        return withUnsafeTemporaryAllocation(of: Float.self, capacity: width) { k in
            guard let start = k.baseAddress else { return 0 }
            keys.source.read(row: keyRow, column: keys.keyColumn + keyHead * width, count: width, into: start)
            var sum = 0.0
            for i in 0..<width { sum += Double(q[i]) * Double(k[i]) }
            return sum * Double(geometry.scale)
        }
    }
}

extension Compute {
    /// Runs `body`, and tells an observer of every attention in it.
    ///
    /// - Parameters:
    ///   - observer: Called after each attention; the tensors hold what they held then.
    ///   - body: Tensor work.
    /// - Returns: What `body` returns.
    /// - Throws: What `body` throws.
    @Compute public static func observingAttention<Result>(
        _ observer: @escaping (AttentionObservation) -> Void, during body: () throws -> Result
    ) rethrows -> Result {
        let outer = attentionObserver
        attentionObserver = observer
        defer { attentionObserver = outer }
        return try body()
    }
}

/// What hears of attention; set on the compute thread, where all attention runs.
@Compute var attentionObserver: ((AttentionObservation) -> Void)?
