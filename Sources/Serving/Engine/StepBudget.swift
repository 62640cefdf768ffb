/// How many tokens of prompts a step reads beside the answers, so that it takes no longer than it may: those who are being
/// answered wait for it. What is answered does not depend on it.
package struct StepBudget: Equatable, Sendable {
    /// What it may be: below, a long prompt would never be read.
    package static let range = 16...512

    /// Seconds that a step may take.
    package let seconds: Double
    /// Tokens of prompts in the next step, where somebody waits for it.
    package private(set) var tokens = 128

    /// A budget that no step has been measured by.
    package init(seconds: Double) { self.seconds = seconds }

    /// Tokens of prompts in the next step.
    ///
    /// - Parameter isAnswering: Whether somebody waits for it; else no fewer are read than to begin with.
    package func tokens(beside isAnswering: Bool) -> Int { isAnswering ? tokens : max(tokens, 128) }

    /// Notes how long a step took: a longer one at once makes the next ones shorter, a shorter one makes them longer little by little.
    ///
    /// - Parameters:
    ///   - promptTokens: Tokens of prompts that it read.
    ///   - rows: Answers that waited for it.
    package mutating func note(seconds taken: Double, promptTokens: Int, rows: Int) {
        // What nobody waits for may take its time, and what reads little tells little.
        guard rows > 0, promptTokens >= Self.range.lowerBound, taken > 0 else { return }
        if taken > seconds {
            tokens = Int(Double(min(tokens, promptTokens)) * max(seconds / taken, 0.25))
        } else if promptTokens >= tokens, taken < 0.8 * seconds {
            tokens += max(tokens / 8, 1)
        }
        tokens = min(max(tokens, Self.range.lowerBound), Self.range.upperBound)
    }
}
