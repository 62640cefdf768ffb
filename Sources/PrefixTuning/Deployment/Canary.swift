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

    /// Answers that of some prompts by whose answer a prefix is told most safely from its placeholders: none of the tokens up to the one
    /// at which the answers part is nearly a draw, which rounding could decide otherwise.
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
        var chosen = fitting
        if fitting.isEmpty, let shortest = encoded.min(by: { $0.tokens.count < $1.tokens.count }) {
            chosen = [shortest]
            options.maxNewTokens = max(1, room - shortest.tokens.count)
        }
        let generator = Generator(model.network, tokenizer: model.tokenizer)
        let start = try prefix.keyValues(for: model.network.shape)
        let answers = try generator.generate(chosen.map(\.tokens), after: start, options: options)
        let others = try generator.generate(
            chosen.map { placeholders + $0.tokens }, after: nil as InitialKeyValues?, options: options)
        let margins = answers.map { answer in
            (answer.logProbabilities ?? []).map { token in
                token.best.count > 1 ? token.best[0].logProbability - token.best[1].logProbability : 0
            }
        }
        let safety = answers.indices.map { index in
            Self.parting(answers[index].tokenIds, others[index].tokenIds).flatMap {
                margins[index].prefix($0 + 1).min()
            } ?? -1
        }
        let best = safety.indices.max { safety[$0] < safety[$1] } ?? 0
        prompt = chosen[best].text
        promptTokens = chosen[best].tokens
        answerTokens = answers[best].tokenIds
        answer = model.tokenizer.decode(answers[best].tokenIds, skippingSpecialTokens: true)
        self.margins = margins[best]
        answerToPlaceholders = others[best].tokenIds
    }

    /// The first token of an answer that another one has not; nil where there is none.
    static func parting(_ answer: [Int32], _ other: [Int32]) -> Int? {
        let shared = agreement(answer, other)
        return shared < answer.count ? shared : nil
    }

    /// How many tokens two answers begin with in common.
    static func agreement(_ one: [Int32], _ other: [Int32]) -> Int {
        zip(one, other).prefix { $0 == $1 }.count
    }
}
