import LanguageModels
import Tokenizers

/// How the prompts of a task are answered: decoded as in the paper, with the tokens that the model's makers prescribe, and
/// over both what a caller asks for; and how the text of an answer is then cleaned.
///
/// ```swift
/// var changes = DecodingChanges()
/// changes.maxNewTokens = 40
/// let options = try AnswerOptions(.e2e, for: model, changes: changes)
/// ```
public struct AnswerOptions: Sendable {
    /// What the prompts are of.
    public let task: TuningTask
    /// How tokens are chosen.
    public var decoding: DecodingOptions
    /// Whether the maximum length is the task's own, and may be lowered where the model has too few positions for it.
    public let hasDefaultLength: Bool

    /// Options for a model.
    ///
    /// - Throws: `TokenizerError` where words that are forbidden cannot be spelt.
    public init(_ task: TuningTask, for model: LanguageModel, changes: DecodingChanges = DecodingChanges()) throws {
        self.init(
            task, conventions: model.conventions, lineBreaks: model.tokenizer.lineBreaks, changes: changes)
        decoding.forbiddenSequences += try model.sequences(ofWords: changes.forbiddenWords)
    }

    /// Options for a model that is not at hand, to be validated; words are not forbidden in them.
    ///
    /// - Parameters:
    ///   - conventions: What ends an answer, and what the model's makers force.
    ///   - lineBreaks: The tokens of line breaks.
    public init(
        _ task: TuningTask, conventions: GenerationConventions, lineBreaks: [Int32] = [],
        changes: DecodingChanges = DecodingChanges()
    ) {
        self.task = task
        hasDefaultLength = changes.maxNewTokens == nil
        decoding = task.decoding(conventions, lineBreaks)
        decoding.endTokens = conventions.endTokens
        decoding.forcedFirstToken = conventions.forcedFirstToken
        decoding.forcedLastToken = conventions.forcedLastToken ?? decoding.forcedLastToken
        changes.apply(to: &decoding)
    }

    /// Lowers a length that nobody asked for to what there is room for.
    ///
    /// - Parameter room: New tokens that fit behind the prompt.
    /// - Returns: Whether it was lowered.
    mutating func fit(_ room: Int) -> Bool {
        guard hasDefaultLength, room < decoding.maxNewTokens, room > 0 else { return false }
        decoding.maxNewTokens = room
        decoding.minNewTokens = min(decoding.minNewTokens, room)
        return true
    }

    /// The text of an answer: without end token and stop text, and cleaned as the authors clean their answers to the task.
    public func text(of generation: Generation, _ tokenizer: Tokenizer) -> String {
        task.text(ofAnswer: AnswerText.text(of: generation.tokenIds, tokenizer, options: decoding))
    }
}
