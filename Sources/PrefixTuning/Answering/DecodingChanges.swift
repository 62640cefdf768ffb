import LanguageModels

/// What a caller asks for in decoding; what is nil or empty stays as the task and the model's makers have it.
///
/// Names and meanings are those of `DecodingOptions`.
public struct DecodingChanges: Equatable, Sendable {
    /// Greedy search, beam search, contrastive search or sampling.
    public var strategy: DecodingOptions.Strategy?
    /// How many answers a prompt gets.
    public var answerCount: Int?
    /// The largest number of tokens of an answer. A task's smallest number is lowered to it, unless one is given here.
    public var maxNewTokens: Int?
    /// The smallest number of tokens of an answer.
    public var minNewTokens: Int?
    /// Beam search: answers are compared by log-probability / length^penalty.
    public var lengthPenalty: Double?
    /// Beam search: when to stop looking for better answers.
    public var earlyStopping: DecodingOptions.EarlyStopping?
    /// No run of this many tokens occurs twice.
    public var noRepeatNGramSize: Int?
    /// Makes tokens that occurred less probable.
    public var repetitionPenalty: Double?
    /// Taken from the score of every token that the answer has.
    public var presencePenalty: Double?
    /// The same, once for each time that the answer has it.
    public var frequencyPenalty: Double?
    /// Tokens that are never chosen, beside those of the task.
    public var forbiddenTokens: [Int32] = []
    /// Words or texts that are never said, alone or after a blank.
    public var forbiddenWords: [String] = []
    /// Texts that end an answer.
    public var stopTexts: [String] = []
    /// Sampling: divides the scores.
    public var temperature: Double?
    /// Sampling: only the k most probable tokens.
    public var topK: Int?
    /// Sampling: only the most probable tokens that together reach this probability.
    public var topP: Double?
    /// Sampling: only tokens with this fraction of the largest probability.
    public var minP: Double?
    /// Sampling: fixes the draws.
    public var seed: UInt64?
    /// How many most probable tokens are told beside each one.
    public var logProbabilities: Int?

    /// No changes.
    public init() {}

    /// Changes options; ``forbiddenWords`` need a tokenizer and are left out.
    func apply(to options: inout DecodingOptions) {
        options.strategy = strategy ?? options.strategy
        options.answerCount = answerCount ?? options.answerCount
        options.maxNewTokens = maxNewTokens ?? options.maxNewTokens
        options.minNewTokens = minNewTokens ?? min(options.minNewTokens, options.maxNewTokens)
        options.lengthPenalty = lengthPenalty ?? options.lengthPenalty
        options.earlyStopping = earlyStopping ?? options.earlyStopping
        options.noRepeatNGramSize = noRepeatNGramSize ?? options.noRepeatNGramSize
        options.repetitionPenalty = repetitionPenalty ?? options.repetitionPenalty
        options.presencePenalty = presencePenalty ?? options.presencePenalty
        options.frequencyPenalty = frequencyPenalty ?? options.frequencyPenalty
        options.forbiddenTokens += forbiddenTokens
        options.stopTexts += stopTexts
        options.temperature = temperature ?? options.temperature
        options.topK = topK ?? options.topK
        options.topP = topP ?? options.topP
        options.minP = minP ?? options.minP
        options.seed = seed ?? options.seed
        options.logProbabilities = logProbabilities ?? options.logProbabilities
    }
}
