extension Tensor {
    /// Layer normalisation (Ba et al. 2016) of each row x [width]:
    /// y = (x − mean x) / √(variance x + ε) · gain + bias.
    ///
    /// - Parameters:
    ///   - gain: [width].
    ///   - bias: [width].
    ///   - epsilon: ε.
    /// - Returns: [rows × width].
    public func layerNormalized(gain: Tensor, bias: Tensor, epsilon: Float) -> Tensor {
        precondition(gain.count == width && bias.count == width, "layer norm of \(shape) by a gain of \(gain.shape)")
        let tape = Tape.recording(gradient, gain.gradient, bias.gradient)
        let y = Tensor(shape: shape, tape: tape), mean = Tensor(shape: [rows]), scale = Tensor(shape: [rows])
        backend.layerNorm(
            floats, gain: gain.floats, bias: bias.floats, epsilon: epsilon, rows: rows, width: width, into: y.floats,
            mean: mean.floats, scale: scale.floats)
        guard let tape, let dy = y.gradient else { return y }
        tape.record { [x = self.detached, dx = gradient] in
            guard let g = dy.take() else { return }
            if gain.gradient != nil || bias.gradient != nil {
                let dGain = Tensor.zeros([x.width]), dBias = Tensor.zeros([x.width])
                backend.layerNormParameters(
                    g.floats, x: x.floats, mean: mean.floats, scale: scale.floats, rows: x.rows, width: x.width,
                    gain: dGain.floats, bias: dBias.floats)
                gain.gradient?.add(dGain)
                bias.gradient?.add(dBias)
            }
            dx?.update { sum, accumulate in
                backend.layerNormBackward(
                    g.floats, x: x.floats, gain: gain.floats, mean: mean.floats, scale: scale.floats, rows: x.rows,
                    width: x.width, accumulate: accumulate, into: sum.floats)
            }
        }
        return y
    }
}
