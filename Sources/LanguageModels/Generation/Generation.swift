/// The answer to one prompt.
public struct Generation: Equatable, Sendable, Codable {
    /// Why an answer ends.
    public enum FinishReason: String, Equatable, Sendable, Codable {
        /// Its last token is an end token.
        case endToken
        /// Its last token is one of ``DecodingOptions/stopTokens``.
        case stopToken
        /// Its text contains a stop text.
        case stopText
        /// It has the maximum length asked for.
        case length
        /// The options forbid every token that could follow.
        case noTokenAllowed
    }

    /// The generated tokens, without the prompt; with the end token where one was reached, and with the tokens of a stop
    /// text.
    public var tokenIds: [Int32]
    /// Beam search: log-probability of the answer / length^penalty, what answers were compared by.
    public var score: Float?
    /// Why the answer ends.
    public var finishReason: FinishReason
    /// How probable the model found each token; nil where ``DecodingOptions/logProbabilities`` did not ask.
    public var logProbabilities: [TokenLogProbability]?

    /// An answer as a search found it; its parts are described at the properties.
    public init(
        tokenIds: [Int32], score: Float? = nil, finishReason: FinishReason,
        logProbabilities: [TokenLogProbability]? = nil
    ) {
        self.tokenIds = tokenIds
        self.score = score
        self.finishReason = finishReason
        self.logProbabilities = logProbabilities
    }
}
