/// Greedy search and sampling: one answer, token by token.
final class TokenSearch: PromptSearch {
    let width = 1
    private let options: DecodingOptions
    private let rules: TokenRules
    private let index: Int
    private let promptLength: Int
    private let vocabularySize: Int
    private var tokens: [Int32]
    private var sampler: Sampler?

    /// A search from `prompt`, the `index`-th of its call.
    init(_ prompt: [Int32], index: Int, options: DecodingOptions, rules: TokenRules, vocabularySize: Int) {
        tokens = prompt
        promptLength = prompt.count
        self.options = options
        self.rules = rules
        self.index = index
        self.vocabularySize = vocabularySize
        if options.strategy == .sample { sampler = Sampler(options, prompt: index) }
    }

    func advance(_ scores: UnsafeMutablePointer<Float>) throws(GenerationError) -> SearchStep {
        rules.apply(to: scores, after: tokens, newTokens: tokens.count - promptLength)
        let chosen =
            sampler == nil ? mostProbable(scores) : sampler?.draw(scores, count: vocabularySize)
        guard let token = chosen else {
            if rules.containsNaN(scores) { throw .notFinite(index: index) }
            return .finished(generation(.noTokenAllowed))
        }
        tokens.append(token)
        if options.endTokens.contains(token) { return .finished(generation(.endToken)) }
        if tokens.count - promptLength == options.maxNewTokens { return .finished(generation(.length)) }
        return .next([(0, token)])
    }

    /// The first of the greatest scores, unless all are −∞.
    private func mostProbable(_ scores: UnsafeMutablePointer<Float>) -> Int32? {
        var greatest = -Float.infinity, token: Int32?
        for candidate in 0..<vocabularySize where scores[candidate] > greatest {
            greatest = scores[candidate]
            token = Int32(candidate)
        }
        return token
    }

    private func generation(_ reason: Generation.FinishReason) -> Generation {
        Generation(tokenIds: Array(tokens[promptLength...]), finishReason: reason)
    }
}
