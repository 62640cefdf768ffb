import ChatTemplates
import Tokenizers

/// How a model takes conversations: its template, which makes one text of them, and its tokenizer, which makes tokens of that.
///
/// Equal to `apply_chat_template` of `transformers`: the tokenizer adds no special tokens, as the template has written those that belong
/// there, and they are found in the text by their names. So a message that contains such a name contains the token, there and here.
///
/// ```swift
/// let format = try ChatFormat(files, tokenizer: model.tokenizer)
/// let prompt = try format?.prompt([.message(role: "user", content: "Hello")]).tokens
/// ```
public struct ChatFormat: Sendable {
    /// A conversation as a model reads it.
    public struct Prompt: Equatable, Sendable {
        /// The text.
        public var text: String
        /// Its tokens.
        public var tokens: [Int32]
        /// Of each token, whether it belongs to what an assistant says, where the template marks that (`{% generation %}`); else
        /// all false.
        public var isGenerated: [Bool]
    }

    /// What conversations are written with.
    public struct Templates: Sendable {
        /// Writes conversations.
        public var all: ChatTemplate
        /// Writes conversations with tools, where the model has a template of its own for them.
        public var tools: ChatTemplate?

        /// One template, or two.
        public init(all: ChatTemplate, tools: ChatTemplate? = nil) {
            self.all = all
            self.tools = tools
        }

        /// What a model's files prescribe; nil where they have no template.
        ///
        /// - Throws: `ChatTemplateError` where a template is not valid; ``CheckpointError``, naming the file.
        public init?(_ files: any ModelFiles) throws {
            let templates = try files.chatTemplates, name = "the chat template of \(files.name)"
            // As transformers, which takes no other name for all conversations.
            guard let source = templates["default"] else { return nil }
            all = try ChatTemplate(source, name: name)
            tools = try templates["tool_use"].map { try ChatTemplate($0, name: "\(name), tool_use") }
        }
    }

    /// Write conversations.
    public let templates: Templates
    /// Makes tokens of the text.
    public let tokenizer: Tokenizer

    /// A format from its parts.
    public init(_ templates: Templates, tokenizer: Tokenizer) {
        self.templates = templates
        self.tokenizer = tokenizer
    }

    /// A format with one template.
    public init(template: ChatTemplate, toolTemplate: ChatTemplate? = nil, tokenizer: Tokenizer) {
        self.init(Templates(all: template, tools: toolTemplate), tokenizer: tokenizer)
    }

    /// The format that a model's files prescribe; nil where they have no template.
    ///
    /// - Parameters:
    ///   - files: The model's files.
    ///   - tokenizer: The model's tokenizer, where it is there already; read unless given.
    /// - Throws: `ChatTemplateError` where a template is not valid; ``CheckpointError`` or `TokenizerError`, naming the file.
    public init?(_ files: any ModelFiles, tokenizer: Tokenizer? = nil) throws {
        guard let templates = try Templates(files) else { return nil }
        self.init(templates, tokenizer: try tokenizer ?? files.tokenizer)
    }

    /// The template for conversations with some tools, or none.
    func template(for tools: [ChatValue]?) -> ChatTemplate {
        tools == nil ? templates.all : templates.tools ?? templates.all
    }

    /// Writes a conversation and makes tokens of it.
    ///
    /// - Parameters:
    ///   - messages: Objects with `role` and `content`, and whatever else the template knows.
    ///   - tools: Descriptions of tools as JSON schemas; none where nil.
    ///   - documents: Documents with `title` and `text`; none where nil.
    ///   - ending: How the text ends: before an answer, unless another is asked for.
    ///   - variables: What else the template may look at, such as `enable_thinking`.
    ///   - clock: What the template takes for the time.
    /// - Throws: ``ChatError`` for what is no message, and for the first that the template refuses; `ChatTemplateError` or
    ///   `TokenizerError`.
    public func prompt(
        _ messages: [ChatValue], tools: [ChatValue]? = nil, documents: [ChatValue]? = nil,
        ending: ChatTemplate.Ending = .generationPrompt, variables: [String: ChatValue] = [:],
        clock: ChatClock = .system
    ) throws -> Prompt {
        try Self.check(messages)
        let template = template(for: tools)
        func render(_ messages: [ChatValue], _ ending: ChatTemplate.Ending) throws -> ChatTemplate.Rendered {
            try template.render(
                messages: messages, tools: tools, documents: documents, ending: ending,
                tokens: tokenizer.specialTokenTexts, variables: variables, clock: clock)
        }
        let rendered: ChatTemplate.Rendered
        do { rendered = try render(messages, ending) } catch let error as ChatTemplateError {
            throw naming(error, in: messages) { _ = try render($0, .message) }
        }
        return try tokenized(rendered.text, generated: rendered.generationRanges)
    }

    /// The tokens of a text, and which of them have any of some bytes of it.
    func tokenized(_ text: String, generated ranges: [Range<Int>]) throws -> Prompt {
        let tokens = try tokenizer.encode(text), places = TokenPlaces(tokens, of: text, tokenizer)
        var isGenerated = Array(repeating: false, count: tokens.count)
        for range in ranges where !range.isEmpty {
            for index in try places.tokens(touching: range) { isGenerated[index] = true }
        }
        return Prompt(text: text, tokens: tokens, isGenerated: isGenerated)
    }
}
