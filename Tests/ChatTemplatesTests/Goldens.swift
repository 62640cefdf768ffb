import ChatTemplates
import Foundation
import TestSupport

/// What `Tests/Goldens/chat-templates/generate.py` wrote.
enum ChatGoldens {
    static let folder = Fixtures.goldens.appendingPathComponent("chat-templates")

    static func read(_ name: String) throws -> ChatValue {
        try ChatValue(json: Data(contentsOf: folder.appendingPathComponent(name)))
    }

    static let conversations: [ChatConversation] = {
        guard let file = try? read("conversations.json"), let all = file["conversations"]?.array else { return [] }
        return all.map { ChatConversation($0, tokens: file["tokens"], seconds: file["seconds"]) }
    }()

    static let families: [String] = {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "\(folder.path)/families")) ?? []
        return names.filter { $0.hasSuffix(".jinja") }.map { String($0.dropLast(6)) }.sorted()
    }()

    static func template(_ family: String) throws -> String {
        String(decoding: try Data(contentsOf: folder.appendingPathComponent("families/\(family).jinja")), as: UTF8.self)
    }
}

/// Messages and what else a template is given.
struct ChatConversation: Sendable {
    var messages: [ChatValue]
    var tools: [ChatValue]?
    var documents: [ChatValue]?
    var ending = ChatTemplate.Ending.message
    var tokens: [String: String] = [:]
    var variables: [String: ChatValue] = [:]
    var clock = ChatClock.fixed(.init(seconds: 1_790_000_000))

    init(_ value: ChatValue, tokens: ChatValue?, seconds: ChatValue?) {
        messages = value["messages"]?.array ?? []
        tools = value["tools"]?.array
        documents = value["documents"]?.array
        if value["prompt"] == true { ending = .generationPrompt }
        if value["continue"] == true { ending = .continuation }
        if case .object(let members)? = tokens {
            self.tokens = Dictionary(members.map { ($0.name, $0.value.string ?? "") }) { $1 }
        }
        if case .object(let members)? = value["extra"] {
            variables = Dictionary(members.map { ($0.name, $0.value) }) { $1 }
        }
        if case .integer(let seconds)? = seconds { clock = .fixed(.init(seconds: seconds)) }
    }

    func render(_ template: ChatTemplate) throws -> ChatTemplate.Rendered {
        try template.render(
            messages: messages, tools: tools, documents: documents, ending: ending, tokens: tokens,
            variables: variables,
            clock: clock)
    }

    /// What came of it, as the goldens have it: of an error only that there was one.
    func result(_ source: String) -> ChatValue {
        do {
            let rendered = try render(ChatTemplate(source))
            let ranges = rendered.generationRanges.map {
                ChatValue.array([.integer($0.lowerBound), .integer($0.upperBound)])
            }
            let text = ChatValue.string(rendered.text)
            return ending == .continuation ? ["text": text] : ["text": text, "ranges": .array(ranges)]
        } catch ChatTemplateError.raised(_, _, let message) {
            return ["raised": .string(message)]
        } catch {
            return ["error": true]
        }
    }
}

/// Without the words of another program's error.
func comparable(_ golden: ChatValue) -> ChatValue {
    guard golden["error"] == nil else { return ["error": true] }
    guard case .object(let members) = golden else { return golden }
    return .object(members.filter { $0.name != "template" })
}

/// FNV-1a of 64 bits, in hexadecimal.
func checksum(_ bytes: some Sequence<UInt8>) -> String {
    let value = bytes.reduce(0xCBF2_9CE4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
    let text = String(value, radix: 16)
    return String(repeating: "0", count: 16 - text.count) + text
}
