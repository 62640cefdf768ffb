import ChatTemplates
import Foundation
import LanguageModels
import TestSupport
import Testing
import Tokenizers

@Suite("Conversations as tokens: goldens of apply_chat_template")
struct ChatFormatTests {
    private static let folder = Fixtures.goldens.appendingPathComponent("chat-templates")

    private static func read(_ name: String) throws -> ChatValue {
        try ChatValue(json: Data(contentsOf: folder.appendingPathComponent(name)))
    }

    private static func template(_ family: String) throws -> String {
        String(decoding: try Data(contentsOf: folder.appendingPathComponent("families/\(family).jinja")), as: UTF8.self)
    }

    private static func integers(_ value: ChatValue?) -> [Int] {
        (value?.array ?? []).compactMap { if case .integer(let number) = $0 { number } else { nil } }
    }

    private static func prompt(_ format: ChatFormat, _ conversation: ChatValue) throws -> ChatFormat.Prompt {
        var variables: [String: ChatValue] = ["date_string": "1 Jan 2026"]
        if case .object(let members)? = conversation["extra"] {
            for member in members { variables[member.name] = member.value }
        }
        return try format.prompt(
            conversation["messages"]?.array ?? [], tools: conversation["tools"]?.array,
            documents: conversation["documents"]?.array,
            ending: conversation["continue"] == true
                ? .continuation : conversation["prompt"] == true ? .generationPrompt : .message, variables: variables)
    }

    /// Compares all conversations that transformers can write.
    private func check(_ tokenizer: Tokenizer, _ name: String, _ family: String, template: String) throws {
        let goldens = try #require(try Self.read("tokens.json")[name]?[family]?.array)
        let conversations = try #require(try Self.read("conversations.json")["conversations"]?.array)
        let format = ChatFormat(template: try ChatTemplate(template), tokenizer: tokenizer)
        try #require(goldens.count == conversations.count)
        var count = 0
        for (index, (conversation, golden)) in zip(conversations, goldens).enumerated() where golden != .null {
            let prompt = try Self.prompt(format, conversation), place = Comment("\(family), conversation \(index)")
            #expect(prompt.tokens.map { Int($0) } == Self.integers(golden["ids"]), place)
            let marked = prompt.isGenerated.indices.filter { prompt.isGenerated[$0] }
            // transformers has no masks of messages that are continued.
            if conversation["continue"] != true { #expect(marked == Self.integers(golden["generated"]), place) }
            count += 1
        }
        #expect(count >= 12)
    }

    @Test("tiny tokenizers", arguments: ["bytes", "characters"], ["gemma", "llama3", "masked", "smollm3"])
    func tiny(name: String, family: String) throws {
        let tokenizer = try Tokenizer(folder: Self.folder.appendingPathComponent("tokenizers/\(name)"))
        try check(tokenizer, name, family, template: Self.template(family))
    }

    @Test(
        "SmolLM2's tokenizer",
        .enabled(if: RealModels.folder("smollm2-hf") != nil, "PREFIXTUNE_MODELS has no smollm2-hf"))
    func smolLM2() throws {
        let files = HuggingFaceFolder(try #require(RealModels.folder("smollm2-hf"))), tokenizer = try files.tokenizer
        for family in ["gemma", "masked", "smollm3"] {
            var template = try Self.template(family)
            if family == "gemma" { template = Self.withTurnsOfGemma(template) }
            try check(tokenizer, "smollm2-hf", family, template: template)
        }
        try check(tokenizer, "smollm2-hf", "own", template: #require(try files.chatTemplate))
    }

    @Test("Gemma's tokenizer", .enabled(if: RealModels.folder("gemma-hf") != nil, "PREFIXTUNE_MODELS has no gemma-hf"))
    func gemma() throws {
        let files = HuggingFaceFolder(try #require(RealModels.folder("gemma-hf"))), tokenizer = try files.tokenizer
        #expect(try ChatFormat(files, tokenizer: tokenizer) == nil)
        for family in ["gemma", "masked", "smollm3"] {
            var template = try Self.template(family)
            if family == "gemma" { template = Self.withTurnsOfGemma(template) }
            try check(tokenizer, "gemma-hf", family, template: template)
        }
    }

    private static func withTurnsOfGemma(_ template: String) -> String {
        template.replacing("<turn>", with: "<start_of_turn>").replacing("</turn>", with: "<end_of_turn>")
    }

    @Test(
        "the template in SmolLM2's GGUF file, by checksums, and its tokens",
        .enabled(if: RealModels.smolLM2 != nil, Comment(rawValue: RealModels.missing("SmolLM2 135M"))))
    func ggufFile() throws {
        let files = try GGUFFile(#require(RealModels.smolLM2)), source = try #require(try files.chatTemplate)
        let goldens = try #require(try Self.read("others.json")[Self.checksum(source)]?.array)
        let conversations = try #require(try Self.read("conversations.json")["conversations"]?.array)
        let template = try ChatTemplate(source)
        for (index, (conversation, golden)) in zip(conversations, goldens).enumerated() {
            let text = try? template.render(
                messages: conversation["messages"]?.array ?? [],
                ending: conversation["continue"] == true
                    ? .continuation : conversation["prompt"] == true ? .generationPrompt : .message
            ).text
            #expect(.string(text.map(Self.checksum) ?? "error") == golden, "conversation \(index)")
        }
        try check(files.tokenizer, "smollm2-hf", "own", template: source)
    }

    /// FNV-1a of 64 bits, in hexadecimal.
    private static func checksum(_ text: String) -> String {
        let value = text.utf8.reduce(0xCBF2_9CE4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    @Test("tokens are placed in texts that their tokenizer changes, too")
    func changedText() throws {
        // This one puts a blank before the text, which its tokens then have.
        let tokenizer = try Tokenizer(folder: Fixtures.goldens.appendingPathComponent("tokenizers/families/llama2"))
        let template =
            "{% for m in messages %}{{ m.role }}: {% generation %}{{ m.content }}{% endgeneration %}\n{% endfor %}"
        let format = ChatFormat(template: try ChatTemplate(template), tokenizer: tokenizer)
        let prompt = try format.prompt([.message(role: "a", content: "the cat"), .message(role: "b", content: "")])
        let marked = zip(prompt.tokens, prompt.isGenerated).filter(\.1).map(\.0)
        #expect(tokenizer.decode(marked).contains("the cat") && marked.count < prompt.tokens.count)
    }

    @Test("a template of its own for tools, and variables")
    func toolTemplate() throws {
        let tokenizer = try Tokenizer(folder: Self.folder.appendingPathComponent("tokenizers/bytes"))
        let format = ChatFormat(
            template: try ChatTemplate("{{ bos_token }}{{ mood }}"),
            toolTemplate: try ChatTemplate("tools{{ tools|length }}"),
            tokenizer: tokenizer)
        #expect(try format.prompt([], variables: ["mood": "good"]).text == "<|im_start|>good")
        #expect(try format.prompt([], tools: [["a": 1]]).text == "tools1")
    }
}

@Suite("Where chat templates come from")
struct ChatTemplateFilesTests {
    private func templates(_ files: [String: String]) throws -> [String: String] {
        try withTrainingFolder { folder in
            for (name, text) in files {
                let file = folder.appendingPathComponent(name)
                try FileManager.default.createDirectory(
                    at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
                try Data(text.utf8).write(to: file)
            }
            return try HuggingFaceFolder(folder).chatTemplates
        }
    }

    @Test("the files of a folder")
    func folder() throws {
        #expect(try templates([:]) == [:])
        #expect(try templates(["tokenizer_config.json": "{}"]) == [:])
        let text = #"{"chat_template": "a"}"#
        #expect(try templates(["tokenizer_config.json": text]) == ["default": "a"])
        let list = #"{"chat_template": [{"name": "tool_use", "template": "t"}, {"name": "default", "template": "d"}]}"#
        #expect(try templates(["tokenizer_config.json": list]) == ["default": "d", "tool_use": "t"])
        let files = [
            "tokenizer_config.json": text, "chat_template.jinja": "file", "additional_chat_templates/rag.jinja": "r",
            "additional_chat_templates/README": "",
        ]
        #expect(try templates(files) == ["default": "file", "rag": "r"])
    }

    @Test(
        "what is no template",
        arguments: [
            #"{"chat_template": 5}"#, #"{"chat_template": ["a"]}"#, #"{"chat_template": [{"name": "default"}]}"#,
        ])
    func bad(text: String) {
        let error = failure(CheckpointError.self) { _ = try templates(["tokenizer_config.json": text]) }
        #expect(error.map { "\($0)" }?.contains("chat_template") == true)
    }
}
