/// How the prompt and the completion of an ``Example`` become one token sequence.
///
/// A format is a list of pieces. Neighbouring texts are joined before they are tokenized; the end-of-text token is never
/// text, so it separates them, exactly as a tokenizer separates a special token from what surrounds it.
public struct TaskFormat: Equatable, Sendable {
    /// A part of the sequence.
    public enum Piece: Equatable, Sendable {
        /// Fixed text.
        case text(String)
        /// The example's prompt.
        case prompt
        /// The example's completion.
        case completion
        /// The end-of-text token, which GPT-2 uses as begin mark too.
        case endOfText
    }

    /// What to do with an example that is longer than the limit.
    public enum Overflow: String, CaseIterable, Codable, Sendable {
        /// Throw ``DataError/tooLong(_:tokens:limit:)``.
        case fail
        /// Leave the example out.
        case skip
        /// Keep the first tokens.
        case truncate
    }

    /// What the model is given.
    public var promptPieces: [Piece]
    /// What the model should say; tokenized separately from the prompt. The loss counts these tokens only.
    public var completionPieces: [Piece]
    /// What to do with long examples.
    public var overflow: Overflow
    /// The largest number of tokens of a source, with the special tokens around it, which stay; what is longer loses the
    /// end of its text, whatever ``overflow`` says. Nil for no limit.
    public var sourceLimit: Int?
    /// The same for a target, its end mark included.
    public var targetLimit: Int?
    /// How conversations are written: of data that is such. It does not go by the pieces and limits above.
    public var chat: ChatForm?

    /// A format; see the properties.
    public init(
        promptPieces: [Piece], completionPieces: [Piece], overflow: Overflow, sourceLimit: Int? = nil,
        targetLimit: Int? = nil
    ) {
        self.promptPieces = promptPieces
        self.completionPieces = completionPieces
        self.overflow = overflow
        self.sourceLimit = sourceLimit
        self.targetLimit = targetLimit
    }

    /// The template of the paper's authors: space, prompt, space, end-of-text, space, completion, space, end-of-text.
    ///
    /// The spaces matter: with GPT-2's tokenizer the one before the mark is a token of its own (220).
    public static let tableToText = TaskFormat(
        promptPieces: [.text(" "), .prompt, .text(" "), .endOfText],
        completionPieces: [.text(" "), .completion, .text(" "), .endOfText],
        overflow: .truncate)

    /// Prompt and completion as given, tokenized separately and joined; the completion is followed by end-of-text.
    public static let plain = TaskFormat(
        promptPieces: [.prompt], completionPieces: [.completion, .endOfText], overflow: .fail)

    /// The authors' summarisation: sources are cut at 512 tokens and targets at 60, special tokens included. In a
    /// decoder-only model a line break separates the two.
    public static let summarization = TaskFormat(
        promptPieces: [.prompt, .text("\n")], completionPieces: [.completion, .endOfText], overflow: .truncate,
        sourceLimit: 512, targetLimit: 60)
}
