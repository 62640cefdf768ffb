extension Tensor {
    /// Blocks of columns in another order: block i of y is block order[i] of x.
    ///
    /// - Parameters:
    ///   - order: A permutation of the blocks.
    ///   - blockWidth: Columns of a block.
    /// - Returns: [rows × width].
    public func columnBlocks(_ order: [Int], width blockWidth: Int) -> Tensor {
        precondition(
            order.count * blockWidth == width && Set(order) == Set(0..<order.count),
            "\(order) is no order of the blocks of \(shape)")
        let tape = Tape.recording(gradient)
        let y = Tensor(shape: shape, tape: tape), rows = rows, width = width
        for row in 0..<rows {
            let from = floats + row * width, to = y.floats + row * width
            for (block, source) in order.enumerated() {
                (to + block * blockWidth).update(from: from + source * blockWidth, count: blockWidth)
            }
        }
        if let tape, let dx = gradient, let dy = y.gradient {
            tape.record {
                guard let g = dy.take() else { return }
                dx.accumulate { sum in
                    for row in 0..<rows {
                        for (block, source) in order.enumerated() {
                            let from = g.floats + row * width + block * blockWidth
                            let to = sum.floats + row * width + source * blockWidth
                            for column in 0..<blockWidth { to[column] += from[column] }
                        }
                    }
                }
            }
        }
        return y
    }
}
