/// A training example as token ids.
public struct TokenizedExample: Equatable, Sendable {
    /// What the encoder of an encoder–decoder model reads; empty for a decoder-only model.
    public var source: [Int32]
    /// What the decoder reads: prompt and completion, or start token and completion where the prompt is the source.
    public var tokens: [Int32]
    /// Index of the first token that the loss counts; at least 1, because a token is predicted from the one before.
    public var targetStart: Int
    /// Of each token from ``targetStart`` on, whether the loss counts it, such as those of a conversation that an assistant says; nil
    /// where it counts all of them.
    public var isCounted: [Bool]?

    /// A tokenized example; see the properties.
    public init(source: [Int32] = [], tokens: [Int32], targetStart: Int, isCounted: [Bool]? = nil) {
        self.source = source
        self.tokens = tokens
        self.targetStart = targetStart
        self.isCounted = isCounted
    }

    /// Number of tokens that the loss counts.
    public var targetCount: Int { isCounted?.count { $0 } ?? tokens.count - targetStart }

    /// The tokens that the loss counts.
    public var targets: [Int32] {
        let all = tokens[targetStart...]
        guard let isCounted else { return Array(all) }
        return zip(all, isCounted).filter(\.1).map(\.0)
    }

    /// Number of all tokens.
    public var length: Int { source.count + tokens.count }
}

extension TaskFormat {
    /// The tokens that the model is given to continue.
    ///
    /// - Parameters:
    ///   - example: what to write about.
    ///   - endOfText: the end-of-text token's id.
    ///   - tokenize: text to ids, without special tokens added.
    public func promptTokens(
        for example: Example, endOfText: Int32, tokenize: (String) throws -> [Int32]
    ) rethrows -> [Int32] {
        let tokens = try render(promptPieces, example, endOfText: endOfText, tokenize: tokenize)
        return try cut(tokens, of: promptPieces, after: .prompt, to: sourceLimit, endOfText, tokenize)
    }

    /// The tokens of prompt and completion, cut or refused where they are longer than `limit`.
    ///
    /// - Parameters:
    ///   - example: a training example (see `forTraining()`).
    ///   - endOfText: the end-of-text token's id.
    ///   - limit: the most tokens that fit: the model's positions less the prefix's.
    ///   - beginning: a prompt's tokens, which may be none, with what the model reads before them.
    ///   - tokenize: text to ids, without special tokens added.
    /// - Returns: the tokens, or nil where the example is to be skipped.
    /// - Throws: ``DataError`` with file and line, and what `tokenize` throws.
    public func tokens(
        for example: Example, endOfText: Int32, limit: Int, beginning: ([Int32]) -> [Int32] = { $0 },
        tokenize: (String) throws -> [Int32]
    ) throws -> TokenizedExample? {
        guard example.completion != nil else { throw DataError.missingCompletion(example.location) }
        let prompt = beginning(try promptTokens(for: example, endOfText: endOfText, tokenize: tokenize))
        guard !prompt.isEmpty else { throw DataError.emptyPrompt(example.location) }
        let completion = try render(completionPieces, example, endOfText: endOfText, tokenize: tokenize)
        var tokens =
            try prompt
            + cut(completion, of: completionPieces, after: .completion, to: targetLimit, endOfText, tokenize)
        if tokens.count > limit {
            switch overflow {
            case .fail: throw DataError.tooLong(example.location, tokens: tokens.count, limit: limit)
            case .skip: return nil
            case .truncate: tokens.removeLast(tokens.count - max(limit, 0))
            }
            guard tokens.count > prompt.count else {
                throw DataError.nothingToLearn(example.location, promptTokens: prompt.count, limit: limit)
            }
        }
        return TokenizedExample(tokens: tokens, targetStart: prompt.count)
    }

    /// The first tokens of pieces, and what comes after the example's own text: a mark is not cut off with the text.
    private func cut(
        _ tokens: [Int32], of pieces: [Piece], after text: Piece, to limit: Int?, _ endOfText: Int32,
        _ tokenize: (String) throws -> [Int32]
    ) rethrows -> [Int32] {
        guard let limit, tokens.count > limit else { return tokens }
        let marks = Array(pieces[((pieces.lastIndex(of: text) ?? pieces.endIndex - 1) + 1)...])
        let nothing = Example(prompt: "", location: DataLocation(file: "", line: 0))
        let ending = try render(marks, nothing, endOfText: endOfText, tokenize: tokenize)
        return tokens.prefix(max(0, limit - ending.count)) + ending
    }

    private func render(
        _ pieces: [Piece], _ example: Example, endOfText: Int32, tokenize: (String) throws -> [Int32]
    ) rethrows -> [Int32] {
        var tokens: [Int32] = []
        var text = ""
        for piece in pieces {
            switch piece {
            case .text(let fixed): text += fixed
            case .prompt: text += example.prompt
            case .completion: text += example.completion ?? ""
            case .endOfText:
                if !text.isEmpty { tokens += try tokenize(text) }
                text = ""
                tokens.append(endOfText)
            }
        }
        if !text.isEmpty { tokens += try tokenize(text) }
        return tokens
    }
}
