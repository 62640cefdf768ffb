import ChatTemplates
import Foundation
import HTTPTypes
import HummingbirdTesting
import LanguageModels
import PrefixTuning
import Tensors
import Tokenizers
import Testing

@testable import Serving

extension ServedTests {
    /// Prefixes made of others, what is told of prompts, whose names metrics have.
    @Suite(.serialized) struct MoreFormsTests {
        private let prompt = "name : Alimentum | area : city centre"

        @Test func prefixesAreMadeOfOthers() async throws {
            let prefixes = [
                (id: "a", text: "area : riverside"), (id: "b", text: "food : French"),
                (id: "c", text: "area : riverside"),
            ]
            try await TestServer.with(prefixes: prefixes) { server in
                try await server.live { ask in
                    func answer(_ model: String) async throws -> String? {
                        let answer = try await ask.complete(
                            "\"prompt\":\"\(prompt)\",\"max_tokens\":12,\"temperature\":0", model: model)
                        #expect(answer.status == 200, "\(answer.text)")
                        return answer["choices.0.text"]?.string
                    }
                    let row = try await ask(.post, "/v1/prefixes", "{\"name\":\"row\",\"from\":[\"a\",\"b\"]}")
                    #expect(row.status == 201, "\(row.text)")
                    var lengths: [Int] = []
                    for id in ["a", "b"] {
                        lengths.append(try await ask(.get, "/v1/prefixes/\(id)")["prefix.length"]?.int ?? 0)
                    }
                    #expect(row["prefix.length"] == .integer(lengths[0] + lengths[1]))
                    // What `combine` writes.
                    #expect(try await answer("row") == answer("embedded+a+b"))
                    let three = try await ask(
                        .post, "/v1/prefixes", "{\"name\":\"three\",\"from\":[\"a\",\"b\",\"a\"],\"how\":\"row\"}")
                    #expect(three["prefix.length"] == .integer(2 * lengths[0] + lengths[1]))
                    // Of two that are equal, every mixture is them.
                    let mixed = try await ask(
                        .post, "/v1/prefixes",
                        "{\"name\":\"mixed\",\"from\":[\"a\",\"c\"],\"how\":\"mix\",\"weight\":0.25}")
                    #expect(mixed.status == 201, "\(mixed.text)")
                    #expect(try await answer("mixed") == answer("a"))
                    for (fields, param) in [
                        ("\"from\":[\"a\"]", "from"), ("\"from\":\"a\"", "from"), ("\"from\":[\"a\",3]", "from[1]"),
                        ("\"from\":[\"a\",\"nobody\"]", "model"), ("\"from\":[\"a\",\"b\"],\"how\":\"sum\"", "how"),
                        ("\"from\":[\"a\",\"b\"],\"weight\":0.5", "weight"),
                        ("\"from\":[\"a\",\"b\",\"c\"],\"how\":\"mix\"", "from"),
                        ("\"from\":[\"a\",\"b\"],\"how\":\"mix\",\"weight\":11", "weight"),
                        ("\"from\":[\"a\",\"row\"],\"how\":\"mix\"", "from"),
                    ] {
                        let refused = try await ask(.post, "/v1/prefixes", "{\"name\":\"x\",\(fields)}")
                        #expect((400..<405).contains(refused.status), "\(fields): \(refused.text)")
                        #expect(refused["error.param"] == .string(param), "\(fields): \(refused.text)")
                        #expect(!refused.text.contains(server.store.path))
                    }
                    #expect(try await ask(.get, "/v1/models/x").status == 404)
                }
            }
        }

        @Test func othersPrefixesAreNotMixedIn() async throws {
            let (key, line) = KeyFile.newKey("bob")
            try await TestServer.with(
                keys: line, prefixes: [("bob/menus", "food : soup"), ("alice/menus", "food : bread")]
            ) { server in
                try await server.live { ask in
                    let answer = try await ask(
                        .post, "/v1/prefixes", "{\"name\":\"x\",\"from\":[\"menus\",\"alice/menus\"]}", key: key)
                    #expect(answer.status == 404 && answer["error.code"] == .string("model_not_found"))
                }
            }
        }

        @Test func promptsAreToldAsVLLMTellsThem() async throws {
            try await TestServer.with(template: try .init("{{ messages[0].content }}")) { server in
                try await server.live { ask in
                    let echoed = try await ask.complete(
                        "\"prompt\":\"\(prompt)\",\"max_tokens\":0,\"echo\":true,\"logprobs\":2")
                    let told = try await ask.complete(
                        "\"prompt\":[\"\(prompt)\",\"area : \"],\"max_tokens\":2,\"prompt_logprobs\":2,\"temperature\":0"
                    )
                    #expect(told.status == 200, "\(told.text)")
                    let count = try #require(echoed["usage.prompt_tokens"]?.int)
                    #expect(told["choices.0.prompt_logprobs"]?.count == count)
                    #expect(told["choices.0.prompt_logprobs.0"] == .null)
                    #expect((told["choices.1.prompt_logprobs"]?.count ?? 0) < count)
                    let model = try await TestServer.model.value
                    let tokens = try model.tokenizer.encode(prompt)
                    for (index, token) in tokens.enumerated().dropFirst() {
                        let own = told["choices.0.prompt_logprobs.\(index).\(token)"]
                        #expect(
                            own?["logprob"] == echoed["choices.0.logprobs.token_logprobs.\(index)"], "\(index)")
                        guard case .object(let all)? = told["choices.0.prompt_logprobs.\(index)"] else {
                            Issue.record("no object")
                            continue
                        }
                        let ranks = all.values.compactMap { $0["rank"]?.int }.sorted()
                        #expect(ranks == [1, 2] && (2...3).contains(all.count))
                    }
                    let chat = try await ask(
                        .post, "/v1/chat/completions",
                        "{\"model\":\"embedded\",\"messages\":[{\"role\":\"user\",\"content\":\"\(prompt)\"}],\"max_tokens\":1,\"prompt_logprobs\":0}"
                    )
                    #expect(chat["prompt_logprobs"]?.count == count, "\(chat.text)")
                    let plain = try await ask.complete("\"prompt\":\"a\",\"max_tokens\":1")
                    #expect(!plain.text.contains("prompt_logprobs"))
                    for fields in ["\"prompt_logprobs\":1,\"stream\":true", "\"prompt_logprobs\":21"] {
                        let refused = try await ask.complete("\"prompt\":\"a\",\"max_tokens\":1,\(fields)")
                        #expect(refused.status == 400 && refused["error.param"] == .string("prompt_logprobs"))
                    }
                }
            }
        }

        @Test func metricsHaveTheNamesOfWhomTheyAreFor() async throws {
            try await TestServer.with(prefixes: [("house", "area : here")]) {
                $0.metricsNames = .vLLM(model: "embedded")
            } _: { server in
                try await server.live { ask in
                    _ = try await ask.complete("\"prompt\":\"a\",\"max_tokens\":2,\"ignore_eos\":true", model: "house")
                    let text = try await ask(.get, "/metrics").text
                    for line in [
                        "vllm:num_requests_running{model_name=\"embedded\",engine=\"0\"} 0",
                        "vllm:generation_tokens_total{model_name=\"embedded\",engine=\"0\",prefix=\"house\"} 2",
                        "vllm:request_success_total{model_name=\"embedded\",engine=\"0\",finished_reason=\"length\"} 1",
                        "vllm:time_to_first_token_seconds_count{model_name=\"embedded\",engine=\"0\"} 1",
                    ] {
                        #expect(text.contains(line + "\n"), "\(line)")
                    }
                    #expect(!text.contains("prefixtune_"))
                    #expect(
                        text.contains(
                            "vllm:prefix_memory_bytes{model_name=\"embedded\",engine=\"0\",prefix=\"house\"} "))
                }
            }
        }

        @Test func gaugesOfPrefixesAreFew() async throws {
            let registry = MetricsRegistry()
            registry.declare("g", .gauge, "Help.", label: "prefix")
            registry.replace("g", Dictionary(uniqueKeysWithValues: (0..<100).map { ("p\($0)", Double($0)) }), atMost: 3)
            #expect(
                registry.text(MetricsNames(prefix: "")).split(separator: "\n").dropFirst(2).map(String.init) == [
                    "g{prefix=\"_other\"} 4656", "g{prefix=\"p97\"} 97", "g{prefix=\"p98\"} 98", "g{prefix=\"p99\"} 99",
                ])
            registry.replace("g", [:], atMost: 3)
            #expect(registry.value("g", label: "p99") == nil)
            var limits = Scheduler.Limits()
            limits.rows = 1
            try await TestServer.with(prefixes: [("house", "area : here")], limits: limits) { server in
                try await server.live { ask in
                    let port = try #require(ask.client.port)
                    let clients = try (0..<3).map { _ in try RawClient(port: port) }
                    for client in clients {
                        client.post(
                            "/v1/completions",
                            "{\"model\":\"house\",\"prompt\":\"a\",\"max_tokens\":180,\"ignore_eos\":true}")
                    }
                    #expect(try await eventually { server.server.engine.status.waiting == 2 })
                    let text = try await ask(.get, "/metrics").text
                    #expect(text.contains("prefixtune_prefix_requests_running{prefix=\"house\"} 1\n"))
                    #expect(text.contains("prefixtune_prefix_requests_waiting{prefix=\"house\"} 2\n"))
                    for client in clients { client.close() }
                }
            }
        }

        @Test func stepsAreAsLongAsTheyMay() {
            var budget = StepBudget(seconds: 0.06)
            #expect(budget.tokens == 128)
            // 1 ms for each token: 60 of them.
            for _ in 0..<40 {
                budget.note(seconds: Double(budget.tokens) * 0.001, promptTokens: budget.tokens, rows: 8)
            }
            #expect((45...62).contains(budget.tokens), "\(budget.tokens)")
            for _ in 0..<100 { budget.note(seconds: 10, promptTokens: budget.tokens, rows: 8) }
            #expect(budget.tokens == StepBudget.range.lowerBound)
            // Nobody waits: nothing is learnt.
            budget.note(seconds: 0.001, promptTokens: 16, rows: 0)
            #expect(budget.tokens(beside: true) == 16 && budget.tokens(beside: false) == 128)
            for _ in 0..<100 { budget.note(seconds: 0.001, promptTokens: budget.tokens, rows: 1) }
            #expect(budget.tokens == StepBudget.range.upperBound)
        }

        @Test func stepsAreThreeTimesAsLongAsThoseWithoutPrompts() {
            var budget = StepBudget(seconds: nil)
            #expect(budget.limit == 0.06)
            // 4 ms without, half a millisecond more for each token: 16 of them.
            for _ in 0..<50 {
                budget.note(seconds: 0.004, promptTokens: 0, rows: 8)
                budget.note(seconds: 0.004 + Double(budget.tokens) * 0.0005, promptTokens: budget.tokens, rows: 8)
            }
            #expect(abs(budget.limit - 0.012) < 1e-9 && budget.tokens == 16, "\(budget.tokens)")
            // A larger model: 100 ms without, 2 ms for each token.
            for _ in 0..<200 {
                budget.note(seconds: 0.1, promptTokens: 0, rows: 8)
                budget.note(seconds: 0.1 + Double(budget.tokens) * 0.002, promptTokens: budget.tokens, rows: 8)
            }
            #expect((60...100).contains(budget.tokens), "\(budget.tokens)")
        }

        @Test func whatIsAnsweredDoesNotDependOnTheStep() async throws {
            let tokens = (0..<150).map { String(5 + $0 * 7 % 300) }.joined(separator: ",")
            let body = "\"prompt\":[\(tokens)],\"max_tokens\":8,\"seed\":3,\"logprobs\":1"
            var answers: [RequestValue?] = []
            for seconds in [60, 0.000_001] {
                answers.append(
                    try await TestServer.with(stepSeconds: seconds) { server in
                        try await server.live { ask in
                            // Others are answered meanwhile, so that steps are measured.
                            let port = try #require(ask.client.port)
                            let other = try RawClient(port: port)
                            other.post(
                                "/v1/completions",
                                "{\"model\":\"embedded\",\"prompt\":\"a\",\"max_tokens\":180,\"ignore_eos\":true}")
                            #expect(try await eventually { server.server.engine.status.running == 1 })
                            defer { other.close() }
                            _ = try await ask.complete("\"prompt\":[\(tokens),9,9],\"max_tokens\":2")
                            return try await ask.complete(body)["choices"]
                        }
                    })
            }
            #expect(answers[0] != nil && answers[0] == answers[1])
        }
    }
}
