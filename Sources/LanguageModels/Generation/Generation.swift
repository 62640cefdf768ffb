/// The answer to one prompt.
public struct Generation: Equatable, Sendable, Codable {
    /// Why an answer ends.
    public enum FinishReason: String, Equatable, Sendable, Codable {
        /// Its last token is an end token.
        case endToken
        /// It has the greatest length asked for.
        case length
        /// The options forbid every token that could follow.
        case noTokenAllowed
    }

    /// The generated tokens, without the prompt; with the end token where one was reached.
    public var tokenIds: [Int32]
    /// Beam search: log-probability of the answer / length^penalty, what answers were compared by.
    public var score: Float?
    /// Why the answer ends.
    public var finishReason: FinishReason

    /// An answer.
    public init(tokenIds: [Int32], score: Float? = nil, finishReason: FinishReason) {
        self.tokenIds = tokenIds
        self.score = score
        self.finishReason = finishReason
    }
}
