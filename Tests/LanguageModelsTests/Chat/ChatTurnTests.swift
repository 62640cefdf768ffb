import ChatTemplates
import Foundation
import LanguageModels
import TestSupport
import Testing
import Tokenizers

@Suite("Conversations to be learnt")
struct ChatTurnTests {
    private static let folder = Fixtures.goldens.appendingPathComponent("chat-templates")
    private static let messages: [ChatValue] = [
        .message(role: "system", content: "s"), .message(role: "user", content: "Hi"),
        .message(role: "assistant", content: "Hello."), .message(role: "user", content: "Who?"),
        .message(role: "assistant", content: "Me, myself"),
    ]

    private func format(_ template: String) throws -> ChatFormat {
        ChatFormat(
            template: try ChatTemplate(template),
            tokenizer: try Tokenizer(folder: Self.folder.appendingPathComponent("tokenizers/bytes")))
    }

    private func said(_ prompt: ChatFormat.Prompt, _ format: ChatFormat) -> String {
        format.tokenizer.decode(zip(prompt.tokens, prompt.isGenerated).filter(\.1).map(\.0))
    }

    @Test("answers are found without marks as they are with them")
    func unmarked() throws {
        let file = Self.folder.appendingPathComponent("families/masked.jinja")
        let marked = String(decoding: try Data(contentsOf: file), as: UTF8.self)
        let bare = marked.replacing("{%- generation %}", with: "").replacing(
            "{%- endgeneration %}", with: "")
        let expected = try format(marked).conversation(Self.messages)
        let format = try format(bare)
        #expect(!format.templates.all.marksGenerations)
        #expect(try format.conversation(Self.messages) == expected)
        #expect(said(expected, format) == "Hello.<|im_end|>Me, myself<|im_end|>")
    }

    @Test("where nothing ends a turn, its white space belongs to it")
    func plain() throws {
        let format = try format(
            "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}{% if add_generation_prompt %}assistant: {% endif %}"
        )
        #expect(said(try format.conversation(Self.messages), format) == "Hello.\nMe, myself\n")
    }

    @Test("a template that leaves out what was thought before")
    func thoughts() throws {
        let template = """
            {% for m in messages %}{{ m.role }}:{% if m.role == 'assistant' and loop.last %}<think>{% endif %}{{ m.content }};{% endfor %}\
            {% if add_generation_prompt %}assistant:<think>{% endif %}
            """
        #expect(throws: ChatError.turnNotFound(number: 3)) {
            try format(template).conversation(Self.messages)
        }
        let single = try format(template)
        #expect(said(try single.conversation(Array(Self.messages.prefix(3))), single) == "Hello.;")
    }
}
