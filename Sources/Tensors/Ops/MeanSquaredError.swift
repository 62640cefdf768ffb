extension Tensor {
    /// Σ (x − target)² / count over all elements, a scalar. On the way back: dx = 2 (x − target) / count · dy.
    ///
    /// - Parameter target: A constant of this tensor's shape.
    public func meanSquaredError(to target: Tensor) -> Tensor {
        precondition(shape == target.shape, "mean squared error of \(shape) against \(target.shape)")
        let tape = Tape.recording(gradient)
        let difference = Tensor(shape: shape)
        difference.floats.update(from: floats, count: count)
        backend.addScaled(target.floats, by: -1, count: count, into: difference.floats)
        let y = Tensor([Float(difference.sumOfSquares / Double(count))], shape: [1], tape: tape)
        if let tape, let dx = gradient, let dy = y.gradient {
            tape.record {
                guard let g = dy.take() else { return }
                backend.scale(
                    difference.floats, by: 2 * g.floats[0] / Float(difference.count), count: difference.count)
                dx.add(difference)
            }
        }
        return y
    }
}
