import LanguageModels
import Tensors

/// An answer to a prompt.
public struct Answer: Equatable, Sendable {
    /// Its text; see ``AnswerOptions/text(of:_:)``.
    public let text: String
    /// Its tokens, and what the model thought of them.
    public let generation: Generation

    /// An answer.
    public init(text: String, generation: Generation) {
        self.text = text
        self.generation = generation
    }
}

/// Answers prompts of a task with an adapted model, in common batches and in their order.
///
/// ```swift
/// let run = try AnswerRun(TuningTask.e2e.readPrompts(file), by: model, options: AnswerOptions(.e2e, for: model.model))
/// try run.answers { index, answers in print(answers[0].text) }
/// ```
@Compute public struct AnswerRun {
    /// What is answered.
    public let examples: [Example]
    /// What the model is given, one for each example.
    public let prompts: [[Int32]]
    /// How answers are chosen and cleaned.
    public let options: AnswerOptions
    /// Whether the maximum length was lowered so that the longest prompt and its answer fit.
    public let isShortened: Bool
    /// What answers.
    public let model: AdaptedModel
    private let limits: GenerationRun.Limits

    /// A run that has not begun.
    ///
    /// - Parameters:
    ///   - examples: Their prompts are answered.
    ///   - model: Answers them.
    ///   - format: How prompts are made of the examples; the task's own unless given.
    ///   - options: How answers are chosen.
    ///   - batchSize: Prompts that are answered at a time; nil for as many as go well together.
    ///   - isFitting: Whether a task's own length may be lowered to what the model has positions for.
    /// - Throws: `DataError` or ``AnsweringError``, naming the file and line of a prompt that is empty or does not fit.
    public init(
        _ examples: [Example], by model: AdaptedModel, format: TaskFormat? = nil, options: AnswerOptions,
        batchSize: Int? = nil, isFitting: Bool = false
    ) throws {
        let tokenizer = model.tokenizer(format ?? options.task.format)
        try self.init(
            examples, prompts: try examples.map { try tokenizer.prompt($0) }, by: model, options: options,
            batchSize: batchSize, isFitting: isFitting)
    }

    /// A run over prompts that are tokens already, such as those of conversations.
    ///
    /// - Parameters:
    ///   - examples: Where the prompts come from, and how they read.
    ///   - prompts: What the model is given, one for each example.
    ///   - model: Answers them.
    ///   - options: How answers are chosen.
    ///   - batchSize: Prompts that are answered at a time; nil for as many as go well together.
    ///   - isFitting: Whether a task's own length may be lowered to what the model has positions for.
    /// - Throws: ``AnsweringError``, naming the file and line of a prompt that does not fit.
    public init(
        _ examples: [Example], prompts: [[Int32]], by model: AdaptedModel, options: AnswerOptions,
        batchSize: Int? = nil, isFitting: Bool = false
    ) throws {
        let positions = model.positions
        // The decoder of an encoder–decoder model begins with one token, whatever the prompt.
        let hasEncoder = model.model.network.startToken != nil
        func length(_ prompt: [Int32]) -> Int { hasEncoder ? 1 : prompt.count }
        var options = options
        isShortened =
            isFitting
            && options.fit(
                positions - (prompts.map(length).max() ?? 0) + options.decoding.unreadTokens)
        let newTokens = options.decoding.maxNewTokens
        for (example, prompt) in zip(examples, prompts)
        where length(prompt) + newTokens - options.decoding.unreadTokens > positions {
            throw AnsweringError.promptTooLong(
                example.location, tokens: length(prompt), newTokens: newTokens, positions: positions)
        }
        self.examples = examples
        self.model = model
        self.prompts = prompts
        self.options = options
        limits =
            batchSize.map { GenerationRun.Limits(prompts: $0, rowsEach: options.decoding.width) }
            ?? GenerationRun.Limits()
    }

    /// Number of prompts.
    public var count: Int { prompts.count }

    /// Answers the prompts.
    ///
    /// - Parameters:
    ///   - first: Number of the first prompt to be answered; the answers are those that a run over all prompts gives.
    ///   - willStep: Called before every step; may throw to stop.
    ///   - receive: Given the number of a prompt and its answers, in beam search the best first; prompts in their order,
    ///     each as soon as it and those before it are answered.
    /// - Throws: `GenerationError`; what the closures throw.
    public func answers(
        from first: Int = 0, willStep: () throws -> Void = {},
        receive: (_ index: Int, _ answers: [Answer]) throws -> Void
    ) throws {
        let run = try begin(from: first)
        var waiting: [Int: [(answer: Int, generation: Generation)]] = [:], done: Set<Int> = [], next = 0
        while true {
            try willStep()
            guard let step = try run.next() else { break }
            for (prompt, answer, generation) in step.finished {
                waiting[prompt, default: []].append((answer, generation))
            }
            done.formUnion(step.answered)
            while done.remove(next) != nil {
                let found = waiting.removeValue(forKey: next)?.sorted { $0.answer < $1.answer } ?? []
                try receive(first + next, found.map { answer($0.generation) })
                next += 1
            }
        }
    }

    /// Answers the first prompt.
    ///
    /// - Parameters:
    ///   - willStep: Called before every step; may throw to stop.
    ///   - piece: Given the text as it grows, whole characters at a time, and not cleaned.
    public func stream(willStep: () throws -> Void = {}, piece: (String) throws -> Void) throws {
        let run = try begin()
        var answer = AnswerText(model.model.tokenizer, options: options.decoding)
        while true {
            try willStep()
            guard let step = try run.next() else { break }
            for (_, _, token) in step.tokens { try piece(answer.append(token)) }
        }
        try piece(answer.finish())
    }

    /// What was generated, as an answer.
    public func answer(_ generation: Generation) -> Answer {
        Answer(text: options.text(of: generation, model.model.tokenizer), generation: generation)
    }

    private func begin(from first: Int = 0) throws -> GenerationRun {
        let rest = Array(prompts[first...]), start = model.start
        return try GenerationRun(
            model.model.network, prompts: rest, after: rest.map { _ in start },
            options: options.decoding.continuing(afterPrompts: first), limits: limits,
            tokenizer: model.model.tokenizer, cacheType: model.model.cacheType)
    }
}
