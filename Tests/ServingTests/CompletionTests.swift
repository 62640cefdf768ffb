import Foundation
import HTTPTypes
import HummingbirdTesting
import LanguageModels
import PrefixTuning
import Tensors
import Testing
import Tokenizers

@testable import Serving

extension ServedTests {
    @Suite(.serialized) struct CompletionTests {
        private let prompt = "name : Alimentum | area : city centre"

        /// What the library answers, alone.
        private func alone(_ change: (inout DecodingOptions) -> Void = { _ in }) async throws -> Generation {
            let model = try await TestServer.model.value
            var options = DecodingOptions(.greedy, maxNewTokens: 12, endTokens: model.conventions.endTokens)
            change(&options)
            let fixed = options
            return try await Compute.run {
                let tokens = try model.tokenizer.encode(prompt)
                return try Generator(model.network, tokenizer: model.tokenizer).generate([tokens], options: fixed)[0]
            }
        }

        private func text(_ generation: Generation) async throws -> String {
            let model = try await TestServer.model.value
            var options = DecodingOptions()
            options.endTokens = model.conventions.endTokens
            return AnswerText.text(of: generation.tokenIds, model.tokenizer, options: options)
        }

        @Test func answersAsTheLibraryDoes() async throws {
            let greedy = try await text(alone())
            try await TestServer.with { server in
                try await server.live { ask in
                    let answer = try await ask.complete("\"prompt\":\"\(prompt)\",\"max_tokens\":12,\"temperature\":0")
                    #expect(answer.status == 200)
                    #expect(answer["choices.0.text"]?.string == greedy)
                    #expect(answer["object"] == .string("text_completion") && answer["model"] == .string("embedded"))
                    #expect(
                        answer["usage.completion_tokens"] == .integer(12)
                            || answer["choices.0.finish_reason"] == .string("stop"))
                    #expect(answer.headers[.requestID]?.isEmpty == false)
                    let seeded = try await ask.complete("\"prompt\":\"\(prompt)\",\"max_tokens\":12,\"seed\":7")
                    let again = try await ask.complete("\"prompt\":\"\(prompt)\",\"max_tokens\":12,\"seed\":7")
                    #expect(seeded["choices.0.text"] == again["choices.0.text"])
                    let drawn = try await alone {
                        $0.strategy = .sample
                        $0.seed = 7
                    }
                    #expect(seeded["choices.0.text"]?.string == (try await text(drawn)))
                }
            }
        }

        @Test func aStreamSaysTheSame() async throws {
            try await TestServer.with { server in
                try await server.live { ask in
                    for fields in [
                        "\"seed\":3", "\"temperature\":0,\"stop\":[\"a\",\" in the\"]", "\"n\":3,\"seed\":5",
                        "\"temperature\":0,\"n\":2",
                    ] {
                        let body = "\"prompt\":\"\(prompt)\",\"max_tokens\":16,\"logprobs\":2,\(fields)"
                        let whole = try await ask.complete(body)
                        let stream = try await ask.complete(
                            body + ",\"stream\":true,\"stream_options\":{\"include_usage\":true}")
                        #expect(stream.headers[.contentType] == "text/event-stream; charset=utf-8")
                        #expect(stream.text.hasSuffix(EventText.done))
                        let events = stream.events
                        #expect(Set(events.compactMap { $0["id"]?.string }).count == 1)
                        #expect(events.last?["choices"] == .array([]))
                        #expect(events.last?["usage.completion_tokens"] == whole["usage.completion_tokens"])
                        #expect(events.dropLast().allSatisfy { $0["usage"] == .null })
                        for index in 0..<(whole["choices"]?.count ?? 0) {
                            let own = events.filter { $0["choices.0.index"] == .integer(index) }
                            let text = own.compactMap { $0["choices.0.text"]?.string }.joined()
                            #expect(text == whole["choices.\(index).text"]?.string)
                            let reasons = own.compactMap { $0["choices.0.finish_reason"]?.string }
                            #expect(reasons == [whole["choices.\(index).finish_reason"]?.string].compactMap(\.self))
                            let logprobs = own.compactMap { event -> RequestValue? in
                                event["choices.0.logprobs.token_logprobs.0"]
                            }
                            #expect(.array(logprobs) == whole["choices.\(index).logprobs.token_logprobs"])
                        }
                    }
                }
            }
        }

        @Test func stopsBeforeAText() async throws {
            try await TestServer.with { server in
                try await server.live { ask in
                    let whole = try await ask.complete("\"prompt\":\"\(prompt)\",\"max_tokens\":20,\"temperature\":0")
                    let text = try #require(whole["choices.0.text"]?.string)
                    let stop = String(text.dropFirst(3).prefix(4))
                    let encoded = EventText.quoted(stop)
                    let stopped = try await ask.complete(
                        "\"prompt\":\"\(prompt)\",\"max_tokens\":20,\"temperature\":0,\"stop\":\(encoded)")
                    let end = try #require(text.range(of: stop))
                    #expect(stopped["choices.0.text"]?.string == String(text[..<end.lowerBound]))
                    #expect(stopped["choices.0.finish_reason"] == .string("stop"))
                    #expect(stopped["choices.0.stop_reason"]?.string == stop)
                    let included = try await ask.complete(
                        "\"prompt\":\"\(prompt)\",\"max_tokens\":20,\"temperature\":0,\"stop\":\(encoded),\"include_stop_str_in_output\":true"
                    )
                    #expect(included["choices.0.text"]?.string == String(text[..<end.upperBound]))
                }
            }
        }

        @Compute private static func scores(
            of text: String, by model: LanguageModel
        ) async throws -> [TokenLogProbability?] {
            try await model.network.probabilities(ofPrompt: model.tokenizer.encode(text), best: 1)
        }

        @Test func echoesWithTheProbabilitiesOfThePrompt() async throws {
            try await TestServer.with { server in
                try await server.live { ask in
                    let answer = try await ask.complete(
                        "\"prompt\":\"\(prompt)\",\"max_tokens\":0,\"echo\":true,\"logprobs\":1")
                    #expect(answer["choices.0.text"]?.string == prompt)
                    let tokens = answer["choices.0.logprobs.tokens"]?.count ?? 0
                    #expect(tokens == answer["usage.prompt_tokens"]?.int)
                    #expect(answer["choices.0.logprobs.token_logprobs.0"] == .null)
                    let model = try await TestServer.model.value
                    let scores = try await Self.scores(of: prompt, by: model)
                    guard case .number(let told)? = answer["choices.0.logprobs.token_logprobs.3"] else {
                        Issue.record("no number: \(answer.text)")
                        return
                    }
                    #expect(abs(told - Double(scores[3]?.logProbability ?? 0)) < 1e-5)
                    let longer = try await ask.complete(
                        "\"prompt\":\"\(prompt)\",\"max_tokens\":3,\"echo\":true,\"temperature\":0")
                    #expect(longer["choices.0.text"]?.string?.hasPrefix(prompt) == true)
                }
            }
        }

        @Test func severalPromptsAndTheBestOfSeveral() async throws {
            try await TestServer.with { server in
                try await server.live { ask in
                    let several = try await ask.complete(
                        "\"prompt\":[\"\(prompt)\",\"near : \",[5,6,7]],\"max_tokens\":4,\"n\":2,\"seed\":1")
                    #expect(several["choices"]?.count == 6)
                    #expect((0..<6).allSatisfy { several["choices.\($0).index"] == .integer($0) })
                    let best = try await ask.complete(
                        "\"prompt\":\"\(prompt)\",\"max_tokens\":4,\"n\":1,\"best_of\":4,\"seed\":1,\"logprobs\":0")
                    #expect(best["choices"]?.count == 1)
                    #expect((best["usage.completion_tokens"]?.int ?? 0) > 4)
                    let beams = try await ask.complete(
                        "\"prompt\":\"\(prompt)\",\"max_tokens\":4,\"n\":2,\"use_beam_search\":true")
                    #expect(beams["choices"]?.count == 2)
                }
            }
        }

        @Test func manyAtOnceSayWhatEachSaysAlone() async throws {
            let prefixes = (0..<6).map {
                (id: "p\($0)", text: "name : number \($0) | food : " + String(repeating: "x ", count: $0))
            }
            try await TestServer.with(prefixes: prefixes) { server in
                try await server.live { ask in
                    @Sendable func body(_ index: Int) -> String {
                        "\"prompt\":\"area : \(index)\",\"max_tokens\":10,"
                            + (index % 2 == 0 ? "\"temperature\":0" : "\"seed\":\(index)")
                    }
                    var alone: [String?] = []
                    for index in 0..<24 {
                        alone.append(
                            try await ask.complete(body(index), model: "p\(index % 6)")["choices.0.text"]?.string)
                    }
                    #expect(Set(alone).count > 6)
                    let port = try #require(ask.client.port)
                    let together = try await withThrowingTaskGroup(of: (Int, String?).self) { group in
                        for index in 0..<24 {
                            group.addTask {
                                let text = try await RawClient.post(
                                    port, "/v1/completions", "{\"model\":\"p\(index % 6)\",\(body(index))}")
                                return (index, (try? RequestValue(parsing: Data(text.utf8)))?["choices.0.text"]?.string)
                            }
                        }
                        return try await group.reduce(into: [Int: String?]()) { $0[$1.0] = $1.1 }
                    }
                    for index in 0..<24 { #expect(together[index] == alone[index]) }
                }
            }
        }
    }
}
