/// Element-wise non-linearities y = f(x).
public enum Activation: String, Sendable {
    /// x/2 · (1 + tanh(√(2/π) (x + 0.044715 x³))): GPT-2's `gelu_new` (Hendrycks & Gimpel 2016, the approximation).
    case geluTanh
    /// x/2 · (1 + erf(x/√2)): `gelu`.
    case geluErf
    /// max(x, 0).
    case relu
    /// tanh x: between the layers of the prefix's reparametrisation.
    case tanh
    /// x / (1 + e⁻ˣ): `silu`, the gate of SwiGLU (Elfwing et al. 2018).
    case silu
}

extension Tensor {
    /// f(x), element by element. On the way back: dx = dy · f′(x); only x is kept.
    ///
    /// - Parameter kind: The function f.
    /// - Returns: A tensor of this tensor's shape.
    public func applying(_ kind: Activation) -> Tensor {
        let tape = Tape.recording(gradient)
        let y = Tensor(shape: shape, tape: tape)
        backend.activation(kind, floats, count: count, into: y.floats)
        if let tape, let dx = gradient, let dy = y.gradient {
            tape.record { [x = self.detached] in
                guard let g = dy.take() else { return }
                dx.update { sum, accumulate in
                    backend.activationBackward(
                        kind, g.floats, x: x.floats, count: x.count, accumulate: accumulate, into: sum.floats)
                }
            }
        }
        return y
    }
}
