extension Tape {
    /// y = body(x), of which x alone is kept: the way back runs `body` a second time, recorded, and goes back through it
    /// (Chen et al. 2016, "Training Deep Nets with Sublinear Memory Cost"). Twice the work, the same bits.
    ///
    /// - Parameters:
    ///   - x: What `body` computes from. Other tensors of this tape that `body` uses get their gradients as well.
    ///   - body: Must compute the same both times.
    public func recomputing(_ x: Tensor, _ body: @escaping (Tensor) -> Tensor) -> Tensor {
        guard isRecording else { return body(x) }
        let y = withoutRecording { body(x) }.leaf(on: self)
        record { [self, dy = y.gradient] in
            guard let g = dy?.take() else { return }
            let mark = stepCount
            body(x).gradient?.add(g)
            unwind(to: mark)
        }
        return y
    }
}
