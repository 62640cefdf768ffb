import LanguageModels
import Tensors
import Tokenizers

/// Turns the examples of a task into what a model reads, whether it is decoder-only or has an encoder.
///
/// A decoder-only model reads prompt and completion as one sequence, joined as the ``TaskFormat`` says, after the tokens
/// that its tokenizer puts before every text (`</s>` for OPT, `<s>` for Llama, none for GPT-2), or after the token that
/// begins texts where the prompt would be empty. In an
/// encoder–decoder model the prompt goes to the encoder and the completion to the decoder, after its start token, each
/// with the special tokens that the tokenizer puts around a text.
@Compute public struct ExampleTokenizer {
    private let model: LanguageModel
    private let format: TaskFormat
    private let positions: Int

    /// A tokenizer of examples.
    ///
    /// - Parameter reservedPositions: Positions of the model that are not left for text: a prefix's.
    public init(_ model: LanguageModel, format: TaskFormat, reservedPositions: Int = 0) {
        self.model = model
        self.format = format
        positions = model.network.shape.positionCount - reservedPositions
    }

    /// What the model is given to answer.
    ///
    /// - Returns: The source of an encoder–decoder model; else the prompt.
    /// - Throws: ``DataError/emptyPrompt(_:)``, or ``DataError/tooLong(_:tokens:limit:)`` for a source that does not fit.
    public func prompt(_ example: Example) throws -> [Int32] {
        if let conversation = example.conversation { return try form(example).prompt(conversation).tokens }
        var tokens: [Int32]
        if model.network.startToken != nil {
            tokens = try surrounded(example.prompt, limit: format.sourceLimit, in: example, skipping: false) ?? []
        } else {
            tokens = model.beginning(
                try format.promptTokens(for: example, endOfText: model.endOfText) { try model.tokenizer.encode($0) })
        }
        guard !tokens.isEmpty else { throw DataError.emptyPrompt(example.location) }
        return tokens
    }

    /// An example to learn or to score.
    ///
    /// - Returns: The tokens, or nil where the example is to be skipped.
    /// - Throws: ``DataError`` with file and line.
    public func example(_ example: Example) throws -> TokenizedExample? {
        if let conversation = example.conversation {
            return try form(example).tokens(of: conversation, limit: positions, overflow: format.overflow)
        }
        guard let start = model.network.startToken else {
            return try format.tokens(
                for: example, endOfText: model.endOfText, limit: positions, beginning: model.beginning
            ) { try model.tokenizer.encode($0) }
        }
        guard let completion = example.completion else { throw DataError.missingCompletion(example.location) }
        guard let source = try surrounded(example.prompt, limit: format.sourceLimit, in: example),
            let target = try surrounded(completion, limit: format.targetLimit, in: example)
        else { return nil }
        guard !source.isEmpty else { throw DataError.emptyPrompt(example.location) }
        guard !target.isEmpty else { throw DataError.missingCompletion(example.location) }
        // The start token takes the position that the last token does not need.
        return TokenizedExample(source: source, tokens: [start] + target, targetStart: 1)
    }

    private func form(_ example: Example) throws -> ChatForm {
        guard let form = format.chat, model.network.startToken == nil else {
            throw DataError.badConversation(
                example.location, reason: "\(ChatError.noTemplate(model: model.name))")
        }
        return form
    }

    /// A text with the tokenizer's special tokens around it, its end cut off where a limit, special tokens included, says
    /// so, or where it does not fit and is to be cut.
    private func surrounded(
        _ text: String, limit: Int?, in example: Example, skipping: Bool = true
    ) throws -> [Int32]? {
        let body = try model.tokenizer.encode(text), (before, after) = model.tokenizer.specialTokensAround
        func cut(to most: Int) -> [Int32] { before + body.prefix(max(0, most - before.count - after.count)) + after }
        let tokens = cut(to: limit ?? .max)
        guard tokens.count > positions else { return tokens }
        switch format.overflow {
        case .truncate: return cut(to: positions)
        case .skip where skipping: return nil
        case .skip, .fail: throw DataError.tooLong(example.location, tokens: tokens.count, limit: positions)
        }
    }
}
