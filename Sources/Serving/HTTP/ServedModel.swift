import ChatTemplates
import Foundation
import LanguageModels
import Tensors
import Tokenizers

/// The resident model, as requests see it: what of it may be asked from everywhere.
package struct ServedModel: Sendable {
    /// The model.
    package let model: LanguageModel
    /// What clients call it.
    package let name: String
    /// When it was loaded, in seconds since 1970.
    package let created: Int
    /// The first token of its decoder, where it reads the prompt with an encoder.
    package let startToken: Int32?
    /// How it writes conversations, before prefixes that were trained with no other template; nil where it has none.
    package let template: ChatTemplate?

    /// A model.
    @Compute package init(_ model: LanguageModel, name: String, template: ChatTemplate? = nil) {
        self.model = model
        self.name = name
        self.template = template
        created = Int(Date().timeIntervalSince1970)
        startToken = model.network.startToken
    }

    /// Its tokenizer.
    package var tokenizer: Tokenizer { model.tokenizer }
    /// Its sizes.
    package var shape: ModelShape { model.configuration.shape }
    /// Positions of its decoder.
    package var positions: Int { shape.positionCount }
    /// Tokens that it knows.
    package var vocabularySize: Int { shape.vocabularySize }

    /// What it reads of a text: of an empty one the token that begins texts.
    ///
    /// - Parameter addingSpecialTokens: Whether what the tokenizer puts before every text belongs to it; a chat template has
    ///   written that.
    package func tokens(of text: String, addingSpecialTokens: Bool = true) throws(ServingError) -> [Int32] {
        let tokens: [Int32]
        do {
            if startToken != nil {
                tokens = try tokenizer.encode(text, addingSpecialTokens: addingSpecialTokens)
            } else {
                let before = addingSpecialTokens ? tokenizer.specialTokensAround.before : []
                tokens = before + (try tokenizer.encode(text))
            }
        } catch {
            throw .outOfRange(field: "prompt", value: "a text that cannot be tokenised", range: "\(error)")
        }
        guard tokens.isEmpty else { return tokens }
        guard let begin = model.conventions.beginToken else {
            throw .outOfRange(
                field: "prompt", value: "empty", range: "at least one token: this model has none to begin with")
        }
        return [begin]
    }

    /// A conversation as text.
    ///
    /// - Parameter trained: The template that the prefixes were trained with, where it is not the model's own.
    /// - Throws: ``ServingError/noChatTemplate(model:)``, ``ServingError/template(reason:)``.
    package func text(of conversation: ChatRequest.Conversation, as trained: ChatTemplate?) throws(ServingError)
        -> String
    {
        guard let template = trained ?? template else { throw .noChatTemplate(model: name) }
        var tokens: [String: String] = [:]
        func set(_ name: String, _ token: Int32?) {
            if let text = token.flatMap({ tokenizer.token(for: $0) }) { tokens[name] = text }
        }
        set("bos_token", tokenizer.beginningOfText ?? model.conventions.beginToken)
        set("eos_token", tokenizer.endOfText ?? model.conventions.endTokens.first)
        set("unk_token", tokenizer.unknown)
        set("pad_token", tokenizer.padding)
        do {
            return try template.render(
                messages: conversation.messages, tools: conversation.tools, documents: conversation.documents,
                ending: conversation.ending, tokens: tokens, variables: conversation.variables
            ).text
        } catch ChatTemplateError.raised(_, _, let message) {
            throw .template(reason: message)
        } catch {
            throw .template(reason: "\(error)")
        }
    }

    /// How many positions of the decoder a prompt takes.
    package func positions(of prompt: [Int32]) -> Int { startToken == nil ? prompt.count : 1 }
}
