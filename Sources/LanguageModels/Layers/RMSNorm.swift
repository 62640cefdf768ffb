import Tensors

/// Root-mean-square normalisation (Zhang & Sennrich 2019) with its gain.
@Compute struct RMSNorm {
    private let gain: Tensor
    private let epsilon: Float

    /// Takes `weight` [width].
    init(_ weights: WeightLoader, width: Int, epsilon: Float) throws {
        gain = try weights.tensor("weight", shape: [width])
        self.epsilon = epsilon
    }

    func callAsFunction(_ x: Tensor) -> Tensor { x.rmsNormalized(gain: gain, epsilon: epsilon) }
}
