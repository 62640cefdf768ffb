extension Tensor {
    /// x + y of equal shapes. On the way back both receive dz itself.
    public static func + (x: Tensor, y: Tensor) -> Tensor {
        precondition(x.shape == y.shape, "cannot add \(x.shape) and \(y.shape)")
        let tape = Tape.recording(x.gradient, y.gradient)
        let z = Tensor(shape: x.shape, tape: tape)
        backend.add(x.floats, y.floats, count: x.count, into: z.floats)
        if let tape, let dz = z.gradient {
            tape.record { [dx = x.gradient, dy = y.gradient] in
                guard let g = dz.take() else { return }
                dx?.add(g)
                dy?.add(g)
            }
        }
        return z
    }
}
