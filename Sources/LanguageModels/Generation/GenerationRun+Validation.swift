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
        try GenerationRequest(prompt, after: [prefix].compactMap(\.self), options: options, number: index)
            .validatePrompt(for: model)
    }
}
