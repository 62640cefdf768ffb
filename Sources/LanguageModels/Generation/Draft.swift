import Tokenizers

/// An answer in the making: what has been said, and what is asked to be known of it.
struct Draft {
    /// Prompt and answer so far.
    private(set) var tokens: [Int32]
    private let promptLength: Int
    private var text: AnswerText?
    private var logProbabilities: [TokenLogProbability]?
    private let options: DecodingOptions

    /// An answer without tokens.
    ///
    /// - Parameter tokenizer: Reads the answer where ``DecodingOptions/stopTexts`` has any.
    init(_ prompt: [Int32], options: DecodingOptions, tokenizer: Tokenizer?) {
        tokens = prompt
        promptLength = prompt.count
        self.options = options
        if !options.stopTexts.isEmpty { text = tokenizer.map { AnswerText($0, options: options) } }
        if options.logProbabilities != nil { logProbabilities = [] }
    }

    /// Number of generated tokens.
    var count: Int { tokens.count - promptLength }

    /// What the last token ends the answer by, if it does.
    var end: Generation.FinishReason? {
        guard count > 0, let last = tokens.last else { return nil }
        if !options.ignoresEndTokens, options.endTokens.contains(last) { return .endToken }
        if options.stopTokens.contains(last) { return .stopToken }
        if text?.isStopped == true { return .stopText }
        return count == options.maxNewTokens ? .length : nil
    }

    /// Goes on with a token.
    ///
    /// - Parameter distribution: What it was chosen from, where that is kept.
    mutating func append(_ token: Int32, of distribution: Distribution?) {
        tokens.append(token)
        _ = text?.append(token)
        if let distribution { logProbabilities?.append(distribution.choosing(token)) }
    }

    /// What is known of the last token.
    var lastLogProbability: TokenLogProbability? { logProbabilities?.last }

    /// The answer.
    func generation(_ reason: Generation.FinishReason, score: Float? = nil) -> Generation {
        Generation(
            tokenIds: Array(tokens[promptLength...]), score: score, finishReason: reason,
            logProbabilities: logProbabilities)
    }
}
