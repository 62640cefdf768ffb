extension Tensor {
    /// y = factor · x. On the way back dx += factor · dy.
    public func scaled(by factor: Float) -> Tensor {
        let tape = Tape.recording(gradient)
        let y = Tensor(shape: shape, tape: tape)
        y.floats.update(from: floats, count: count)
        backend.scale(y.floats, by: factor, count: count)
        if let tape, let dx = gradient, let dy = y.gradient {
            tape.record { [count] in
                guard let g = dy.take() else { return }
                dx.accumulate { backend.addScaled(g.floats, by: factor, count: count, into: $0.floats) }
            }
        }
        return y
    }
}
