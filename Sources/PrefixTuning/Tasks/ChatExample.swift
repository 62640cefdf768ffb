import ChatTemplates
import Foundation
import LanguageModels

/// A conversation of a data file.
public struct ChatExample: Equatable, Sendable {
    /// The messages: objects with `role` and `content`.
    public var messages: [ChatValue]
    /// Descriptions of tools; none where nil.
    public var tools: [ChatValue]?
    /// Documents; none where nil.
    public var documents: [ChatValue]?
    /// Answers that count as right, where they are not the last message.
    public var references: [String] = []
    /// The file and line that this comes from.
    public var location: DataLocation

    /// A conversation; see the properties.
    public init(
        messages: [ChatValue], tools: [ChatValue]? = nil, documents: [ChatValue]? = nil, location: DataLocation
    ) {
        self.messages = messages
        self.tools = tools
        self.documents = documents
        self.location = location
    }

    private static let expected =
        "{\"messages\": [{\"role\": \"user\", \"content\": \"…\"}, …]}, or {\"prompt\": \"…\"} for one message of a user,"

    /// Reads conversations: JSON lines, or one JSON list, of `{"messages": […]}` (`tools` and `documents` beside them where there are
    /// any), of `{"prompt": "…"}`, perhaps with `completion` or `references`, or of `{"instruction": "…", "input": "…", "output": "…"}`,
    /// whose input may be empty or missing, and else stands behind the instruction after an empty line; a table with the columns of
    /// the second; or a `.txt` file with a message of a user on each line.
    ///
    /// - Parameters:
    ///   - url: The file.
    ///   - fields: Other fields that make a message of a user and its answer: then no other layout is read.
    /// - Throws: ``DataError``, naming file and line, and the message where one is wrong.
    public static func read(_ url: URL, fields: FieldMapping = FieldMapping()) throws -> [ChatExample] {
        try read(DataFile(url), fields: fields)
    }

    /// The same, of a file that was opened to look at its beginning.
    public static func read(_ file: DataFile, fields: FieldMapping = FieldMapping()) throws -> [ChatExample] {
        if fields != FieldMapping() || DataFile.isNamed(file.path, [".csv", ".tsv"]) {
            return try (fields.hasTexts(file) ? fields.readTexts(file) : fields.read(file)).map(ChatExample.init)
        }
        var examples: [ChatExample] = []
        if DataFile.isNamed(file.path, [".txt"]), ![UInt8(ascii: "{"), UInt8(ascii: "[")].contains(file.firstByte) {
            try file.forEachLine { line, location in
                examples.append(ChatExample(messages: [.message(role: "user", content: line)], location: location))
            }
            return examples
        }
        guard file.firstByte == UInt8(ascii: "[") else {
            try file.forEachLineOfBytes { line, location in examples.append(try ChatExample(json: line, location)) }
            return examples
        }
        let contents = try file.contents()
        let list: ChatValue
        do { list = try ChatValue(json: contents) } catch {
            throw DataError.malformedFile(file: file.path, problem: "it is no JSON: \(error)", expected: expected)
        }
        for (index, entry) in (list.array ?? []).enumerated() {
            let location = DataLocation(file: file.path, line: index + 1, countsEntries: true)
            examples.append(try ChatExample(entry, location, found: "something else"))
        }
        guard !examples.isEmpty else { throw DataError.empty(file: file.path) }
        return examples
    }

    /// A message of a user and its answer, where there is one.
    private init(_ example: Example) {
        self.init(messages: [.message(role: "user", content: example.prompt)], location: example.location)
        if let completion = example.completion {
            messages.append(.message(role: "assistant", content: completion))
        } else {
            references = example.references
        }
    }

    private init(json: ArraySlice<UInt8>, _ location: DataLocation) throws {
        let excerpt =
            String(validating: json, as: UTF8.self).map { DataError.excerpt($0) } ?? "bytes that are not UTF-8"
        do {
            self = try ChatExample(ChatValue(json: json), location, found: excerpt)
        } catch let error as ChatTemplateError {
            throw DataError.malformed(location, found: "invalid JSON (\(error)): \(excerpt)", expected: Self.expected)
        }
    }

    private init(_ value: ChatValue, _ location: DataLocation, found: String) throws {
        func list(_ name: String) throws -> [ChatValue]? {
            guard let value = value[name], value != .null else { return nil }
            guard let list = value.array else {
                throw DataError.malformed(
                    location, found: "a \"\(name)\" that is no list in \(found)", expected: Self.expected)
            }
            return list
        }
        if let messages = try list("messages") {
            self.init(
                messages: messages, tools: try list("tools"), documents: try list("documents"), location: location)
            do { try ChatFormat.check(messages) } catch {
                throw DataError.badConversation(location, reason: "\(error)")
            }
        } else if let prompt = value["prompt"]?.string {
            self.init(messages: [.message(role: "user", content: prompt)], location: location)
            if let completion = value["completion"]?.string {
                messages.append(.message(role: "assistant", content: completion))
            } else {
                references = try list("references")?.compactMap(\.string) ?? []
            }
        } else if let instruction = value["instruction"]?.string {
            let input = value["input"]?.string ?? ""
            let asked = input.isEmpty ? instruction : instruction + "\n\n" + input
            self.init(messages: [.message(role: "user", content: asked)], location: location)
            if let output = value["output"]?.string { messages.append(.message(role: "assistant", content: output)) }
        } else {
            throw DataError.malformed(location, found: found, expected: Self.expected)
        }
    }
}

extension TuningTask {
    /// Conversations: JSON lines `{"messages": [{"role": …, "content": …}, …]}`, as OpenAI has them, and the other layouts that
    /// ``ChatExample`` reads, written with the model's chat template. What an assistant says is learnt; the last answer is the one
    /// that is asked for.
    public static let chat = chat(fields: FieldMapping())

    /// The same, with other fields as a message and its answer.
    public static func chat(fields: FieldMapping) -> TuningTask {
        var task = TuningTask("chat") { file in try ChatExample.read(file, fields: fields).map(Example.init) }
        task.fields = fields
        task.recognizes = { $0.keys.contains("messages") || $0.keys.isSuperset(of: ["instruction", "output"]) }
        return task
    }

    /// Whether its examples are conversations, which are written with a template.
    public var isChat: Bool { name == "chat" }

    /// The task with other fields as prompt and completion, of those that have any.
    package func mapping(_ fields: FieldMapping) -> TuningTask {
        isChat ? .chat(fields: fields) : .jsonl(fields: fields)
    }
}

extension Example {
    /// A conversation: its last answer is the completion, and what was said before it the prompt, as people read it.
    public init(_ conversation: ChatExample) {
        func text(_ message: ChatValue) -> String {
            let content = message["content"]
            return content?.string ?? (content?.array ?? []).compactMap { $0["text"]?.string }.joined()
        }
        let isAnswered = conversation.messages.last?["role"] == "assistant"
        let asked = conversation.messages.dropLast(isAnswered ? 1 : 0)
        let lines = asked.map { "\($0["role"]?.string ?? ""): \(text($0))" }
        self.init(
            prompt: asked.count == 1 ? asked.map(text).joined() : lines.joined(separator: "\n"),
            completion: isAnswered ? conversation.messages.last.map(text) : nil,
            references: isAnswered ? conversation.messages.suffix(1).map(text) : conversation.references,
            location: conversation.location)
        self.conversation = conversation
    }
}
