/// A chat template: what makes one text of a conversation, as the makers of a model have laid down.
///
/// Templates are written in Jinja and are files of strangers. This is the part of Jinja that those of the field use, after
/// `jinja2` 3.1 as `transformers` sets it up (`trim_blocks`, `lstrip_blocks`, loop controls, its own `tojson`): statements `if`, `for`,
/// `set`, `macro`, `filter`, `break`, `continue`, `generation`, `raw`; not `include`, `import`, `extends`, `block`, `call`, recursive loops.
/// What is not known is refused when the template is read, with its line, or where it is reached, if it may never be.
///
/// ```swift
/// let template = try ChatTemplate("{% for message in messages %}<{{ message.role }}> {{ message.content }}\n{% endfor %}")
/// let text = try template.render(messages: [.message(role: "user", content: "Hello")]).text
/// ```
public struct ChatTemplate: Sendable {
    /// A conversation as text.
    public struct Rendered: Equatable, Sendable {
        /// The text, whose special tokens stand in it by their names: it is tokenised without adding any.
        public var text: String
        /// What `{% generation %}` blocks cover: what an assistant says. Ranges of bytes of the text's UTF-8, in the order of the blocks.
        public var generationRanges: [Range<Int>]
    }

    /// How the text ends.
    public enum Ending: Equatable, Sendable {
        /// After the last message.
        case message
        /// With what comes before an answer of the assistant (`add_generation_prompt`).
        case generationPrompt
        /// Within the last message, which the model goes on with (`continue_final_message`).
        case continuation
    }

    /// What it is called in messages: a file, or where it was found.
    public let name: String
    /// The source.
    public let source: String
    /// Whether it says where an assistant speaks, by `{% generation %}`.
    public let marksGenerations: Bool
    private let statements: [Statement]

    /// Reads a template.
    ///
    /// - Parameters:
    ///   - source: Jinja.
    ///   - name: What it is called in messages.
    /// - Throws: ``ChatTemplateError/syntax(template:line:reason:)`` or ``ChatTemplateError/limit(template:line:_:)``.
    public init(_ source: String, name: String = "the chat template") throws {
        self.name = name
        self.source = source
        statements = try Parser.statements(of: source, template: name)
        marksGenerations = Self.marksGenerations(statements)
    }

    /// Writes a conversation as text.
    ///
    /// - Parameters:
    ///   - messages: Objects with `role` and `content`, and whatever else the template knows; what is null in them is left out. What a
    ///     model thought is found by the template under `reasoning_content` and `thinking`, whichever of those names, or `reasoning`,
    ///     it was given by.
    ///   - tools: Descriptions of tools as JSON schemas; none where nil.
    ///   - documents: Documents with `title` and `text`; none where nil.
    ///   - ending: How the text ends.
    ///   - tokens: Texts of special tokens by their roles, such as `bos_token`.
    ///   - variables: What else the template may look at, such as `enable_thinking`.
    ///   - clock: What the template takes for the time.
    /// - Throws: ``ChatTemplateError``.
    public func render(
        messages: [ChatValue], tools: [ChatValue]? = nil, documents: [ChatValue]? = nil, ending: Ending = .message,
        tokens: [String: String] = [:], variables: [String: ChatValue] = [:], clock: ChatClock = .system
    ) throws -> Rendered {
        var messages = messages.map { Self.withReasoning(Self.withoutNulls($0)) }
        var last: String?
        if ending == .continuation { last = try mark(&messages) }
        let renderer = Renderer(template: name, clock: clock)
        defer { renderer.clear() }
        func set(_ name: String, _ value: ChatValue) throws { renderer.scope.set(name, try renderer.value(value)) }
        for (name, text) in tokens { try set(name, .string(text)) }
        for (name, value) in variables { try set(name, value) }
        try set("messages", .array(messages))
        try set("tools", tools.map(ChatValue.array) ?? .null)
        try set("documents", documents.map(ChatValue.array) ?? .null)
        try set("add_generation_prompt", .bool(ending == .generationPrompt))
        _ = try renderer.run(statements)
        var text = renderer.text
        if let last { text = try cut(text, continuing: last) }
        // Blocks that a cut took away are no longer there.
        let ranges = renderer.generationRanges.map { $0.clamped(to: 0..<text.count) }
        return Rendered(text: String(decoding: text, as: UTF8.self), generationRanges: ranges)
    }

    private static func marksGenerations(_ statements: [Statement]) -> Bool {
        statements.contains { statement in
            switch statement {
            case .generation: true
            case .condition(let branches, let otherwise):
                branches.contains { marksGenerations($0.body) } || marksGenerations(otherwise)
            case .loop(let loop): marksGenerations(loop.body) || marksGenerations(loop.otherwise)
            case .macro(let macro): marksGenerations(macro.body)
            case .setBlock(_, _, let body, _), .filter(_, let body, _): marksGenerations(body)
            case .text, .print, .set, .leave, .next: false
            }
        }
    }

    /// A message without members that are null, which many templates would write as "None", or fail at; `transformers` does the same.
    private static func withoutNulls(_ message: ChatValue) -> ChatValue {
        guard case .object(let members) = message else { return message }
        return .object(members.filter { $0.value != .null })
    }

    private static let reasoningNames = ["reasoning_content", "thinking", "reasoning"]

    /// What a model thought, under the names that templates know, as `transformers` has it.
    private static func withReasoning(_ message: ChatValue) -> ChatValue {
        guard case .object(var members) = message else { return message }
        let found = reasoningNames.lazy.compactMap { message[$0] }.first { $0 != .null }
        guard let found else { return message }
        let thinking = message["thinking"] ?? found
        members.removeAll { $0.name == "thinking" }
        members.insert(.init("thinking", thinking), at: 0)
        if let index = members.firstIndex(where: { $0.name == "reasoning_content" }) {
            members[index].value = found
        } else {
            members.append(.init("reasoning_content", found))
        }
        return .object(members)
    }
}
