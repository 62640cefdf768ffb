import Tensors

/// Root-mean-square normalisation (Zhang & Sennrich 2019) with its gain.
@Compute struct RMSNorm {
    private let gain: RMSGain
    private let epsilon: Float

    /// Takes `weight` [width].
    ///
    /// - Parameter form: How the weight gives the gain.
    init(_ weights: WeightLoader, width: Int, epsilon: Float, _ form: RMSGain.Form = .weight) throws {
        gain = try RMSGain(weights, width: width, form)
        self.epsilon = epsilon
    }

    func callAsFunction(_ x: Tensor) -> Tensor { x.rmsNormalized(gain: gain.value, epsilon: epsilon) }
}

/// What an RMS norm multiplies by.
@Compute struct RMSGain {
    /// How a stored weight w gives it.
    enum Form {
        /// w.
        case weight
        /// 1 + w, in Gemma.
        case onePlusWeight
    }

    private let weight: Tensor  // [width]
    private let one: Tensor?  // [width]: to be added whenever the gain is asked for

    /// Takes `weight` [width].
    init(_ weights: WeightLoader, width: Int, _ form: Form) throws {
        let weight = try weights.tensor("weight", shape: [width])
        guard form == .onePlusWeight else {
            (self.weight, one) = (weight, nil)
            return
        }
        let one = Tensor([Float](repeating: 1, count: width), shape: [width])
        // A weight that is trained stays what it is in files, and passes its gradient on through the sum.
        (self.weight, self.one) = weight.gradient == nil ? (weight + one, nil) : (weight, one)
    }

    /// [width].
    var value: Tensor { one.map { weight + $0 } ?? weight }
}
