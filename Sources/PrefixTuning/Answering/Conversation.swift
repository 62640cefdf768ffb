import ChatTemplates
import LanguageModels
import Tensors

/// A conversation with an adapted model: messages and answers in turn, each answer after all that was said before it.
///
/// ```swift
/// var conversation = Conversation(with: model, format: format, options: options, system: "Be brief.")
/// let reply = try conversation.answer("Who wrote Faust?", piece: { print($0, terminator: "") })
/// ```
///
/// Where a conversation grows beyond the model's positions, its oldest messages are left out, but for the system's.
@Compute public struct Conversation {
    /// An answer.
    public struct Reply: Equatable, Sendable {
        /// Its text.
        public let text: String
        /// Its tokens, and why it ends.
        public let generation: Generation
        /// How many tokens the model read before it.
        public let promptTokens: Int
        /// How many of the oldest messages it was given without: more than before where others had to go.
        public let forgotten: Int
    }

    /// What answers.
    public let model: AdaptedModel
    /// How messages become tokens.
    public let format: ChatFormat
    /// How answers are chosen; of the draws of several answers each has its own.
    public var options: DecodingOptions
    /// What else the template looks at.
    public var variables: [String: ChatValue]
    /// What was said: the system's message first where there is one, then messages and answers in turn.
    public private(set) var messages: [ChatValue]
    /// How many of the oldest messages no longer fit.
    public private(set) var forgotten = 0
    private let system: [ChatValue]
    private var turns = 0

    /// A conversation that has not begun.
    ///
    /// - Parameters:
    ///   - model: What answers.
    ///   - format: How messages become tokens.
    ///   - options: How answers are chosen. They end at the model's own end tokens where none are given.
    ///   - system: What the model is told first; nothing where nil.
    ///   - variables: What else the template looks at.
    public init(
        with model: AdaptedModel, format: ChatFormat, options: DecodingOptions, system: String? = nil,
        variables: [String: ChatValue] = [:]
    ) {
        self.model = model
        self.format = format
        self.options = options
        if options.endTokens.isEmpty { self.options.endTokens = model.model.conventions.endTokens }
        self.options.answerCount = 1
        self.variables = variables
        self.system = system.map { [.message(role: "system", content: $0)] } ?? []
        messages = self.system
    }

    /// Forgets what was said.
    public mutating func reset() {
        messages = system
        forgotten = 0
    }

    /// Answers a message. Where it cannot be answered, or whoever waits stops, the conversation is as before.
    ///
    /// - Parameters:
    ///   - text: The message.
    ///   - willStep: Called before every step; may throw to stop.
    ///   - piece: Given the answer as it grows, whole characters at a time.
    /// - Throws: `ChatError`, `ChatTemplateError`, `GenerationError`; what the closures throw.
    public mutating func answer(
        _ text: String, willStep: () throws -> Void = {}, piece: (String) throws -> Void = { _ in }
    ) throws -> Reply {
        let asked = messages + [.message(role: "user", content: text)]
        let (prompt, forgotten, room) = try fitting(asked)
        var options = options.continuing(afterPrompts: turns)
        options.maxNewTokens = min(options.maxNewTokens, room)
        options.minNewTokens = min(options.minNewTokens, options.maxNewTokens)
        let run = try GenerationRun(
            model.model.network, prompts: [prompt], after: [model.start], options: options,
            tokenizer: model.model.tokenizer, cacheType: model.model.cacheType)
        var answer = AnswerText(model.model.tokenizer, options: options), said = "", generation: Generation?
        func say(_ text: String) throws {
            guard !text.isEmpty else { return }
            said += text
            try piece(text)
        }
        while true {
            try willStep()
            guard let step = try run.next() else { break }
            for (_, _, token) in step.tokens { try say(answer.append(token)) }
            generation = step.finished.first?.generation ?? generation
        }
        try say(answer.finish())
        guard let generation else { throw GenerationError.notFinite(index: 0) }
        messages = asked + [.message(role: "assistant", content: said)]
        turns += 1
        self.forgotten = forgotten
        return Reply(text: said, generation: generation, promptTokens: prompt.count, forgotten: forgotten)
    }

    /// The tokens of the messages that fit, how many were left out, and how many new tokens there is room for.
    private func fitting(_ messages: [ChatValue]) throws -> (tokens: [Int32], forgotten: Int, room: Int) {
        var forgotten = forgotten
        while true {
            let kept = system + messages.dropFirst(system.count + forgotten)
            let tokens = try format.prompt(kept, variables: variables).tokens
            let room = model.positions - tokens.count + options.unreadTokens
            let isLast = kept.count <= system.count + 1
            // The last message alone may leave an answer less room than it was allowed.
            if room >= options.maxNewTokens || (isLast && room > 0) { return (tokens, forgotten, room) }
            guard !isLast else { throw ChatError.tooLong(tokens: tokens.count, positions: model.positions) }
            // A message and its answer: turns go on alternating.
            forgotten += 2
        }
    }
}
