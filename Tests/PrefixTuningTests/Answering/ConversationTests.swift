import ChatTemplates
import Foundation
import LanguageModels
import PrefixTuning
import Tensors
import TestSupport
import Testing

/// Messages and answers in turn.
@Suite("Conversations with a model") @Compute struct ConversationTests {
    private static let template = """
        {% for m in messages %}{{ m.role }} says {{ m.content }} {% endfor %}{% if add_generation_prompt %}the{% endif %}
        """

    /// The model of other tests with more positions.
    private static func model(positions: Int = 400) throws -> LanguageModel {
        Compute.threads = 1
        var tensors = TinyModel.wordedTensors(), configuration = TinyModel.wordedConfiguration
        configuration.positionCount = positions
        let values = (0..<positions * configuration.width).map { Float($0 * 37 % 101) / 101 - 0.5 }
        tensors["transformer.wpe.weight"] = ([positions, configuration.width], values)
        let network = try GPT2(
            configuration, reader: CheckpointReader(TensorsInMemory(tensors)), use: .frozen(differentiable: false))
        return try LanguageModel(
            name: "worded", tokenizer: TinyModel.tokenizer(), configuration: configuration, network: network)
    }

    private static func conversation(
        with model: LanguageModel, system: String? = nil, after prefix: ResidentPrefix? = nil,
        _ change: (inout DecodingOptions) -> Void = { _ in }
    ) throws -> Conversation {
        var options = DecodingOptions(maxNewTokens: 5)
        change(&options)
        let format = ChatFormat(template: try ChatTemplate(template), tokenizer: model.tokenizer)
        return Conversation(with: AdaptedModel(model, after: prefix), format: format, options: options, system: system)
    }

    @Test("an answer comes after all that was said, with or without a prefix")
    func history() throws {
        let model = try Self.model()
        let prefix = try DialectGolden.random(TinyModel.wordedConfiguration.shape, at: .afterPrefix)
        for prefix in [nil, try ResidentPrefix(prefix, for: model)] {
            var conversation = try Self.conversation(with: model, system: "near", after: prefix)
            var messages = conversation.messages
            #expect(messages == [.message(role: "system", content: "near")])
            for text in ["a table", "the river", "says that"] {
                messages.append(.message(role: "user", content: text))
                var pieces = ""
                let reply = try conversation.answer(text, piece: { pieces += $0 })
                let prompt = try conversation.format.prompt(messages).tokens
                let expected = try Generator(model.network).generate(
                    [prompt], after: conversation.model.start, options: conversation.options)[0]
                #expect(reply.generation == expected && reply.promptTokens == prompt.count && pieces == reply.text)
                messages.append(.message(role: "assistant", content: reply.text))
                #expect(conversation.messages == messages && reply.forgotten == 0)
            }
            conversation.reset()
            #expect(conversation.messages == [.message(role: "system", content: "near")])
        }
    }

    @Test("where it grows too long, the oldest turns are left out, but not the system's message")
    func forgetting() throws {
        var conversation = try Self.conversation(with: Self.model(positions: 120), system: "near") {
            $0.maxNewTokens = 3
        }
        var forgotten = 0
        for turn in 0..<40 {
            let reply = try conversation.answer("a table about the river is")
            #expect(reply.promptTokens + reply.generation.tokenIds.count - 1 <= conversation.model.positions)
            #expect(reply.forgotten >= forgotten && reply.forgotten % 2 == 0 && reply.forgotten <= 2 * turn)
            forgotten = reply.forgotten
        }
        #expect(forgotten > 0 && conversation.messages.count == 81)
    }

    @Test("what cannot be answered leaves the conversation as it was")
    func failures() throws {
        var conversation = try Self.conversation(with: Self.model())
        _ = try conversation.answer("a table")
        let before = conversation.messages
        let long = Array(repeating: "the river is", count: 500).joined(separator: " ")
        let error = failure(ChatError.self) { _ = try conversation.answer(long) }
        guard case .tooLong(let tokens, conversation.model.positions)? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(tokens > 500)
        struct Stop: Error {}
        #expect(throws: Stop.self) { _ = try conversation.answer("a", willStep: { throw Stop() }) }
        #expect(conversation.messages == before && conversation.forgotten == 0)
    }

    @Test("answers to the same message are drawn anew, and the same again from the beginning")
    func draws() throws {
        let model = try Self.model()
        func texts() throws -> [[Int32]] {
            var conversation = try Self.conversation(with: model) {
                ($0.strategy, $0.seed, $0.maxNewTokens) = (.sample, 5, 8)
            }
            return try (0..<4).map { _ in
                conversation.reset()
                return try conversation.answer("a table").generation.tokenIds
            }
        }
        let first = try texts()
        #expect(Set(first).count > 1)
        #expect(try texts() == first)
    }
}

/// Files of conversations.
@Suite("Chat data") struct ChatExampleTests {
    @Test("what is read of a line")
    func lines() throws {
        try withTrainingFolder { folder in
            let file = folder.appendingPathComponent("chats.jsonl")
            let text = #"""
                {"messages": [{"role": "user", "content": "a", "extra": {"z": 1, "a": 2}}], "tools": [{"name": "f"}], "other": 5}
                {"prompt": "é", "tools": null}
                """#
            try Data(text.utf8).write(to: file)
            let examples = try ChatExample.read(file)
            #expect(examples.count == 2 && examples[1].location.line == 2)
            #expect(examples[0].tools == [["name": "f"]] && examples[0].messages[0]["extra"] == ["z": 1, "a": 2])
            #expect(examples[1].messages == [.message(role: "user", content: "é")] && examples[1].tools == nil)
        }
    }
}
