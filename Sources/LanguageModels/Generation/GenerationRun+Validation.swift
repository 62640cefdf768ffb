import Tensors

extension GenerationRun {
    /// Checks that a prompt can be answered.
    ///
    /// - Parameters:
    ///   - prompt: Its tokens.
    ///   - index: Its number in the caller's call, which the error names.
    ///   - prefix: What it comes after.
    ///   - options: How it is answered; they are valid in themselves.
    ///   - model: Answers it.
    /// - Throws: ``GenerationError``: it has no token, one that the model does not know, or too many, or the prefix belongs to
    ///   a model of other sizes.
    public static func validate(
        _ prompt: [Int32], index: Int, after prefix: InitialKeyValues?, options: DecodingOptions,
        model: any CausalModel
    ) throws(GenerationError) {
        let shape = model.shape
        if prompt.isEmpty { throw .emptyPrompt(index: index) }
        for token in prompt where token < 0 || Int(token) >= shape.vocabularySize {
            throw .unknownToken(token, place: "prompt \(index)", vocabularySize: shape.vocabularySize)
        }
        if let kind = prefix?.unfitPart(for: shape) { throw .foreignPrefix(index: index, kind: kind, model: shape) }
        var promptLength = prompt.count
        if model.startToken != nil {
            let taken = prefix?.encoder?.positions ?? 0
            guard taken + prompt.count <= shape.positionCount else {
                throw .sourceTooLong(index: index, source: prompt.count, positions: shape.positionCount - taken)
            }
            promptLength = 1  // the start token
        }
        // The last token of an answer is never read.
        let taken = prefix?.decoderPositions ?? 0
        if taken + promptLength + options.maxNewTokens - 1 > shape.positionCount {
            throw .tooLong(
                index: index, prefix: taken, prompt: promptLength, newTokens: options.maxNewTokens,
                positions: shape.positionCount)
        }
    }
}
