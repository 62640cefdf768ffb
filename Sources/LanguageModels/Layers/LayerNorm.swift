import Tensors

/// Layer normalisation with its parameters.
struct LayerNorm {
    private let gain: Tensor
    private let bias: Tensor
    private let epsilon: Float

    /// Takes `weight` and `bias` [width].
    init(_ weights: WeightLoader, width: Int, epsilon: Float) throws {
        gain = try weights.tensor("weight", shape: [width])
        bias = try weights.tensor("bias", shape: [width])
        self.epsilon = epsilon
    }

    func callAsFunction(_ x: Tensor) -> Tensor { x.layerNormalized(gain: gain, bias: bias, epsilon: epsilon) }
}
