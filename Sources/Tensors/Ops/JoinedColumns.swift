extension Tensor {
    /// Columns of one matrix, to be laid beside others'.
    public typealias Columns = (source: Tensor, column: Int, width: Int)

    /// Columns of several matrices of equally many rows, side by side: y = [x₁ | x₂ | …].
    ///
    /// On the way back the columns of dy are added to those that they came from.
    ///
    /// - Parameter parts: At least one.
    /// - Returns: [rows × the sum of the widths].
    public static func joiningColumns(_ parts: [Columns]) -> Tensor {
        guard let rows = parts.first?.source.rows else { preconditionFailure("no columns to join") }
        precondition(
            parts.allSatisfy { $0.source.rows == rows && $0.column >= 0 && $0.column + $0.width <= $0.source.width },
            "columns of matrices of \(parts.map(\.source.shape)) cannot be joined")
        let tape = parts.lazy.compactMap { Tape.recording($0.source.gradient) }.first
        let y = Tensor(shape: [rows, parts.reduce(0) { $0 + $1.width }], tape: tape), width = y.width
        var start = 0
        for part in parts {
            backend.copyColumns(
                part.source.floats + part.column, stride: part.source.width, rows: rows, width: part.width,
                accumulate: false, into: y.floats + start, stride: width)
            start += part.width
        }
        if let tape, let dy = y.gradient {
            let targets = parts.map { ($0.source.gradient, $0.source.width, $0.column, $0.width) }
            tape.record {
                guard let g = dy.take() else { return }
                var start = 0
                for (dx, stride, column, partWidth) in targets {
                    dx?.accumulate {
                        backend.copyColumns(
                            g.floats + start, stride: width, rows: rows, width: partWidth, accumulate: true,
                            into: $0.floats + column, stride: stride)
                    }
                    start += partWidth
                }
            }
        }
        return y
    }
}
