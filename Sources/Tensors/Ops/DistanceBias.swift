import CKernels

/// What is added to each score of an attention: a value for each head and distance of a query from a key, counted in
/// positions of the sequence, those of a prefix included.
///
/// ALiBi (Press et al. 2022) adds −slope·distance; T5 (Raffel et al. 2020, section 2.1) a trained value for each range of
/// distances.
@Compute public struct DistanceBias {
    /// [heads × (2·reach + 1)]: column reach + q − k belongs to a query at position q and a key at position k.
    public let values: Tensor
    /// The greatest distance, to both sides.
    public nonisolated let reach: Int

    /// How far values must reach for sequences of so many positions: beyond them, since queries are looked at in whole vectors.
    public nonisolated static func reach(ofPositions count: Int) -> Int { Int(ptk_attention_reach(Int64(count))) }

    /// Values that are there.
    ///
    /// - Parameter values: [heads × (2·reach + 1)].
    public init(_ values: Tensor) {
        precondition(!values.width.isMultiple(of: 2), "values of \(values.shape) have no middle")
        self.values = values
        reach = values.width / 2
    }

    /// A table of values for ranges of distances, spread out.
    ///
    /// On the way back the gradients of a range's distances are summed.
    ///
    /// - Parameters:
    ///   - table: [ranges × heads].
    ///   - ranges: For each distance q − k from −reach to reach the row of the table.
    public init(table: Tensor, ranges: [Int32]) {
        precondition(ranges.allSatisfy { $0 >= 0 && $0 < Int32(table.rows) }, "a range beyond \(table.rows)")
        let heads = table.width, tape = Tape.recording(table.gradient)
        let spread = Tensor(shape: [heads, ranges.count], tape: tape)
        let source = table.floats, target = spread.floats
        for (column, range) in ranges.enumerated() {
            for head in 0..<heads { target[head * ranges.count + column] = source[Int(range) * heads + head] }
        }
        if let tape, let dTable = table.gradient, let dSpread = spread.gradient {
            tape.record {
                guard let g = dSpread.take() else { return }
                let from = g.floats
                dTable.accumulate { sum in
                    let into = sum.floats
                    for (column, range) in ranges.enumerated() {
                        for head in 0..<heads {
                            into[Int(range) * heads + head] += from[head * ranges.count + column]
                        }
                    }
                }
            }
        }
        self.init(spread)
    }

    func value(head: Int, distance: Int) -> Float { values.floats[head * values.width + reach + distance] }
}
