import Foundation
import HTTPTypes
import Testing

@testable import Serving

extension ServedTests {
    /// What is taken, and what is told of it.
    @Suite(.serialized) struct LimitTests {
        @Test func aKeyThatHasUsedUpItsLimitIsToldWhenToComeBack() async throws {
            let (key, line) = KeyFile.newKey("alice")
            let keys = line.replacing(" -\n", with: " requests=2,tokens=1000\n")
            try await TestServer.with(keys: keys) { server in
                try await server.live { ask in
                    for left in [1, 0] {
                        let answer = try await ask.complete("\"prompt\":\"a\",\"max_tokens\":2", key: key)
                        #expect(answer.status == 200)
                        let name = try #require(HTTPField.Name("x-ratelimit-remaining-requests"))
                        #expect(answer.headers[name] == "\(left)")
                    }
                    let refused = try await ask.complete("\"prompt\":\"a\",\"max_tokens\":2", key: key)
                    #expect(refused.status == 429 && refused["error.code"] == .string("rate_limit_exceeded"))
                    #expect(Int(refused.headers[.retryAfter] ?? "") ?? 0 > 0)
                    // What is no answer does not count.
                    #expect(try await ask(.get, "/v1/models", key: key).status == 200)
                }
            }
        }

        @Test func tokensAreBiasedAndStop() async throws {
            try await TestServer.with { server in
                try await server.live { ask in
                    let forced = try await ask.complete(
                        "\"prompt\":\"a\",\"max_tokens\":3,\"temperature\":0,\"logit_bias\":{\"5\":100},\"return_token_ids\":true"
                    )
                    #expect(forced["choices.0.token_ids"] == .array([.integer(5), .integer(5), .integer(5)]))
                    let stopped = try await ask.complete(
                        "\"prompt\":\"a\",\"max_tokens\":3,\"temperature\":0,\"logit_bias\":{\"5\":100},\"stop_token_ids\":[5]"
                    )
                    #expect(stopped["choices.0.finish_reason"] == .string("stop"))
                    #expect(stopped["choices.0.stop_reason"] == .integer(5))
                    #expect(stopped["choices.0.text"] == .string(""))
                }
            }
        }

        @Test func whatWasReadOfAPromptIsNotReadAgain() async throws {
            try await TestServer.with { server in
                try await server.live { ask in
                    let prompt = Array(repeating: "7,8,9,11", count: 20).joined(separator: ",")
                    let first = try await ask.complete("\"prompt\":[\(prompt)],\"max_tokens\":4,\"temperature\":0")
                    let again = try await ask.complete("\"prompt\":[\(prompt)],\"max_tokens\":4,\"temperature\":0")
                    #expect(first["usage.prompt_tokens_details.cached_tokens"] == .integer(0))
                    #expect((again["usage.prompt_tokens_details.cached_tokens"]?.int ?? 0) >= 16)
                    #expect(first["choices.0.text"] == again["choices.0.text"])
                    let salted = try await ask.complete(
                        "\"prompt\":[\(prompt)],\"max_tokens\":4,\"temperature\":0,\"cache_salt\":\"x\"")
                    #expect(salted["usage.prompt_tokens_details.cached_tokens"] == .integer(0))
                }
            }
        }
    }
}
