import Foundation

/// How surprised a model is by the tokens of a corpus: e to the mean negative log-probability.
public struct Perplexity: Equatable, Sendable {
    /// Tokens so far.
    public private(set) var tokens = 0
    private var sum = 0.0

    /// That of no tokens yet.
    public init() {}

    /// Counts the tokens of a score.
    public mutating func add(_ score: Scorer.Score) {
        tokens += score.logprobs.count
        sum -= score.logprobs.reduce(0) { $0 + Double($1) }
    }

    /// Mean cross-entropy in nats per token; NaN of no tokens.
    public var loss: Double { sum / Double(tokens) }

    /// e to the ``loss``: 1 where every token was certain.
    public var value: Double { exp(loss) }
}
