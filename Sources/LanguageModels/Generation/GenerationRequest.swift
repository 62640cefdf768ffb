import Tensors

/// What is asked of a model: a prompt, what it comes after, and how it is answered. All that requests may differ in is here.
@Compute public struct GenerationRequest {
    /// At least one token: what is continued, or the source of an encoder–decoder model.
    public var prompt: [Int32]
    /// What the prompt comes after: any number of prefixes in a row, the first of them first. Each begins where the positions of
    /// those before it end.
    public var starts: [InitialKeyValues]
    /// How the answer is chosen: how many answers there are, what their draws depend on, whether log-probabilities are told.
    ///
    /// Draws depend on ``DecodingOptions/seed`` and the number of the answer alone, and on nothing that is answered beside it.
    public var options: DecodingOptions
    /// Of a batch that keeps prompts (``LiveBatch/Limits/keepsPrompts``): requests use what was kept of others with the same salt
    /// only; nil for neither using nor keeping anything. Whoever may not learn what another has asked, not even by the time that
    /// an answer takes, has another salt.
    public var salt: String?
    /// What errors call the prompt by.
    public var number: Int

    /// A request; see the properties.
    public init(
        _ prompt: [Int32], after starts: [InitialKeyValues] = [], options: DecodingOptions = DecodingOptions(),
        salt: String? = nil, number: Int = 0
    ) {
        self.prompt = prompt
        self.starts = starts
        self.options = options
        self.salt = salt
        self.number = number
    }

    /// Checks that a model can answer it, whatever else it is busy with.
    ///
    /// - Parameters:
    ///   - model: Answers it.
    ///   - hasTokenizer: Whether stop texts can be found in what it says.
    /// - Throws: ``GenerationError``: an option is not valid; the prompt has no token, one that the model does not know, or too
    ///   many; what it comes after belongs to a model of other sizes.
    public func validate(for model: any CausalModel, hasTokenizer: Bool = true) throws(GenerationError) {
        try Self.validate(options, for: model, hasTokenizer: hasTokenizer)
        try validatePrompt(for: model)
    }

    static func validate(
        _ options: DecodingOptions, for model: any CausalModel, hasTokenizer: Bool
    ) throws(GenerationError) {
        try options.validate()
        if !hasTokenizer, !options.stopTexts.isEmpty { throw .stopTextsWithoutTokenizer(options.stopTexts) }
        try options.validate(vocabularySize: model.shape.vocabularySize)
    }

    /// The same with options that are known to be valid.
    func validatePrompt(for model: any CausalModel) throws(GenerationError) {
        let shape = model.shape
        if prompt.isEmpty { throw .emptyPrompt(index: number) }
        for token in prompt where token < 0 || Int(token) >= shape.vocabularySize {
            throw .unknownToken(token, place: "prompt \(number)", vocabularySize: shape.vocabularySize)
        }
        for start in starts {
            if let kind = start.unfitPart(for: shape) { throw .foreignPrefix(index: number, kind: kind, model: shape) }
            if case .contrastive = options.strategy, start.afterPrompt != nil { throw .contrastiveInfix(index: number) }
        }
        var promptLength = prompt.count
        if model.startToken != nil {
            let taken = starts.reduce(0) { $0 + $1.encoderPositions }
            guard taken + prompt.count <= shape.positionCount else {
                throw .sourceTooLong(index: number, source: prompt.count, positions: shape.positionCount - taken)
            }
            promptLength = 1  // the start token
        }
        // The last token of an answer is not read, or has a position of its own.
        let taken = starts.reduce(0) { $0 + $1.decoderPositions }
        let positions = shape.positionCount - 1 + options.unreadTokens
        if taken + promptLength + options.maxNewTokens - 1 > positions {
            throw .tooLong(
                index: number, prefix: taken, prompt: promptLength, newTokens: options.maxNewTokens,
                positions: positions)
        }
    }

    /// Pages of keys and values that it takes at most: those of its prompt and of all tokens that its beams or answers read.
    func pages(for model: any CausalModel) -> Int {
        let page = KeyValuePage.rowCount
        func pages(_ rows: Int) -> Int { rows / page + (rows % page > 0 ? 1 : 0) }
        let (answers, overflows) = options.width.multipliedReportingOverflow(
            by: options.maxNewTokens - options.unreadTokens)
        let rows = overflows ? Int.max / 4 : min(answers, Int.max / 4)
        // What an encoder made of a source lies outside of the pool, and takes as much as a prompt would.
        return model.startToken == nil
            ? pages(prompt.count + rows) : pages(1 + rows) + pages(prompt.count)
    }
}
