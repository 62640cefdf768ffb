import ChatTemplates
import Foundation

/// A request to `POST /v1/chat/completions`.
package struct ChatRequest: Equatable, Sendable {
    /// The name of the model or prefix.
    package let model: String
    /// What makes the text.
    package let conversation: Conversation
    /// How answers are chosen.
    package let sampling: SamplingFields
    /// How many most probable tokens are told for each token; nil where no probabilities are told.
    package let logprobs: Int?
    /// Names of the fields that this server does not know.
    package let ignored: [String]

    private static let roles: Set = ["system", "developer", "user", "assistant", "tool"]

    /// Reads a body.
    ///
    /// - Throws: ``ServingError``, naming the field.
    package init(_ body: Data, vocabularySize: Int) throws(ServingError) {
        var fields = try RequestFields(body)
        model = try fields.neededString("model")
        sampling = try SamplingFields(&fields, vocabularySize: vocabularySize)
        if sampling.maxTokens == 0 { throw .outOfRange(field: "max_tokens", value: "0", range: "at least 1") }
        conversation = try Conversation(&fields, body)
        let wants = try fields.flag("logprobs") ?? false
        let top = try fields.integer("top_logprobs", in: SamplingFields.Limit.logprobs)
        if top != nil, !wants {
            throw .contradiction(field: "top_logprobs", other: "logprobs = false", reason: "set logprobs to true")
        }
        logprobs = wants ? top ?? 0 : nil
        try Self.refuse(&fields)
        try CompletionRequest.check(sampling, &fields)
        ignored = fields.unread
    }

    /// The fields that make the text: those of `/tokenize`, too. Members of objects keep their order, which templates show.
    package struct Conversation: Equatable, Sendable {
        /// At least one, each an object with `role` and `content`, the content being one text.
        package private(set) var messages: [ChatValue] = []
        /// Descriptions of tools; nil for none.
        package private(set) var tools: [ChatValue]?
        /// Documents; nil for none.
        package private(set) var documents: [ChatValue]?
        /// Further variables of the template.
        package private(set) var variables: [String: ChatValue] = [:]
        /// How the text ends.
        package private(set) var ending = ChatTemplate.Ending.generationPrompt

        /// Reads the fields.
        ///
        /// - Parameter body: What the fields are of.
        package init(_ fields: inout RequestFields, _ body: Data) throws(ServingError) {
            guard let list = try fields.array("messages") else { throw .missing(field: "messages") }
            guard !list.isEmpty else {
                throw .outOfRange(field: "messages", value: "empty", range: "at least one message")
            }
            let ordered: ChatValue
            do { ordered = try ChatValue(json: body) } catch { throw .notJSON(reason: "\(error)") }
            // What is checked is one of them, and what templates show may be the other.
            if let name = ordered.nameThatStandsTwice {
                throw .notJSON(reason: "an object has the member \"\(name.prefix(32))\" twice")
            }
            for (index, (message, value)) in zip(list, ordered["messages"]?.array ?? []).enumerated() {
                let content = try ChatRequest.content(of: message, path: "messages[\(index)]")
                messages.append(ChatRequest.message(value, content: content))
            }
            if let list = try fields.array("tools"), !list.isEmpty { tools = ordered["tools"]?.array }
            switch fields.value("tool_choice") {
            case nil, .string("auto"): break
            case .string("none"): tools = nil
            case let other?:
                throw .unsupported(field: "tool_choice", value: other.kind, advice: "give \"auto\" or \"none\"")
            }
            if try fields.array("documents") != nil { documents = ordered["documents"]?.array }
            if try fields.object("chat_template_kwargs") != nil,
                case .object(let members)? = ordered["chat_template_kwargs"]
            {
                variables = Dictionary(members.map { ($0.name, $0.value) }) { $1 }
            }
            if try fields.flag("add_generation_prompt") == false { ending = .message }
            if try fields.flag("continue_final_message") ?? false {
                if fields.values["add_generation_prompt"] == .flag(true) {
                    throw .contradiction(
                        field: "continue_final_message", other: "add_generation_prompt",
                        reason: "an answer either begins or goes on")
                }
                ending = .continuation
            }
        }
    }

    /// Refuses what is known, asked for and not done.
    private static func refuse(_ fields: inout RequestFields) throws(ServingError) {
        if var format = try fields.object("response_format") {
            let type = try format.neededString("type")
            guard type == "text" else {
                throw .unsupported(
                    field: "response_format", value: "\"\(type)\"",
                    advice: "ask for JSON in a message, with type \"text\"")
            }
        }
        for name in ["audio", "functions", "function_call", "prediction", "web_search_options"] {
            if let value = fields.value(name), value != .array([]) {
                throw .unsupported(field: name, value: "", advice: "leave it out")
            }
        }
        if let modalities = try fields.array("modalities"), modalities != [.string("text")] {
            throw .unsupported(field: "modalities", value: "", advice: "answers are text")
        }
        if try fields.string("chat_template") != nil {
            throw .unsupported(
                field: "chat_template", value: "", advice: "the server's own is used; --chat-template FILE sets it")
        }
        fields.pass("parallel_tool_calls", "reasoning_effort", "verbosity")
    }

    /// Checks a message.
    ///
    /// - Returns: Its content as one text, as templates want it; nil for none.
    private static func content(of value: RequestValue, path: String) throws(ServingError) -> String? {
        var fields = try RequestFields(value, path: path)
        let role = try fields.neededString("role")
        guard roles.contains(role) else {
            throw .outOfRange(
                field: "\(path).role", value: "\"\(role.prefix(32))\"",
                range: "system, developer, user, assistant or tool")
        }
        switch fields.value("content") {
        case nil:
            guard role == "assistant", fields.value("tool_calls") != nil else {
                throw .missing(field: "\(path).content")
            }
            return nil
        case .string(let text): return text
        case .array(let parts): return try text(of: parts, path: "\(path).content")
        case let other?: throw fields.wrongType("content", other, "a string or an array of text parts")
        }
    }

    private static func message(_ value: ChatValue, content: String?) -> ChatValue {
        guard case .object(var members) = value else { return value }
        members.removeAll { $0.name == "content" && $0.value != .null }
        members.append(.init("content", content.map { .string($0) } ?? .null))
        return .object(members)
    }

    private static func text(of parts: [RequestValue], path: String) throws(ServingError) -> String {
        var text = ""
        for (index, part) in parts.enumerated() {
            var fields = try RequestFields(part, path: "\(path)[\(index)]")
            let type = try fields.neededString("type")
            guard type == "text" else {
                throw .unsupported(
                    field: "\(path)[\(index)].type", value: "\"\(type.prefix(32))\"",
                    advice: "the model reads text only")
            }
            text += try fields.neededString("text")
        }
        return text
    }
}

extension ChatValue {
    /// A name that two members of an object have, here or within; nil where there is none.
    fileprivate var nameThatStandsTwice: String? {
        switch self {
        case .array(let elements):
            for element in elements { if let name = element.nameThatStandsTwice { return name } }
        case .object(let members):
            var names: Set<String> = []
            for member in members {
                if !names.insert(member.name).inserted { return member.name }
                if let name = member.value.nameThatStandsTwice { return name }
            }
        default: break
        }
        return nil
    }
}
