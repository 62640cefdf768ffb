import Tensors

/// Answers prompts with a model: tokens in, tokens out.
@Compute public final class Generator {
    /// Predicts the tokens.
    public let model: any CausalModel
    /// How much goes through the model at once.
    public var limits: GenerationRun.Limits

    /// A generator over `model`.
    ///
    /// - Parameters:
    ///   - model: Predicts the tokens.
    ///   - limits: How much goes through the model at once; bounds the memory of `generate`.
    public init(_ model: any CausalModel, limits: GenerationRun.Limits = GenerationRun.Limits()) {
        self.model = model
        self.limits = limits
    }

    /// Answers many prompts after one prefix, or none.
    ///
    /// - Parameters:
    ///   - prompts: At least one token each: what is continued, or the sources of an encoder–decoder model.
    ///   - prefix: What all prompts come after.
    ///   - options: How answers are chosen.
    ///   - onToken: Told of every token and its prompt: as it is chosen, or in beam search when the answer is found.
    /// - Returns: The answers in the order of the prompts.
    /// - Throws: ``GenerationError``; `CancellationError` where the task is cancelled.
    public func generate(
        _ prompts: [[Int32]], after prefix: InitialKeyValues? = nil, options: DecodingOptions,
        onToken: ((_ prompt: Int, _ token: Int32) -> Void)? = nil
    ) throws -> [Generation] {
        try generate(prompts, after: prompts.map { _ in prefix }, options: options, onToken: onToken)
    }

    /// Answers many prompts, each after its own prefix or none, in common batches.
    ///
    /// - Parameters:
    ///   - prompts: At least one token each: what is continued, or the sources of an encoder–decoder model.
    ///   - prefixes: What each prompt comes after.
    ///   - options: How answers are chosen.
    ///   - onToken: Told of every token and its prompt: as it is chosen, or in beam search when the answer is found.
    /// - Returns: The answers in the order of the prompts.
    /// - Throws: ``GenerationError``; `CancellationError` where the task is cancelled.
    public func generate(
        _ prompts: [[Int32]], after prefixes: [InitialKeyValues?], options: DecodingOptions,
        onToken: ((_ prompt: Int, _ token: Int32) -> Void)? = nil
    ) throws -> [Generation] {
        let run = try GenerationRun(model, prompts: prompts, after: prefixes, options: options, limits: limits)
        var answers: [Int: Generation] = [:]
        while let step = try run.next() {
            try Task.checkCancellation()
            if let onToken { for (prompt, token) in step.tokens { onToken(prompt, token) } }
            for (prompt, generation) in step.finished { answers[prompt] = generation }
        }
        return prompts.indices.compactMap { answers[$0] }
    }

    /// The tokens of the answer to one prompt as they are chosen (in beam search: when it is found), the end token
    /// included.
    ///
    /// Between tokens other work may use the compute thread. Generation stops when the stream is let go or the task
    /// that reads it is cancelled.
    ///
    /// - Parameters:
    ///   - prompt: At least one token.
    ///   - prefix: What it comes after.
    ///   - options: How the answer is chosen.
    /// - Returns: The stream; it throws ``GenerationError`` where the model's scores are not numbers.
    /// - Throws: ``GenerationError`` where an option or the prompt is not valid.
    public func stream(
        _ prompt: [Int32], after prefix: InitialKeyValues? = nil, options: DecodingOptions
    ) throws -> AsyncThrowingStream<Int32, any Error> {
        let run = try GenerationRun(model, prompts: [prompt], after: [prefix], options: options, limits: limits)
        let (stream, continuation) = AsyncThrowingStream<Int32, any Error>.makeStream()
        let task = Task { @Compute in
            do {
                while !Task.isCancelled, let step = try run.next() {
                    for (_, token) in step.tokens { continuation.yield(token) }
                    await Task.yield()
                }
                continuation.finish()
            } catch {
                continuation.finish(throwing: error)
            }
        }
        continuation.onTermination = { _ in task.cancel() }
        return stream
    }
}
