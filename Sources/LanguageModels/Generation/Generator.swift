import Tensors
import Tokenizers

/// Answers prompts with a model: tokens in, tokens out.
@Compute public final class Generator {
    /// Predicts the tokens.
    public let model: any CausalModel
    /// How much goes through the model at once.
    public var limits: GenerationRun.Limits
    private let tokenizer: Tokenizer?
    private let cacheType: CacheType

    /// A generator over `model`.
    ///
    /// - Parameters:
    ///   - model: Predicts the tokens.
    ///   - limits: How much goes through the model at once; bounds the memory of `generate`.
    ///   - tokenizer: The model's; needed where ``DecodingOptions/stopTexts`` has any.
    ///   - cacheType: How keys and values of what is read and written are held; those of prefixes are as they are given.
    public init(
        _ model: any CausalModel, limits: GenerationRun.Limits = GenerationRun.Limits(), tokenizer: Tokenizer? = nil,
        cacheType: CacheType = .float32
    ) {
        self.cacheType = cacheType
        self.model = model
        self.tokenizer = tokenizer
        self.limits = limits
    }

    /// Answers many prompts after one prefix, or none.
    ///
    /// - Parameters:
    ///   - prompts: At least one token each: what is continued, or the sources of an encoder–decoder model.
    ///   - prefix: What all prompts come after.
    ///   - options: How answers are chosen.
    ///   - onToken: Told of every token of a prompt's first answer: as it is chosen, or in beam search when it is found.
    /// - Returns: The answers in the order of the prompts; of each prompt as many as ``DecodingOptions/answerCount`` says.
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
    ///   - onToken: Told of every token of a prompt's first answer: as it is chosen, or in beam search when it is found.
    /// - Returns: The answers in the order of the prompts; of each prompt as many as ``DecodingOptions/answerCount`` says.
    /// - Throws: ``GenerationError``; `CancellationError` where the task is cancelled.
    public func generate(
        _ prompts: [[Int32]], after prefixes: [InitialKeyValues?], options: DecodingOptions,
        onToken: ((_ prompt: Int, _ token: Int32) -> Void)? = nil
    ) throws -> [Generation] {
        try answers(to: prompts, after: prefixes, options: options, onToken: onToken).flatMap(\.self)
    }

    /// Answers many prompts, each after its own prefix or none, in common batches.
    ///
    /// - Parameters:
    ///   - prompts: At least one token each: what is continued, or the sources of an encoder–decoder model.
    ///   - prefixes: What each prompt comes after.
    ///   - options: How answers are chosen.
    ///   - onToken: Told of every token of a prompt's first answer: as it is chosen, or in beam search when it is found.
    /// - Returns: For each prompt its answers, in beam search the best first: ``DecodingOptions/answerCount`` of them, or
    ///   fewer in beam search where the options forbid all others.
    /// - Throws: ``GenerationError``; `CancellationError` where the task is cancelled.
    public func answers(
        to prompts: [[Int32]], after prefixes: [InitialKeyValues?], options: DecodingOptions,
        onToken: ((_ prompt: Int, _ token: Int32) -> Void)? = nil
    ) throws -> [[Generation]] {
        let run = try GenerationRun(
            model, prompts: prompts, after: prefixes, options: options, limits: limits, tokenizer: tokenizer,
            cacheType: cacheType)
        var answers = prompts.map { _ in [Int: Generation]() }
        while let step = try run.next() {
            try Task.checkCancellation()
            if let onToken { for (prompt, answer, token) in step.tokens where answer == 0 { onToken(prompt, token) } }
            for (prompt, answer, generation) in step.finished { answers[prompt][answer] = generation }
        }
        return answers.map { answers in answers.sorted { $0.key < $1.key }.map(\.value) }
    }

    /// The tokens of the first answer to one prompt as they are chosen (in beam search: when it is found), the end token
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
        try options.validate()
        var options = options
        options.answerCount = 1  // No other is told.
        let run = try GenerationRun(
            model, prompts: [prompt], after: [prefix], options: options, limits: limits, tokenizer: tokenizer,
            cacheType: cacheType)
        let (stream, continuation) = AsyncThrowingStream<Int32, any Error>.makeStream()
        let task = Task { @Compute in
            do {
                while !Task.isCancelled, let step = try run.next() {
                    for (_, answer, token) in step.tokens where answer == 0 { continuation.yield(token) }
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
