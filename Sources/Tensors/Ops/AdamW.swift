import Foundation

/// One step of AdamW (Loshchilov & Hutter 2019), as `torch.optim.AdamW` computes it:
/// w ← w (1 − ηλ); m ← β₁m + (1 − β₁)g; v ← β₂v + (1 − β₂)g²; w ← w − η/(1 − β₁ᵗ) · m / (√v/√(1 − β₂ᵗ) + ε).
public struct AdamWUpdate: Sendable {
    // 1 − ηλ, η/(1 − β₁ᵗ), 1 − β₁, β₂, 1 − β₂ and √(1 − β₂ᵗ), rounded once: 1 − 0.999 in float is off by 1e-5.
    let decay: Float
    let stepSize: Float
    let rest1: Float
    let beta2: Float
    let rest2: Float
    let rootCorrection2: Float
    let epsilon: Float
    let gradientScale: Float

    /// The step number `step` = 1, 2, …
    ///
    /// - Parameters:
    ///   - gradientScale: Multiplies the gradient first; clips it.
    public init(
        step: Int, learningRate: Double, beta1: Double, beta2: Double, epsilon: Double, weightDecay: Double,
        gradientScale: Double
    ) {
        decay = Float(1 - learningRate * weightDecay)
        stepSize = Float(learningRate / (1 - pow(beta1, Double(step))))
        rest1 = Float(1 - beta1)
        self.beta2 = Float(beta2)
        rest2 = Float(1 - beta2)
        self.epsilon = Float(epsilon)
        rootCorrection2 = Float((1 - pow(beta2, Double(step))).squareRoot())
        self.gradientScale = Float(gradientScale)
    }

    /// Updates a parameter and its two moments.
    ///
    /// - Parameters:
    ///   - parameter: w.
    ///   - gradient: g, of w's shape.
    ///   - first: m.
    ///   - second: v.
    @Compute public func apply(to parameter: Tensor, gradient: Gradient.Content, first: Tensor, second: Tensor) {
        switch gradient {
        case .whole(let gradient):
            backend.adamW(
                self, gradient: gradient.floats, count: parameter.count, values: parameter.floats, first: first.floats,
                second: second.floats)
        case .product(let product):
            backend.adamW(
                self, gradient: product, values: parameter.floats, first: first.floats, second: second.floats)
        }
    }
}

extension Tensor {
    /// Σ x², in double precision, independent of the number of threads.
    public var sumOfSquares: Double { backend.sumOfSquares(floats, count: count) }
}
