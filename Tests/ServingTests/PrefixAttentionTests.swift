import ChatTemplates
import Foundation
import HTTPTypes
import LanguageModels
import PrefixTuning
import Tensors
import Testing
import Tokenizers

@testable import Serving

extension ServedTests {
    /// `prefix_attention`: how much attention the answers' tokens give to the prefix.
    @Suite(.serialized) struct PrefixAttentionTests {
        private let prompt = "name : Alimentum | area : city centre"
        private let text = "area : riverside"

        /// As ``AttentionMeter`` measures it, which reads the text in one go and without a prompt cache.
        @Compute private func measured(_ tokens: [Int32], from first: Int) async throws -> Double {
            let model = try await TestServer.model.value
            let prefix = try TestServer.prefix(of: text, model)
            let text = AttentionMeter.Text(tokens: tokens, firstCounted: first)
            return try AttentionMeter(model.network, prefix: prefix).measure([text])[0].total
        }

        @Test func sharesAreThoseOfTheMeter() async throws {
            try await TestServer.with(
                prefixes: [("alice/menu", text)], template: try .init("{{ messages[0].content }}")
            ) { server in
                try await server.live { ask in
                    let fields = "\"max_tokens\":7,\"temperature\":0,\"ignore_eos\":true,\"return_token_ids\":true"
                    let answer = try await ask.complete(
                        "\"prompt\":[\"\(prompt)\",\"food : \"],\(fields),\"prefix_attention\":true",
                        model: "alice/menu")
                    #expect(answer.status == 200, "\(answer.text)")
                    let model = try await TestServer.model.value
                    for (index, prompt) in [prompt, "food : "].enumerated() {
                        let place = "choices.\(index)"
                        let tokens = try (0..<7).map { Int32(try #require(answer["\(place).token_ids.\($0)"]?.int)) }
                        let shares = try (0..<7).map { try #require(answer["\(place).prefix_attention.\($0)"]?.double) }
                        #expect(shares.allSatisfy { $0 > 0 && $0 < 1 } && Set(shares).count > 1)
                        let read = try model.tokenizer.encode(prompt)
                        let expected = try await measured(read + tokens.dropLast(), from: read.count - 1)
                        let mean = shares.reduce(0, +) / 7
                        #expect(abs(mean - expected) < 1e-5, "\(mean) \(expected)")
                    }
                    let chat = try await ask(
                        .post, "/v1/chat/completions",
                        "{\"model\":\"alice/menu\",\"messages\":[{\"role\":\"user\",\"content\":\"\(prompt)\"}],\(fields),\"prefix_attention\":true}"
                    )
                    #expect(chat["choices.0.prefix_attention"] == answer["choices.0.prefix_attention"], "\(chat.text)")
                    let plain = try await ask.complete("\"prompt\":\"a\",\"max_tokens\":1", model: "alice/menu")
                    #expect(!plain.text.contains("prefix_attention"))
                }
            }
        }

        @Test func whatCannotBeMeasured() async throws {
            try await TestServer.with(prefixes: [("menu", text)]) { server in
                try await server.live { ask in
                    for (model, fields, code) in [
                        ("embedded", "", "unsupported_parameter"), ("menu", ",\"stream\":true", "invalid_value"),
                    ] {
                        let refused = try await ask.complete(
                            "\"prompt\":\"a\",\"max_tokens\":1,\"prefix_attention\":true\(fields)", model: model)
                        #expect(refused.status == 400 && refused["error.param"] == .string("prefix_attention"))
                        #expect(refused["error.code"] == .string(code), "\(refused.text)")
                    }
                }
            }
        }
    }
}
