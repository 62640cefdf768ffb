import LanguageModels
import Tensors
import Tokenizers

/// The same inputs answered after several prefixes, and without one, over one resident model.
///
/// All answers are made in common batches: rows that come after different prefixes go through the model together, each
/// from the keys and values of its own prefix.
@Compute public struct SideBySide {
    private let model: any CausalModel
    private let starts: [InitialKeyValues?]
    private let prompts: [[Int32]]
    private var options: DecodingOptions
    private let limits: GenerationRun.Limits
    private let tokenizer: Tokenizer?
    private let cacheType: CacheType

    /// A comparison that has not begun.
    ///
    /// - Parameters:
    ///   - model: Predicts the tokens.
    ///   - starts: What every prompt is answered after: the keys and values of prefixes, nil for the model alone; at least one.
    ///   - prompts: At least one token each: what is continued, or the sources of an encoder–decoder model.
    ///   - options: How answers are chosen. Where they are drawn at random, every answer has draws of its own.
    ///   - limits: How much goes through the model at once, over all starts.
    ///   - tokenizer: The model's; needed where the options have stop texts.
    ///   - cacheType: How keys and values of what is read and written are held; those of the starts are as they are given.
    public init(
        _ model: any CausalModel, after starts: [InitialKeyValues?], prompts: [[Int32]], options: DecodingOptions,
        limits: GenerationRun.Limits = GenerationRun.Limits(), tokenizer: Tokenizer? = nil,
        cacheType: CacheType = .float32
    ) {
        self.cacheType = cacheType
        self.model = model
        self.starts = starts
        self.prompts = prompts
        self.options = options
        self.options.answerCount = 1
        self.limits = limits
        self.tokenizer = tokenizer
    }

    /// Answers all prompts.
    ///
    /// - Parameters:
    ///   - willStep: Called before every step; may throw to stop.
    ///   - receive: Given the number of a prompt and its answers, one for each start; prompts in their order, each as
    ///     soon as it and those before it are answered.
    /// - Throws: `GenerationError`, before anything is computed where a prompt or an option is not valid; what the
    ///   closures throw.
    public func run(
        willStep: () throws -> Void = {}, receive: (_ prompt: Int, _ answers: [Generation]) throws -> Void
    ) throws {
        let count = starts.count
        let run = try GenerationRun(
            model, prompts: prompts.flatMap { prompt in starts.map { _ in prompt } },
            after: prompts.flatMap { _ in starts }, options: options, limits: limits, tokenizer: tokenizer,
            cacheType: cacheType)
        var found: [Int: Generation] = [:], next = 0
        while true {
            try willStep()
            guard let step = try run.next() else { break }
            for (row, _, generation) in step.finished { found[row] = generation }
            while next < prompts.count {
                let answers = (next * count..<(next + 1) * count).compactMap { found[$0] }
                guard answers.count == count, count > 0 else { break }
                for row in next * count..<(next + 1) * count { found[row] = nil }
                try receive(next, answers)
                next += 1
            }
        }
    }

    /// Answers all prompts; see ``run(willStep:receive:)``.
    ///
    /// - Returns: For each prompt the answers, one for each start.
    public func answers() throws -> [[Generation]] {
        var answers: [[Generation]] = []
        try run { answers.append($1) }
        return answers
    }
}
