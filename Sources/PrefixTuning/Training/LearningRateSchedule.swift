import Foundation

/// How the learning rate changes during training: a linear warm-up to the peak rate, then one of four shapes.
///
/// The same functions as `transformers.get_{linear,constant,cosine}_schedule_with_warmup` and `get_inverse_sqrt_schedule`.
public struct LearningRateSchedule: Codable, Equatable, Sendable {
    /// What follows the warm-up.
    public enum Shape: String, Codable, CaseIterable, Sendable {
        /// Falls linearly to 0 at the last step: the paper's.
        case linear
        /// Stays.
        case constant
        /// Falls to 0 along half a cosine.
        case cosine
        /// Falls as √(s/t), for t = s, s + 1, … after the warm-up, where s is the number of warm-up steps, or 10,000 where
        /// there are none (Vaswani et al. 2017). Does not depend on the length of the run.
        case inverseSquareRoot = "inverse-sqrt"
    }

    /// What follows the warm-up.
    public var shape: Shape
    /// Steps in which the rate rises from 0 to its peak.
    public var warmupSteps: Int
    /// Steps after the warm-up in which the rate stays at its peak before it falls; pretraining's.
    public var holdSteps = 0
    /// Steps of the whole run.
    public var totalSteps: Int

    /// A schedule; all numbers count steps.
    public init(_ shape: Shape, warmupSteps: Int = 0, holdSteps: Int = 0, totalSteps: Int) {
        self.shape = shape
        self.warmupSteps = warmupSteps
        self.holdSteps = holdSteps
        self.totalSteps = totalSteps
    }

    /// The factor by which the peak rate is multiplied at a step.
    ///
    /// - Parameter step: 0 for the first.
    /// - Returns: In 0...1.
    public func factor(at step: Int) -> Double {
        if step < warmupSteps { return Double(step) / Double(max(1, warmupSteps)) }
        let start = warmupSteps + holdSteps
        let progress = Double(max(0, step - start)) / Double(max(1, totalSteps - start))
        return switch shape {
        case .constant: 1
        case .linear: max(0, 1 - progress)
        case .inverseSquareRoot:
            1 / (1 + Double(max(0, step - start)) / Double(warmupSteps > 0 ? warmupSteps : 10_000)).squareRoot()
        case .cosine: max(0, 0.5 * (1 + cos(.pi * progress)))
        }
    }
}
