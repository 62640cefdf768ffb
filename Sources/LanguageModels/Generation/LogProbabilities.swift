import Tensors

/// How probable the model found a token of an answer, and what it found most probable there.
public struct TokenLogProbability: Equatable, Sendable, Codable {
    /// A token that could have been chosen.
    public struct Candidate: Equatable, Sendable, Codable {
        /// The token's id.
        public var token: Int32
        /// Its log-probability ln p, at most 0.
        public var logProbability: Float

        /// A token that might have stood here, with its log-probability.
        public init(token: Int32, logProbability: Float) {
            self.token = token
            self.logProbability = logProbability
        }
    }

    /// ln p of the chosen token, given everything before it.
    public var logProbability: Float
    /// The most probable tokens, best first: as many as ``DecodingOptions/logProbabilities`` says. The chosen one need not be
    /// among them.
    public var best: [Candidate]

    /// What is known of a token.
    public init(logProbability: Float, best: [Candidate]) {
        self.logProbability = logProbability
        self.best = best
    }
}

/// The model's distribution over the next token of a row, kept before options change its scores.
struct Distribution {
    /// What stands for ln 0 where a token was forced that the model finds impossible, as in OpenAI's interface: JSON has no
    /// infinity.
    static let impossible: Float = -9999

    private let scores: [Float]
    private let logTotal: Double
    private let best: [TokenLogProbability.Candidate]

    /// - Parameters:
    ///   - scores: Logits or log-probabilities [vocabulary].
    ///   - known: What is known of them.
    init(_ scores: UnsafePointer<Float>, vocabularySize: Int, _ known: TokenDistribution) {
        self.scores = Array(UnsafeBufferPointer(start: scores, count: vocabularySize))
        logTotal = known.logSum
        best = known.best.map {
            .init(token: $0, logProbability: Float(Double(scores[Int($0)]) - known.logSum))
        }
    }

    /// - Parameters:
    ///   - scores: Logits or log-probabilities [vocabulary].
    ///   - count: How many of the most probable tokens are wanted.
    init(_ scores: UnsafePointer<Float>, vocabularySize: Int, best count: Int) {
        self.init(
            scores, vocabularySize: vocabularySize,
            TokenSelection.describe(scores, best: count, vocabulary: vocabularySize))
    }

    /// What is told of `token`, chosen here.
    func choosing(_ token: Int32) -> TokenLogProbability {
        let value = Float(Double(scores[Int(token)]) - logTotal)
        return TokenLogProbability(logProbability: max(value, Self.impossible), best: best)
    }
}
