/// How many tokens of prompts a step reads beside the answers, so that it takes no longer than it may: those who are being
/// answered wait for it. What is answered does not depend on it.
package struct StepBudget: Equatable, Sendable {
    /// What it may be: below, a long prompt would never be read.
    package static let range = 16...512
    /// Of what a step takes that reads no prompt: who is being answered then sees gaps three times as long, and no more.
    package static let factor = 3.0

    /// Seconds that a step may take; nil for ``factor`` times what one without prompts takes.
    package let seconds: Double?
    /// Tokens of prompts in the next step, where somebody waits for it.
    package private(set) var tokens = 128
    /// Seconds of steps that read no prompt, of late; 0 before there was one.
    private var bare = 0.0

    /// A budget that no step has been measured by.
    package init(seconds: Double?) { self.seconds = seconds }

    /// Seconds that a step may take.
    package var limit: Double { seconds ?? (bare == 0 ? 0.06 : Self.factor * bare) }

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
        guard rows > 0, taken > 0 else { return }
        if promptTokens == 0 { bare = bare == 0 ? taken : 0.9 * bare + 0.1 * taken }
        guard promptTokens >= Self.range.lowerBound else { return }
        if taken > limit {
            tokens = Int(Double(min(tokens, promptTokens)) * max(limit / taken, 0.25))
        } else if promptTokens >= tokens, taken < 0.8 * limit {
            tokens += max(tokens / 8, 1)
        }
        tokens = min(max(tokens, Self.range.lowerBound), Self.range.upperBound)
    }
}
