/// The options that change the scores of single tokens, whatever the strategy: biases, penalties, n-grams that must not repeat,
/// forbidden tokens and sequences, the minimum length, forced tokens.
///
/// They are applied in the order of `transformers`: to logits in greedy search and sampling, to log-probabilities
/// (which are not normalised again) in beam search.
struct TokenRules {
    private let vocabularySize: Int
    private let biases: [(token: Int, bias: Float)]
    private let penalty: Float
    private let presencePenalty: Float
    private let frequencyPenalty: Float
    private let nGramSize: Int
    private let minNewTokens: Int
    private let maxNewTokens: Int
    private let forcedFirstToken: Int32?
    private let forcedLastToken: Int32?
    private let endTokens: [Int32]
    private let forbiddenTokens: [Int32]
    private let forbiddenSequences: [[Int32]]  // of two tokens and more

    init(_ options: DecodingOptions, vocabularySize: Int) {
        self.vocabularySize = vocabularySize
        biases = options.logitBias.sorted { $0.key < $1.key }.map { ($0.key, Float($0.value)) }
        penalty = Float(options.repetitionPenalty)
        presencePenalty = Float(options.presencePenalty)
        frequencyPenalty = Float(options.frequencyPenalty)
        nGramSize = options.noRepeatNGramSize
        minNewTokens = options.minNewTokens
        maxNewTokens = options.maxNewTokens
        forcedFirstToken = options.forcedFirstToken
        forcedLastToken = options.forcedLastToken
        endTokens = options.endingTokens
        let single = options.forbiddenSequences.filter { $0.count == 1 && !options.endTokens.contains($0[0]) }
        forbiddenTokens = options.forbiddenTokens + single.joined()
        forbiddenSequences = options.forbiddenSequences.filter { $0.count > 1 }
    }

    /// Changes the scores [vocabulary] of the token that follows `tokens`, the last `newTokens` of which are generated.
    func apply(to scores: UnsafeMutablePointer<Float>, after tokens: [Int32], newTokens: Int) {
        for (token, bias) in biases { scores[token] += bias }
        tokens.withUnsafeBufferPointer { tokens in
            if penalty != 1 { penalize(scores, tokens) }
            if presencePenalty != 0 || frequencyPenalty != 0 { penalizeUse(scores, tokens.suffix(newTokens)) }
            if nGramSize > 0 { forbidRepeats(scores, tokens) }
            for sequence in forbiddenSequences { forbidEnd(of: sequence, scores, tokens) }
        }
        for token in forbiddenTokens { scores[Int(token)] = -.infinity }
        if newTokens < minNewTokens { for token in endTokens { scores[Int(token)] = -.infinity } }
        if newTokens == 0, let forcedFirstToken { force(forcedFirstToken, scores) }
        if newTokens == maxNewTokens - 1, let forcedLastToken { force(forcedLastToken, scores) }
    }

    /// Makes one token certain, as `transformers` does whatever was forbidden before.
    private func force(_ token: Int32, _ scores: UnsafeMutablePointer<Float>) {
        scores.update(repeating: -.infinity, count: vocabularySize)
        scores[Int(token)] = 0
    }

    /// s / penalty where s > 0, else s · penalty (Keskar et al. 2019), once for each token that occurred.
    private func penalize(_ scores: UnsafeMutablePointer<Float>, _ tokens: UnsafeBufferPointer<Int32>) {
        // All are read before any is written, so that a token that occurred twice is still penalised once.
        withUnsafeTemporaryAllocation(of: Float.self, capacity: tokens.count) { before in
            for (index, token) in tokens.enumerated() { before[index] = scores[Int(token)] }
            for (index, token) in tokens.enumerated() {
                scores[Int(token)] = before[index] < 0 ? before[index] * penalty : before[index] / penalty
            }
        }
    }

    /// s − n · frequency − presence for each token that the answer has n times.
    private func penalizeUse(_ scores: UnsafeMutablePointer<Float>, _ answer: Slice<UnsafeBufferPointer<Int32>>) {
        let counts = answer.reduce(into: [Int32: Int]()) { $0[$1, default: 0] += 1 }
        for (token, count) in counts { scores[Int(token)] -= Float(count) * frequencyPenalty + presencePenalty }
    }

    /// Forbids what followed an earlier occurrence of the last n − 1 tokens.
    private func forbidRepeats(_ scores: UnsafeMutablePointer<Float>, _ tokens: UnsafeBufferPointer<Int32>) {
        guard tokens.count >= nGramSize else { return }
        let context = nGramSize - 1, suffix = tokens.count - context
        for start in 0..<suffix {
            var length = 0
            while length < context, tokens[start + length] == tokens[suffix + length] { length += 1 }
            if length == context { scores[Int(tokens[start + context])] = -.infinity }
        }
    }

    /// Forbids the last token of a sequence whose other tokens have just been said.
    private func forbidEnd(
        of sequence: [Int32], _ scores: UnsafeMutablePointer<Float>, _ tokens: UnsafeBufferPointer<Int32>
    ) {
        let start = sequence.dropLast()
        if tokens.suffix(start.count).elementsEqual(start), let end = sequence.last { scores[Int(end)] = -.infinity }
    }

    /// Whether the scores hold what is no number: then a model is broken, where otherwise nothing is allowed.
    func containsNaN(_ scores: UnsafeMutablePointer<Float>) -> Bool {
        (0..<vocabularySize).contains { scores[$0].isNaN }
    }
}
