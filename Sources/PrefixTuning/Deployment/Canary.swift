import LanguageModels
import Tensors
import Tokenizers

/// A prompt and what our engine answers to it with a prefix: what another program's answer is compared with.
public struct Canary: Equatable, Sendable {
    /// The prompt.
    public let prompt: String
    /// Its tokens, with those that go before every text.
    public let promptTokens: [Int32]
    /// The answer, greedy.
    public let answerTokens: [Int32]
    /// The answer as text.
    public let answer: String
    /// How far each token's logit lies above the next best one's.
    public let margins: [Float]
    /// The answer where the placeholders are evaluated and there is no prefix.
    public let answerToPlaceholders: [Int32]

    /// Prompts of which one as a rule tells a prefix from its placeholders.
    public static let prompts = [
        "name : Alimentum | Type : restaurant | area : city centre", "The weather today is",
        "Question: What is the capital of France?\nAnswer:", "Once upon a time",
    ]

    /// Tokens of an answer.
    static let length = 16

    /// Answers the first of some prompts by whose answer a prefix is told soonest from its placeholders.
    ///
    /// - Parameters:
    ///   - prefix: As the server will have it: rounded to its type.
    ///   - placeholders: What stands for it in prompts.
    /// - Throws: `GenerationError`, ``PrefixError`` where the prefix belongs to another model, `TokenizerError`.
    @Compute public init(
        _ prefix: Prefix, placeholders: [Int32], on model: LanguageModel, prompts: [String] = Self.prompts
    ) throws {
        let encoded = try prompts.map { (text: $0, tokens: try model.encodedPrompt($0)) }.filter { !$0.tokens.isEmpty }
        guard !encoded.isEmpty else {
            throw PrefixError.badInitialText(tokens: 0, length: nil)
        }
        var options = DecodingOptions(maxNewTokens: Self.length, endTokens: model.conventions.endTokens)
        options.logProbabilities = 2
        let room = model.network.shape.positionCount - prefix.length
        let fitting = encoded.filter { $0.tokens.count + Self.length <= room }
        if fitting.isEmpty { options.maxNewTokens = max(1, room - (encoded.map(\.tokens.count).min() ?? 0)) }
        let chosen = fitting.isEmpty ? Array(encoded.prefix(1)) : fitting
        let generator = Generator(model.network, tokenizer: model.tokenizer)
        let start = try prefix.keyValues(for: model.network.shape)
        let answers = try generator.generate(chosen.map(\.tokens), after: start, options: options)
        let others = try generator.generate(
            chosen.map { placeholders + $0.tokens }, after: nil as InitialKeyValues?, options: options)
        let shared = zip(answers, others).map { Self.agreement($0.tokenIds, $1.tokenIds) }
        let best = shared.indices.min { shared[$0] < shared[$1] } ?? 0
        prompt = chosen[best].text
        promptTokens = chosen[best].tokens
        answerTokens = answers[best].tokenIds
        answer = model.tokenizer.decode(answers[best].tokenIds, skippingSpecialTokens: true)
        margins = (answers[best].logProbabilities ?? []).map { token in
            token.best.count > 1 ? token.best[0].logProbability - token.best[1].logProbability : 0
        }
        answerToPlaceholders = others[best].tokenIds
    }

    /// How many tokens two answers begin with in common.
    static func agreement(_ one: [Int32], _ other: [Int32]) -> Int {
        zip(one, other).prefix { $0 == $1 }.count
    }
}
