/// How the answer to a prompt is chosen: one set of options for greedy search, beam search and sampling.
///
/// Names and meanings follow `transformers`, so that equal settings give equal tokens. Every length counts generated
/// tokens, and every look back (repetition, n-grams, forbidden sequences) sees prompt and answer; a prefix has no
/// tokens and counts nowhere but in the model's positions.
public struct DecodingOptions: Equatable, Sendable {
    /// How the next token is chosen.
    public enum Strategy: Equatable, Sendable, Codable {
        /// The most probable token.
        case greedy
        /// The best answers of each step, side by side; of width 1 it is ``greedy``.
        case beam(width: Int)
        /// A token drawn from the model's distribution, as the sampling options shape it.
        case sample
        /// Of the most probable tokens (`top_k`), the one that is probable and unlike all that was said before: by
        /// (1 − α) · probability − α · the greatest cosine of its hidden state with one before (Su et al. 2022). α is
        /// `penalty_alpha`.
        case contrastive(alpha: Double, candidates: Int)
    }

    /// When a beam search is over that has found as many answers as it is wide.
    public enum EarlyStopping: String, Equatable, Sendable, Codable {
        /// When the best unfinished answer, scored at its present length, is no better than the worst found.
        case no
        /// At once.
        case yes
        /// As ``no``, but where the length penalty favours long answers, scored at the maximum length.
        case never
    }

    /// How the next token is chosen.
    public var strategy: Strategy
    /// How many answers a prompt gets (`num_return_sequences`): drawn independently, or the best of a beam search, which
    /// must be at least as wide.
    public var answerCount = 1
    /// The largest number of tokens of an answer, its end token included.
    public var maxNewTokens: Int
    /// Neither an end token nor a stop token is chosen before the answer has this many tokens.
    public var minNewTokens = 0
    /// Tokens that end an answer, and belong to it.
    public var endTokens: [Int32]
    /// Whether an answer goes on after end tokens, which are then tokens like others (`ignore_eos` of vLLM and llama.cpp).
    public var ignoresEndTokens = false
    /// Further tokens that end an answer and belong to it, apart from what the model's makers prescribe (`stop_token_ids` of
    /// vLLM): they end it whether or not end tokens are ignored, and the answer tells that it was one of these.
    public var stopTokens: [Int32] = []
    /// Texts that end an answer as soon as it contains one (`stop_strings`), wherever the borders of its tokens are.
    ///
    /// The tokens up to there belong to the answer, as in `transformers`; its text ends before the stop text
    /// (``AnswerText``). What the prompt says does not count, and ``minNewTokens`` does not put off a stop.
    public var stopTexts: [String] = []

    /// The only token that an answer may begin with (`forced_bos_token_id`); nil for any.
    public var forcedFirstToken: Int32?
    /// The only token that an answer of the maximum length may end with (`forced_eos_token_id`); nil for any.
    public var forcedLastToken: Int32?

    /// Beam search: answers are compared by log-probability / length^penalty. Above 0 favours long answers.
    public var lengthPenalty = 1.0
    /// Beam search: when to stop looking for better answers.
    public var earlyStopping = EarlyStopping.no

    /// Added to the scores of single tokens, before everything else that changes scores (`sequence_bias` of `transformers`, for
    /// sequences of one token; `logit_bias` of OpenAI and vLLM): a token's id, and what is added.
    public var logitBias: [Int: Double] = [:]
    /// No run of this many tokens occurs twice; 0 allows all.
    public var noRepeatNGramSize = 0
    /// Divides positive scores, and multiplies negative ones, of tokens that occurred; 1 changes nothing.
    public var repetitionPenalty = 1.0
    /// Taken from the score of every token that the answer already has; 0 changes nothing.
    ///
    /// With ``frequencyPenalty`` this is OpenAI's definition, as vLLM and llama.cpp have it: the score of a token that
    /// occurs n times among the generated tokens becomes score − n · frequency − (n > 0 ? presence : 0), after the
    /// repetition penalty and before the temperature. The prompt does not count.
    public var presencePenalty = 0.0
    /// Taken from the score of a token once for each time that the answer has it; 0 changes nothing.
    public var frequencyPenalty = 0.0
    /// Tokens that are never chosen, end tokens included.
    public var forbiddenTokens: [Int32] = []
    /// Sequences that never occur: their last token is not chosen after the others. A single end token is ignored.
    public var forbiddenSequences: [[Int32]] = []

    /// Sampling: divides the scores; below 1 favours probable tokens.
    public var temperature = 1.0
    /// Sampling: only the k most probable tokens, and those equal to the last of them; 0 keeps all.
    public var topK = 0
    /// Sampling: only the most probable tokens that together reach this probability (Holtzman et al. 2020).
    public var topP = 1.0
    /// Sampling: only tokens with at least this fraction of the largest probability.
    public var minP = 0.0
    /// Sampling: fixes the draws. The i-th prompt of a call has draws of its own for each of its answers, whatever is
    /// decoded beside it.
    public var seed: UInt64 = 0

    /// Whether answers tell the log-probability of each of their tokens, and of how many most probable tokens beside it;
    /// nil for neither.
    ///
    /// They are the model's own: of softmax over its scores, before temperature, penalties and everything else that these
    /// options change.
    public var logProbabilities: Int?

    /// Options; the others have values that change nothing.
    public init(_ strategy: Strategy = .greedy, maxNewTokens: Int = 100, endTokens: [Int32] = []) {
        self.strategy = strategy
        self.maxNewTokens = maxNewTokens
        self.endTokens = endTokens
    }

    /// What the authors of prefix-tuning decode tables with: beam search of width 5, length penalty 1, at most 100 new
    /// tokens, no line breaks.
    ///
    /// - Parameters:
    ///   - lineBreaks: The tokens of line breaks; 198 and 628 in GPT-2's vocabulary.
    ///   - endTokens: What ends an answer.
    public static func tableToText(forbidding lineBreaks: [Int32], endTokens: [Int32]) -> DecodingOptions {
        var options = DecodingOptions(.beam(width: 5), maxNewTokens: 100, endTokens: endTokens)
        options.forbiddenTokens = lineBreaks
        return options
    }

    /// What the authors of prefix-tuning summarise XSUM with: beam search of width 6, length penalty 0.8, at least 11 and
    /// at most 62 tokens as `transformers` counts them (the start token included), the last of them the end token, no
    /// run of three tokens twice.
    public static func summarization(endToken: Int32) -> DecodingOptions {
        var options = DecodingOptions(.beam(width: 6), maxNewTokens: 61, endTokens: [endToken])
        options.minNewTokens = 10
        options.forcedLastToken = endToken
        options.lengthPenalty = 0.8
        options.earlyStopping = .yes
        options.noRepeatNGramSize = 3
        return options
    }

    /// Options for a call that leaves out the first prompts of another one: with them, the others have the same draws.
    public func continuing(afterPrompts count: Int) -> DecodingOptions {
        var options = self
        options.seed = Sampler.seed(self, prompt: count, answer: 0)
        return options
    }

    /// Whether answers are compared as wholes, side by side; else the tokens of an answer are certain one by one.
    public var isBeamSearch: Bool { if case .beam(let width) = strategy { width > 1 } else { false } }

    /// How many of an answer's tokens the model need not have read when it is complete: the last, which contrastive search alone
    /// judges by what the model makes of it.
    package var unreadTokens: Int { if case .contrastive = strategy { 0 } else { 1 } }

    /// What ends an answer: end tokens, unless they are ignored, and stop tokens.
    var endingTokens: [Int32] { (ignoresEndTokens ? [] : endTokens) + stopTokens }

    /// Rows of a step per prompt: beams, candidates, or answers.
    public var width: Int {
        switch strategy {
        case .beam(let width): width
        case .contrastive(_, let candidates): candidates
        case .greedy, .sample: answerCount
        }
    }
}

// Reading is in a file of its own; writing is the compiler's.
extension DecodingOptions: Codable {
    enum CodingKeys: String, CodingKey {
        case strategy, answerCount, maxNewTokens, minNewTokens, endTokens, ignoresEndTokens, stopTokens, stopTexts
        case forcedFirstToken, forcedLastToken, logitBias
        case lengthPenalty, earlyStopping, noRepeatNGramSize, repetitionPenalty, presencePenalty, frequencyPenalty
        case forbiddenTokens, forbiddenSequences, temperature, topK, topP, minP, seed, logProbabilities
    }
}
