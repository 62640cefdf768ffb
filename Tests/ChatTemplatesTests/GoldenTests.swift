import ChatTemplates
import Foundation
import TestSupport
import Testing

@Suite("Chat templates: goldens of jinja2 as transformers sets it up")
struct ChatTemplateGoldenTests {
    @Test("families over all conversations", arguments: ChatGoldens.families)
    func families(family: String) throws {
        let goldens = try #require(try ChatGoldens.read("families.json")[family]?.array)
        let source = try ChatGoldens.template(family)
        try #require(goldens.count == ChatGoldens.conversations.count && goldens.count >= 12)
        for (index, (conversation, golden)) in zip(ChatGoldens.conversations, goldens).enumerated() {
            #expect(conversation.result(source) == comparable(golden), "conversation \(index)")
        }
    }

    @Test("a small template for each part of the language")
    func snippets() throws {
        let file = try ChatGoldens.read("snippets.json"), cases = try #require(file["cases"]?.array)
        var conversation = try #require(ChatGoldens.conversations.first)
        conversation.messages = []
        conversation.ending = .message
        guard case .object(let variables)? = file["variables"] else {
            throw ChatTemplateError.json(position: 0, reason: "")
        }
        conversation.variables = Dictionary(variables.map { ($0.name, $0.value) }) { $1 }
        #expect(cases.count > 150)
        for golden in cases {
            let source = try #require(golden["template"]?.string)
            #expect(conversation.result(source) == comparable(golden), "\(source)")
        }
    }

    @Test("numbers are written as Python writes them")
    func numbers() throws {
        let template = try ChatTemplate("{{ number }}")
        for pair in try #require(try ChatGoldens.read("numbers.json").array) {
            let bits = try #require(pair.array?.first?.string.flatMap(UInt64.init))
            let value = ChatValue.double(Double(bitPattern: bits))
            #expect(try template.render(messages: [], variables: ["number": value]).text == pair.array?.last?.string)
        }
    }

    private static let others = ProcessInfo.processInfo.environment["PREFIXTUNE_TEMPLATES"].map {
        URL(fileURLWithPath: $0)
    }

    @Test(
        "templates of others, by checksums of what they write",
        .enabled(if: others != nil, "set PREFIXTUNE_TEMPLATES to models/templates of llama.cpp's sources"))
    func templatesOfOthers() throws {
        let folder = try #require(Self.others), goldens = try ChatGoldens.read("others.json")
        var count = 0
        for name in try FileManager.default.contentsOfDirectory(atPath: folder.path) where name.hasSuffix(".jinja") {
            let data = try Data(contentsOf: folder.appendingPathComponent(name))
            guard let golden = goldens[checksum(data)]?.array else { continue }
            // It counts on a generator that is used up by its first use; here that is a list.
            if name.hasPrefix("meetkai-functionary-medium-v3.1") { continue }
            count += 1
            let source = String(decoding: data, as: UTF8.self)
            for (index, (conversation, golden)) in zip(ChatGoldens.conversations, golden).enumerated() {
                let result = conversation.result(source), text = result["text"]?.string ?? result["raised"]?.string
                let summary = text.map { checksum($0.utf8) } ?? "error"
                if golden == "error", text != nil {
                    // What transformers' sandbox refuses, and a list where it has a generator, are no errors here.
                    #expect(source.contains(".append(") || source.contains("map(attribute"), "\(name), \(index)")
                } else {
                    #expect(.string(summary) == golden, "\(name), conversation \(index)")
                }
            }
        }
        #expect(count >= 12)
    }
}
