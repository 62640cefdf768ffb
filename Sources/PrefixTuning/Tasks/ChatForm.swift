import ChatTemplates
import LanguageModels

/// How conversations become what a model reads and learns.
public struct ChatForm: Equatable, Sendable {
    /// Which tokens of a conversation the loss counts.
    public enum Loss: String, CaseIterable, Codable, Sendable {
        /// Those of the assistant's answers, with what ends them.
        case assistant
        /// All but the first.
        case all
    }

    /// The template and the tokenizer.
    public var format: ChatFormat
    /// What a conversation begins with that has no system's message; nothing where nil.
    public var system: String?
    /// What else the template looks at.
    public var variables: [String: ChatValue]
    /// What is learnt.
    public var loss: Loss
    /// Whether the template is another than the model's own: what is trained with it then takes it along (``TaskRecord``).
    public var carriesTemplate = false

    /// A form; see the properties.
    public init(
        _ format: ChatFormat, system: String? = nil, variables: [String: ChatValue] = [:], loss: Loss = .assistant
    ) {
        self.format = format
        self.system = system
        self.variables = variables
        self.loss = loss
    }

    /// Equal where their templates are, and all else is.
    public static func == (a: ChatForm, b: ChatForm) -> Bool {
        a.format.templates.all.source == b.format.templates.all.source
            && a.format.templates.tools?.source == b.format.templates.tools?.source && a.system == b.system
            && a.variables == b.variables && a.loss == b.loss
    }

    private func complete(_ messages: [ChatValue]) -> [ChatValue] {
        guard let system, messages.first?["role"] != "system" else { return messages }
        return [.message(role: "system", content: system)] + messages
    }

    /// What a model reads before it answers. Answers that a conversation of a data set ends with are left out.
    ///
    /// - Throws: ``DataError``, naming file, line and message.
    public func prompt(_ example: ChatExample) throws -> ChatFormat.Prompt {
        do {
            let asked = example.messages.reversed().drop { $0["role"] == "assistant" }.reversed()
            guard !asked.isEmpty else {
                throw ChatError.nothingToAnswer(role: example.messages.isEmpty ? nil : "assistant")
            }
            return try format.prompt(
                complete(Array(asked)), tools: example.tools, documents: example.documents, variables: variables)
        } catch {
            throw DataError.badConversation(example.location, reason: "\(error)")
        }
    }

    /// A conversation to learn.
    ///
    /// - Parameters:
    ///   - limit: Tokens that fit.
    ///   - overflow: What to do with more.
    /// - Returns: Nil where it is to be skipped.
    /// - Throws: ``DataError``, naming file, line and message, also where it does not fit, or has no answer.
    func tokens(
        of example: ChatExample, limit: Int, overflow: TaskFormat.Overflow
    ) throws -> TokenizedExample? {
        let written: ChatFormat.Prompt
        do {
            let messages = complete(example.messages)
            switch loss {
            case .assistant:
                written = try format.conversation(
                    messages, tools: example.tools, documents: example.documents, variables: variables)
            case .all:
                written = try format.prompt(
                    messages, tools: example.tools, documents: example.documents, ending: .message, variables: variables
                )
            }
        } catch {
            throw DataError.badConversation(example.location, reason: "\(error)")
        }
        var tokens = written.tokens[...]
        if tokens.count > limit {
            switch overflow {
            case .truncate: tokens = tokens.prefix(limit)
            case .skip: return nil
            case .fail: throw DataError.tooLong(example.location, tokens: tokens.count, limit: limit)
            }
        }
        // The first token is predicted from none.
        let counts =
            loss == .all ? tokens.indices.map { $0 > 0 } : tokens.indices.map { $0 > 0 && written.isGenerated[$0] }
        guard let first = counts.firstIndex(of: true), let last = counts.lastIndex(of: true) else {
            if tokens.count < written.tokens.count {
                throw DataError.nothingToLearn(example.location, promptTokens: tokens.count, limit: limit)
            }
            throw DataError.missingCompletion(example.location)
        }
        let isCounted = Array(counts[first...last])
        return TokenizedExample(
            tokens: Array(tokens[...last]), targetStart: first, isCounted: isCounted.contains(false) ? isCounted : nil)
    }
}
