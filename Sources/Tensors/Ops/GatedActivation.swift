extension Tensor {
    /// A gated activation (Shazeer 2020; SwiGLU for `.silu`): y = f(gate) · up, element by element, where a row of x is
    /// [gate | up]. On the way back: dgate = dy · up · f′(gate), dup = dy · f(gate); only x is kept.
    ///
    /// - Parameter activation: The function f.
    /// - Returns: [rows × width/2].
    public func gated(_ activation: Activation) -> Tensor {
        precondition(width.isMultiple(of: 2), "no gate and no equal half beside it in \(shape)")
        let tape = Tape.recording(gradient), half = width / 2, rows = rows
        let y = Tensor(shape: shape.dropLast() + [half], tape: tape)
        backend.gate(activation, floats, rows: rows, width: half, into: y.floats)
        if let tape, let dx = gradient, let dy = y.gradient {
            tape.record { [x = self.detached] in
                guard let g = dy.take() else { return }
                dx.update { sum, accumulate in
                    backend.gateBackward(
                        activation, g.floats, x: x.floats, rows: rows, width: half, accumulate: accumulate,
                        into: sum.floats)
                }
            }
        }
        return y
    }
}
