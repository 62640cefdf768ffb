import LanguageModels
import Tensors

/// A text to be answered, and the prefix that it comes after.
public struct AnswerRequest: Sendable {
    /// Used as given. An empty one is answered after the token that begins texts, where there is one.
    public var prompt: String
    /// Nil for the model alone. It is laid out once, however many requests have it.
    public var prefix: ResidentPrefix?
    /// Sampling: fixes the draws of this answer, whatever is asked beside it; nil for draws by `DecodingOptions.seed` and the
    /// number of the request.
    public var seed: UInt64?

    /// A request; see the properties.
    public init(_ prompt: String, after prefix: ResidentPrefix? = nil, seed: UInt64? = nil) {
        self.prompt = prompt
        self.prefix = prefix
        self.seed = seed
    }
}

/// What happens while requests are answered. Requests are numbered from 0, in the order in which they were given.
public enum AnswerEvent: Sendable {
    /// A token of an answer.
    public struct Token: Sendable, Equatable {
        /// The token.
        public let id: Int32
        /// The text that is certain with it: often a piece of a word, nothing where a character is not complete or where a
        /// stop text may have begun.
        public let text: String
        /// How probable the model found it; nil where `DecodingOptions.logProbabilities` did not ask.
        public let logProbability: TokenLogProbability?
    }

    /// How an answer ended.
    public struct Ending: Sendable, Equatable {
        /// All of it: what its tokens said, and what was held back. Without end token and stop text.
        public let text: String
        /// What the tokens did not say yet.
        public let rest: String
        /// Tokens, why it ends, and log-probabilities where they were asked for.
        public let generation: Generation
        /// How many tokens the model read before it.
        public let promptTokens: Int
    }

    /// An answer goes on.
    case token(request: Int, Token)
    /// An answer is complete.
    case ended(request: Int, Ending)
    /// A request cannot be answered, such as one whose prompt is too long, or cannot be answered to its end: the others are.
    case failed(request: Int, any Error)
}

extension LanguageModel {
    /// Answers many texts, each after a prefix of its own or none, in one batch, and tells what happens as it happens.
    ///
    /// ```swift
    /// let requests = [AnswerRequest(table, after: hotels), AnswerRequest(table, after: menus), AnswerRequest(table)]
    /// for try await event in try await model.generate(requests) {
    ///     if case .token(let request, let token) = event { texts[request] += token.text }
    /// }
    /// ```
    ///
    /// Each gets the answer that it gets alone; where answers are drawn, if it has a ``AnswerRequest/seed``. A request that
    /// cannot be answered is told as ``AnswerEvent/failed(request:_:)``, before all else, or in its turn where the model's
    /// scores turn out not to be numbers: one user's long text or broken prefix is no reason to refuse the others'. Of one
    /// request, its end or failure comes last. Between tokens other work may use the compute thread. Answering stops when the
    /// stream is let go, or the task that reads it is cancelled.
    ///
    /// - Parameters:
    ///   - requests: What is to be answered.
    ///   - options: How tokens are chosen; the model's end-of-text token ends an answer in any case. Each request gets one
    ///     answer. Beam search tells all tokens of an answer when it is found.
    ///   - limits: How much goes through the model at once; requests beyond wait.
    /// - Returns: The stream. It throws only what ends all answers; what is wrong with one of them is an event.
    /// - Throws: `GenerationError` where an option is not valid.
    public func generate(
        _ requests: [AnswerRequest], options: DecodingOptions = DecodingOptions(),
        limits: GenerationRun.Limits = GenerationRun.Limits()
    ) throws -> AsyncThrowingStream<AnswerEvent, any Error> {
        var options = options
        if options.endTokens.isEmpty { options.endTokens = conventions.endTokens }
        options.answerCount = 1
        try options.validate()
        var failures: [(Int, any Error)] = [], numbers: [Int] = [], prompts: [[Int32]] = []
        for (number, request) in requests.enumerated() {
            do {
                let prompt = try encodedPrompt(request.prompt)
                try GenerationRun.validate(
                    prompt, index: number, after: request.prefix?.start, options: options, model: network)
                numbers.append(number)
                prompts.append(prompt)
            } catch {
                failures.append((number, error))
            }
        }
        let run = try GenerationRun(
            network, prompts: prompts, after: numbers.map { requests[$0].prefix?.start }, options: options,
            seeds: numbers.map { requests[$0].seed ?? options.continuing(afterPrompts: $0).seed }, limits: limits,
            tokenizer: tokenizer, cacheType: cacheType)
        let empty = AnswerText(tokenizer, options: options)
        let (stream, continuation) = AsyncThrowingStream<AnswerEvent, any Error>.makeStream()
        let task = Task { @Compute in
            for (number, error) in failures { continuation.yield(.failed(request: number, error)) }
            var texts = numbers.map { _ in (decoder: empty, said: "") }
            while !Task.isCancelled, let step = run.advance() {
                for (index, (place, _, token)) in step.tokens.enumerated() {
                    let text = texts[place].decoder.append(token)
                    texts[place].said += text
                    let known = step.logProbabilities.isEmpty ? nil : step.logProbabilities[index]
                    continuation.yield(
                        .token(request: numbers[place], .init(id: token, text: text, logProbability: known)))
                }
                for (place, _, generation) in step.finished {
                    let rest = texts[place].decoder.finish()
                    continuation.yield(
                        .ended(
                            request: numbers[place],
                            .init(
                                text: texts[place].said + rest, rest: rest, generation: generation,
                                promptTokens: prompts[place].count)))
                }
                // The run numbers the prompts that it was given.
                for (place, _) in step.failed {
                    let number = numbers[place]
                    continuation.yield(.failed(request: number, GenerationError.notFinite(index: number)))
                }
                await Task.yield()
            }
            continuation.finish()
        }
        continuation.onTermination = { _ in task.cancel() }
        return stream
    }
}

extension AdaptedModel {
    /// Answers many texts after the model's own prefix; see `LanguageModel.generate(_:options:limits:)`.
    ///
    /// - Parameters:
    ///   - prompts: Used as given: no template of a task is applied.
    ///   - options: How tokens are chosen.
    ///   - limits: How much goes through the model at once; prompts beyond wait.
    /// - Returns: What happens, each prompt being the request of its number.
    /// - Throws: `GenerationError` where an option is not valid.
    public func generate(
        _ prompts: [String], options: DecodingOptions = DecodingOptions(),
        limits: GenerationRun.Limits = GenerationRun.Limits()
    ) throws -> AsyncThrowingStream<AnswerEvent, any Error> {
        try model.generate(prompts.map { AnswerRequest($0, after: prefix) }, options: options, limits: limits)
    }
}
