import Tensors

/// Layer normalisation with its parameters.
@Compute struct LayerNorm {
    private let gain: Tensor
    private let bias: Tensor
    private let epsilon: Float

    /// Takes `weight` and `bias` [width].
    ///
    /// - Parameter isAffine: Whether there are parameters; a norm without them has gain 1 and bias 0.
    init(_ weights: WeightLoader, width: Int, epsilon: Float, isAffine: Bool = true) throws {
        gain =
            try isAffine
            ? weights.tensor("weight", shape: [width]) : Tensor([Float](repeating: 1, count: width), shape: [width])
        bias = try isAffine ? weights.tensor("bias", shape: [width]) : .zeros([width])
        self.epsilon = epsilon
    }

    /// A norm with these parameters [width].
    init(gain: Tensor, bias: Tensor, epsilon: Float) {
        self.gain = gain
        self.bias = bias
        self.epsilon = epsilon
    }

    func callAsFunction(_ x: Tensor) -> Tensor { x.layerNormalized(gain: gain, bias: bias, epsilon: epsilon) }
}
