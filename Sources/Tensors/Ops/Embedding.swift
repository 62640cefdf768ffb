extension Tensor {
    /// Rows of this table [entries × width]: y[i] = table[indices[i]].
    ///
    /// On the way back the gradient of y is added to the rows it came from.
    ///
    /// - Parameter indices: Row numbers in 0..<entries.
    /// - Returns: [indices × width].
    public func rows(at indices: [Int32]) -> Tensor {
        precondition(
            indices.allSatisfy { $0 >= 0 && $0 < Int32(rows) }, "a row number beyond the table's \(rows) rows")
        let tape = Tape.recording(gradient)
        let y = Tensor(shape: [indices.count, width], tape: tape)
        backend.gatherRows(floats, indices, width: width, into: y.floats)
        if let tape, let dTable = gradient, let dy = y.gradient {
            tape.record { [width] in
                guard let g = dy.take() else { return }
                dTable.accumulate { backend.scatterAddRows(g.floats, indices, width: width, into: $0.floats) }
            }
        }
        return y
    }
}
