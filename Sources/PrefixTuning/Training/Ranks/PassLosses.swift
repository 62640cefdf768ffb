import Tensors

/// The losses of the passes of a step or a validation, known to all ranks and added in the order of the passes.
@Compute struct PassLosses {
    /// Of each pass: the reduced loss, the sum of its targets' losses, how many there are.
    private var rows: [Double]

    init(passes: Int) { rows = Array(repeating: 0, count: 3 * passes) }

    /// Notes what a pass has come to.
    mutating func note(pass: Int, loss: Double, perTarget: [Float]) {
        rows.replaceSubrange(
            3 * pass..<3 * pass + 3,
            with: [loss, perTarget.reduce(0) { $0 + Double($1) }, Double(perTarget.count)])
    }

    /// Makes all passes known to this rank.
    ///
    /// - Throws: ``RankError``.
    mutating func gather(from ranks: any RankGroup) throws { try ranks.gather(&rows) }

    private func sum(_ column: Int) -> Double {
        stride(from: column, to: rows.count, by: 3).reduce(0) { $0 + rows[$1] }
    }

    /// The reduced loss.
    var loss: Double { sum(0) }
    /// Mean loss per target token, in nats.
    var tokenLoss: Double { sum(1) / max(1, sum(2)) }
}
