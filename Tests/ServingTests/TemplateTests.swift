import ChatTemplates
import Foundation
import HTTPTypes
import PrefixTuning
import Testing

@testable import Serving

extension ServedTests {
    /// Conversations with prefixes that were trained with a template of their own.
    @Suite struct TemplateTests {
        private static let messages = "\"messages\":[{\"role\":\"user\",\"content\":\"name : Alimentum\"}]"

        /// Lets a prefix of the store record a template.
        private func record(_ template: String, of id: String, _ server: TestServer) throws {
            let record = try JSONSerialization.data(withJSONObject: ["task": "jsonl", "chat_template": template])
            try record.write(to: server.store.appendingPathComponent(id).appendingPathComponent(TaskRecord.fileName))
        }

        /// The text that a conversation becomes.
        private func text(_ ask: Asking, _ model: String) async throws -> String? {
            let answer = try await ask(.post, "/tokenize", "{\"model\":\"\(model)\",\(Self.messages)}")
            guard case .array(let tokens)? = answer["tokens"] else { return answer["error.message"]?.string }
            return try await ask(.post, "/detokenize", "{\"tokens\":\(EventText.encoded(tokens))}")["prompt"]?.string
        }

        @Test func aPrefixKeepsTheTemplateOfItsTraining() async throws {
            let own = try ChatTemplate("<{{ messages[0].content }}>")
            let prefixes = ["plain", "first", "second", "same"].map { (id: $0, text: "area : \($0)") }
            try await TestServer.with(prefixes: prefixes, template: own) { server in
                try record("[{{ messages[0].content }}]", of: "first", server)
                try record("[{{ messages[0].content }}]", of: "same", server)
                try record("({{ messages[0].content }})", of: "second", server)
                try await server.live { ask in
                    #expect(try await text(ask, "embedded") == "<name : Alimentum>")
                    #expect(try await text(ask, "plain") == "<name : Alimentum>")
                    #expect(try await text(ask, "first") == "[name : Alimentum]")
                    #expect(try await text(ask, "embedded:second") == "(name : Alimentum)")
                    #expect(try await text(ask, "embedded+plain+first+same") == "[name : Alimentum]")
                    // And so do answers.
                    let chat = try await ask(
                        .post, "/v1/chat/completions",
                        "{\"model\":\"first\",\(Self.messages),\"max_tokens\":6,\"temperature\":0}")
                    let raw = try await ask.complete(
                        "\"prompt\":\"[name : Alimentum]\",\"max_tokens\":6,\"temperature\":0", model: "first")
                    #expect(chat["usage.prompt_tokens"] == raw["usage.prompt_tokens"])
                    #expect(chat["choices.0.message.content"]?.string == raw["choices.0.text"]?.string)
                    let both = try await ask(
                        .post, "/v1/chat/completions", "{\"model\":\"embedded+first+second\",\(Self.messages)}")
                    #expect(both.status == 400 && both["error.param"] == .string("model"), "\(both.text)")
                    #expect(both["error.message"]?.string?.contains("first and second were trained") == true)
                    // A record that is changed counts from the next request on.
                    try record("{{ messages[0].content }}!", of: "first", server)
                    #expect(try await text(ask, "first") == "name : Alimentum!")
                }
            }
        }

        @Test func aModelWithoutTemplateUsesThePrefixs() async throws {
            try await TestServer.with(prefixes: [("house", "area : riverside"), ("broken", "area")]) { server in
                try record("[{{ messages[0].content }}]", of: "house", server)
                try record("line\n{% if %}", of: "broken", server)
                try await server.live { ask in
                    #expect(try await text(ask, "house") == "[name : Alimentum]")
                    #expect(try await text(ask, "embedded")?.contains("has no chat template") == true)
                    let broken = try await ask(
                        .post, "/v1/chat/completions", "{\"model\":\"broken\",\(Self.messages)}")
                    #expect(broken.status == 400 && broken["error.code"] == .string("invalid_prefix"))
                    let sentence = broken["error.message"]?.string ?? ""
                    #expect(sentence.contains("prefixtune_task.json") && sentence.contains("line 2"), "\(sentence)")
                    #expect(!sentence.contains(server.store.path))
                    // Texts need none.
                    #expect(try await ask.complete("\"prompt\":\"a\",\"max_tokens\":1", model: "broken").status == 200)
                }
            }
        }
    }
}
