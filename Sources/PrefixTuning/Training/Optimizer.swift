import Foundation
import Tensors

/// AdamW over a list of named parameters, with clipping by the norm of all gradients together.
@Compute public final class Optimizer {
    /// The constants of AdamW.
    public struct Settings: Codable, Equatable, Sendable {
        /// Decay of the first moment.
        public var beta1 = 0.9
        /// Decay of the second moment.
        public var beta2 = 0.999
        /// Keeps the quotient finite.
        public var epsilon = 1e-8
        /// λ: how much a parameter shrinks per step, times the learning rate.
        public var weightDecay = 0.0
        /// Largest norm of all gradients together; 0 for no limit.
        public var clip = 1.0
        /// μ of FedProx (Li et al. 2020): the loss is that of the data and μ/2 · ‖w − w₀‖², with w₀ as training started; nil
        /// for none. What is clipped is the gradient of both.
        public var proximal: Double?

        /// PyTorch's constants, no weight decay, gradients clipped to norm 1: the paper's.
        public init() {}

        private enum CodingKeys: String, CodingKey {
            case beta1, beta2, epsilon, weightDecay = "weight_decay", clip, proximal
        }
    }

    /// A parameter with its two moments.
    struct Entry {
        let name: String
        let value: Tensor
        let first: Tensor
        let second: Tensor
        /// Multiplies the learning rate.
        let rate: Double
        /// The value before the first step, where it pulls back.
        let start: Tensor?
    }

    /// The constants in use.
    public let settings: Settings
    /// How many steps have been taken.
    public internal(set) var stepCount = 0
    let entries: [Entry]

    /// An optimiser with moments of zero.
    ///
    /// - Parameter rate: By what the learning rate of a parameter is multiplied, given its name; 1 for all by default.
    public init(
        _ parameters: [(name: String, value: Tensor)], settings: Settings, rate: (_ name: String) -> Double = { _ in 1 }
    ) {
        self.settings = settings
        entries = parameters.map { name, value in
            Entry(
                name: name, value: value, first: .zeros(value.shape), second: .zeros(value.shape),
                rate: rate(name), start: settings.proximal.map { _ in Tensor(value.values, shape: value.shape) })
        }
    }

    /// Changes the parameters by their collected gradients and empties these.
    ///
    /// - Parameter learningRate: η of this step, before it is multiplied by a parameter's own factor.
    /// - Returns: The norm of all gradients together, before clipping. Where it is not finite nothing is changed.
    @discardableResult
    public func step(learningRate: Double) -> Double {
        if let proximal = settings.proximal { for entry in entries { entry.pullBack(by: Float(proximal)) } }
        let gradients = entries.map { $0.value.gradient?.content }
        defer { for entry in entries { entry.value.gradient?.clear() } }
        let norm = gradients.reduce(0.0) { $0 + ($1?.sumOfSquares ?? 0) }.squareRoot()
        guard norm.isFinite else { return norm }
        // torch.nn.utils.clip_grad_norm_: the norm is enlarged a little before it divides.
        let scale = settings.clip > 0 ? min(1, settings.clip / (norm + 1e-6)) : 1
        stepCount += 1
        for (entry, gradient) in zip(entries, gradients) {
            guard let gradient else { continue }
            let update = AdamWUpdate(
                step: stepCount, learningRate: learningRate * entry.rate, beta1: settings.beta1, beta2: settings.beta2,
                epsilon: settings.epsilon, weightDecay: settings.weightDecay, gradientScale: scale)
            update.apply(to: entry.value, gradient: gradient, first: entry.first, second: entry.second)
        }
        return norm
    }
}

extension Optimizer.Entry {
    /// Adds μ (w − w₀) to the gradient.
    @Compute fileprivate func pullBack(by mu: Float) {
        guard let start else { return }
        let pull = Tensor(value.values, shape: value.shape)
        pull.withMutableValues { pull in
            start.withMutableValues { start in
                for index in pull.indices { pull[index] = mu * (pull[index] - start[index]) }
            }
        }
        value.gradient?.add(pull)
    }

    /// What a state holds of it.
    var saved: [(kind: String, tensor: Tensor)] {
        [("value", value), ("first", first), ("second", second)] + (start.map { [("start", $0)] } ?? [])
    }
}
