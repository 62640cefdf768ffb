import ChatTemplates
import Foundation
import Tokenizers
import HummingbirdTesting
import HTTPTypes
import Testing

@testable import Serving

extension ServedTests {
    @Suite(.serialized) struct ErrorTests {
        /// A body of completions, and what is said of it.
        private static let completions: [(body: String, code: String, param: String?)] = [
            ("", "invalid_json", nil), ("{\"model\":", "invalid_json", nil), ("[1]", "invalid_value", nil),
            ("{}", "invalid_value", "model"), ("{\"model\":3}", "invalid_value", "model"),
            ("{\"model\":\"embedded\"}", "invalid_value", "prompt"),
            ("{\"model\":\"embedded\",\"prompt\":[]}", "invalid_value", "prompt"),
            ("{\"model\":\"embedded\",\"prompt\":[1,\"a\"]}", "invalid_value", "prompt[1]"),
            ("{\"model\":\"embedded\",\"prompt\":[-1]}", "invalid_value", "prompt[0]"),
            ("{\"model\":\"embedded\",\"prompt\":[100000000]}", "invalid_value", "prompt[0]"),
            ("{\"model\":\"embedded\",\"prompt\":{}}", "invalid_value", "prompt"),
            ("{\"model\":\"nobody\",\"prompt\":\"a\"}", "model_not_found", "model"),
            ("{\"model\":\"../store\",\"prompt\":\"a\"}", "model_not_found", "model"),
        ]

        /// A field of completions, and its name in the error.
        private static let fields: [(field: String, param: String)] = [
            ("\"max_tokens\":0", "max_tokens"), ("\"max_tokens\":-1", "max_tokens"),
            ("\"max_tokens\":\"5\"", "max_tokens"),
            ("\"max_tokens\":1.5", "max_tokens"), ("\"temperature\":2.1", "temperature"),
            ("\"temperature\":-0.1", "temperature"), ("\"temperature\":\"1\"", "temperature"), ("\"top_p\":0", "top_p"),
            ("\"top_p\":1.1", "top_p"), ("\"top_k\":-2", "top_k"), ("\"min_p\":2", "min_p"), ("\"n\":0", "n"),
            ("\"n\":17", "n"), ("\"n\":3,\"best_of\":2", "best_of"), ("\"best_of\":4,\"stream\":true", "best_of"),
            ("\"logprobs\":21", "logprobs"), ("\"logprobs\":true", "logprobs"), ("\"stop\":\"\"", "stop"),
            ("\"stop\":[1]", "stop[0]"), ("\"presence_penalty\":2.5", "presence_penalty"),
            ("\"frequency_penalty\":-2.5", "frequency_penalty"), ("\"repetition_penalty\":0", "repetition_penalty"),
            ("\"logit_bias\":{\"a\":1}", "logit_bias"), ("\"logit_bias\":{\"5\":101}", "logit_bias.5"),
            ("\"seed\":\"1\"", "seed"), ("\"seed\":1.5", "seed"), ("\"stream\":1", "stream"),
            ("\"stream_options\":{}", "stream_options"), ("\"priority\":11", "priority"),
            ("\"suffix\":\"x\"", "suffix"),
            ("\"min_tokens\":9,\"max_tokens\":3", "min_tokens"), ("\"stop_token_ids\":[-1]", "stop_token_ids[0]"),
            ("\"use_beam_search\":true,\"stream\":true", "use_beam_search"), ("\"guided_json\":{}", "guided_json"),
            ("\"max_tokens\":3,\"max_completion_tokens\":4", "max_completion_tokens"), ("\"echo\":\"yes\"", "echo"),
        ]

        @Test func everyBadRequestIsToldInItsFieldsName() async throws {
            try await TestServer.with { server in
                try await server.live { ask in
                    for (body, code, param) in Self.completions {
                        let answer = try await ask(.post, "/v1/completions", body)
                        #expect(answer.status == (code == "model_not_found" ? 404 : 400), "\(body): \(answer.text)")
                        #expect(answer["error.code"] == .string(code), "\(body): \(answer.text)")
                        #expect(
                            answer["error.param"] == (param.map { .string($0) } ?? .null), "\(body): \(answer.text)")
                        #expect((answer["error.message"]?.string?.count ?? 0) > 10)
                    }
                    for (field, param) in Self.fields {
                        let answer = try await ask.complete("\"prompt\":\"a\",\(field)")
                        #expect(answer.status == 400, "\(field): \(answer.text)")
                        #expect(answer["error.param"] == .string(param), "\(field): \(answer.text)")
                        #expect(answer["error.type"] == .string("invalid_request_error"))
                    }
                }
            }
        }

        @Test func chatsAreChecked() async throws {
            let template = try ChatTemplate("{% for message in messages %}{{ message.content }}|{% endfor %}")
            try await TestServer.with(template: template) { server in
                try await server.live { ask in
                    for (fields, param) in [
                        ("", "messages"), (",\"messages\":[]", "messages"), (",\"messages\":[3]", nil),
                        (",\"messages\":[{\"role\":\"user\"}]", "messages[0].content"),
                        (",\"messages\":[{\"content\":\"a\"}]", "messages[0].role"),
                        (",\"messages\":[{\"role\":\"cat\",\"content\":\"a\"}]", "messages[0].role"),
                        (
                            ",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\"}]}]",
                            "messages[0].content[0].type"
                        ),
                        (
                            ",\"messages\":[{\"role\":\"user\",\"content\":\"a\"}],\"response_format\":{\"type\":\"json_object\"}",
                            "response_format"
                        ),
                        (
                            ",\"messages\":[{\"role\":\"user\",\"content\":\"a\"}],\"tool_choice\":\"required\"",
                            "tool_choice"
                        ),
                        (",\"messages\":[{\"role\":\"user\",\"content\":\"a\"}],\"top_logprobs\":3", "top_logprobs"),
                        (",\"messages\":[{\"role\":\"user\",\"content\":\"a\"}],\"logprobs\":3", "logprobs"),
                    ] {
                        let answer = try await ask(.post, "/v1/chat/completions", "{\"model\":\"embedded\"\(fields)}")
                        #expect(answer.status == 400, "\(fields): \(answer.text)")
                        #expect(
                            answer["error.param"] == (param.map { .string($0) } ?? .null), "\(fields): \(answer.text)")
                    }
                    // Found by fuzzing: one of two was checked, the other shown.
                    for messages in [
                        "\"messages\":[{\"role\":\"user\",\"content\":\"a\"}],\"messages\":2",
                        "\"messages\":[{\"role\":\"user\",\"content\":\"a\",\"content\":[3]}]",
                        "\"messages\":[{\"role\":\"user\",\"content\":\"a\",\"x\":[{\"y\":1,\"y\":2}]}]",
                    ] {
                        let answer = try await ask(
                            .post, "/v1/chat/completions", "{\"model\":\"embedded\",\(messages)}")
                        #expect(
                            answer.status == 400 && answer["error.code"] == .string("invalid_json"), "\(answer.text)")
                        #expect(answer["error.message"]?.string?.contains("twice") == true)
                    }
                    let chat = try await ask(
                        .post, "/v1/chat/completions",
                        "{\"model\":\"embedded\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"name : \"}]}],\"max_tokens\":5,\"logprobs\":true,\"top_logprobs\":2}"
                    )
                    #expect(chat.status == 200, "\(chat.text)")
                    #expect(chat["choices.0.message.role"] == .string("assistant"))
                    #expect(chat["choices.0.logprobs.content"]?.count == chat["usage.completion_tokens"]?.int)
                    let stream = try await ask(
                        .post, "/v1/chat/completions",
                        "{\"model\":\"embedded\",\"messages\":[{\"role\":\"user\",\"content\":\"name : \"}],\"max_tokens\":5,\"stream\":true}"
                    )
                    #expect(stream.events.first?["choices.0.delta.role"] == .string("assistant"))
                    #expect(stream.events.last?["choices.0.delta"] == .object([:]))
                    #expect(stream.events.last?["choices.0.finish_reason"]?.string != nil)
                }
            }
            try await TestServer.with { server in
                try await server.live { ask in
                    let answer = try await ask(
                        .post, "/v1/chat/completions",
                        "{\"model\":\"embedded\",\"messages\":[{\"role\":\"user\",\"content\":\"a\"}]}")
                    #expect(answer.status == 400 && answer["error.code"] == .string("template_error"))
                    #expect(answer["error.message"]?.string?.contains("--chat-template") == true)
                }
            }
        }

        @Test func whatIsTooLongIsRefusedBeforeAnything() async throws {
            try await TestServer.with(prefixes: [("house", "name : The House")]) { server in
                let positions = server.server.model.positions
                try await server.live { ask in
                    let long = Array(repeating: "5", count: positions - 4).joined(separator: ",")
                    let answer = try await ask.complete("\"prompt\":[\(long)],\"max_tokens\":6")
                    #expect(answer.status == 400 && answer["error.code"] == .string("context_length_exceeded"))
                    let fits = try await ask.complete("\"prompt\":[\(long)],\"max_tokens\":5")
                    #expect(fits.status == 200)
                    // What nobody asked for is made to fit.
                    let unsaid = try await ask.complete("\"prompt\":[\(long)]")
                    #expect(unsaid.status == 200)
                    let prefixed = try await ask.complete("\"prompt\":[\(long)],\"max_tokens\":5", model: "house")
                    #expect(prefixed.status == 400)
                }
            }
        }

        @Test func routesMethodsAndTypes() async throws {
            try await TestServer.with { server in
                try await server.live { ask in
                    let missing = try await ask(.get, "/v1/nothing")
                    #expect(missing.status == 404 && missing["error.code"] == .string("not_found"))
                    let method = try await ask(.put, "/v1/completions", "{}")
                    #expect(method.status == 405 && method.headers[.allow] == "POST")
                    let type = try await ask(
                        .post, "/v1/completions", "a=b", headers: [.contentType: "application/x-www-form-urlencoded"])
                    #expect(type.status == 415)
                    let embeddings = try await ask(.post, "/v1/embeddings", "{}")
                    #expect(embeddings.status == 404)
                    let ignored = try await ask.complete("\"prompt\":\"a\",\"max_tokens\":1,\"frobnicate\":3")
                    #expect(ignored.status == 200 && ignored.headers[.ignoredFields] == "frobnicate")
                    let id = try await ask(.get, "/health", headers: [.requestID: "mine-1"])
                    #expect(id.headers[.requestID] == "mine-1")
                }
            }
        }

        @Test func bodiesAreBounded() async throws {
            try await TestServer.with {
                $0.bodyLimit = 1000
                $0.bodySeconds = 0.2
            } _: { server in
                try await server.live { ask in
                    let port = try #require(ask.client.port)
                    let large = try await RawClient.post(
                        port, "/v1/completions", "{\"model\":\"" + String(repeating: "x", count: 2000) + "\"}")
                    #expect(large.contains("request_too_large"))
                    let slow = try RawClient(port: port)
                    slow.send(
                        "POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{"
                    )
                    let told = await slow.read(until: "}}")
                    #expect(told.contains("408") && told.contains("request_timeout"))
                    slow.close()
                    let header = try RawClient(port: port)
                    header.send(
                        "GET /health HTTP/1.1\r\nHost: localhost\r\nX-A: \(String(repeating: "a", count: 20_000))\r\n\r\n"
                    )
                    #expect(!(await header.read() ?? "").contains("200 OK"))
                    header.close()
                }
            }
        }

        @Test func strangersPagesMayNotAsk() async throws {
            try await TestServer.with { server in
                try await server.live { ask in
                    let port = try #require(ask.client.port)
                    let client = try RawClient(port: port)
                    client.send("GET /v1/models HTTP/1.1\r\nHost: evil.example:80\r\n\r\n")
                    #expect(await client.read(until: "}}").contains("403"))
                    client.close()
                }
            }
        }
    }
}
