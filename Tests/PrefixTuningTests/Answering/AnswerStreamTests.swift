import Foundation
import LanguageModels
import PrefixTuning
import Tensors
import TestSupport
import Testing
import Tokenizers

/// Many requests, each after its own prefix, as one stream of events.
@Suite("Streams of answers") @Compute struct AnswerStreamTests {
    private struct Told {
        var tokens: [Int: [AnswerEvent.Token]] = [:]
        var endings: [Int: AnswerEvent.Ending] = [:]
        var failures: [Int: any Error] = [:]
        /// The requests that failed after the first token.
        var late: Set<Int> = []
        /// The request of each token.
        var order: [Int] = []
    }

    private static func all(
        _ stream: AsyncThrowingStream<AnswerEvent, any Error>
    ) async throws -> Told {
        var told = Told()
        for try await event in stream {
            switch event {
            case .token(let request, let token):
                #expect(told.endings[request] == nil && told.failures[request] == nil, "no token follows the end")
                told.tokens[request, default: []].append(token)
                told.order.append(request)
            case .ended(let request, let ending): told.endings[request] = ending
            case .failed(let request, let error):
                #expect(told.failures[request] == nil && told.endings[request] == nil)
                if !told.tokens.isEmpty { told.late.insert(request) }
                told.failures[request] = error
            }
        }
        return told
    }

    private static func prefixes(_ model: LanguageModel) throws -> [ResidentPrefix] {
        try [3, 4].map { try prefix(model, length: $0) }
    }

    private static func prefix(
        _ model: LanguageModel, length: Int = 3, _ change: (inout Prefix) -> Void = { _ in }
    ) throws -> ResidentPrefix {
        var prefix = try DialectGolden.random(model.configuration.shape, at: .afterPrefix, length: length)
        change(&prefix)
        return try ResidentPrefix(prefix, for: model)
    }

    private static func options(_ count: Int = 6) -> DecodingOptions {
        var options = DecodingOptions()
        options.maxNewTokens = count
        return options
    }

    @Test("each gets what it gets alone, and their tokens come in turn", arguments: [1, 3])
    func alone(beams: Int) async throws {
        let model = try TinyModel.worded(), prefixes = try Self.prefixes(model)
        var options = Self.options()
        if beams > 1 { options.strategy = .beam(width: beams) }
        options.logProbabilities = 2
        let requests = [
            AnswerRequest("the text", after: prefixes[0]), AnswerRequest("the text", after: prefixes[1]),
            AnswerRequest("the text"), AnswerRequest("near a table", after: prefixes[0]),
        ]
        let told = try await Self.all(model.generate(requests, options: options))
        #expect(told.endings.count == 4 && told.failures.isEmpty)
        if beams == 1 { #expect(Array(told.order.prefix(4)) == [0, 1, 2, 3]) }
        for (number, request) in requests.enumerated() {
            let ending = try #require(told.endings[number]), tokens = told.tokens[number] ?? []
            let single = try await Self.all(model.generate([request], options: options))
            #expect(single.endings[0] == ending)
            #expect(tokens.map(\.id) == ending.generation.tokenIds)
            #expect(tokens.map(\.logProbability) == ending.generation.logProbabilities?.map(Optional.some))
            #expect(tokens.map(\.text).joined() + ending.rest == ending.text)
            #expect(ending.promptTokens == (try model.tokenizer.encode(request.prompt)).count)
            let expected = try Generator(model.network, tokenizer: model.tokenizer).generate(
                [try model.tokenizer.encode(request.prompt)], after: request.prefix?.start,
                options: {
                    var own = options
                    own.endTokens = model.conventions.endTokens
                    return own
                }())
            #expect(ending.generation == expected[0])
        }
        #expect(Set(told.endings.values.map(\.text)).count > 1, "the prefixes differ")
    }

    @Test("a request that cannot be answered does not keep the others from it")
    func failures() async throws {
        let model = try TinyModel.worded()
        let long = String(repeating: "the text ", count: 200), tokens = try model.tokenizer.encode(long).count
        let told = try await Self.all(
            model.generate(
                [AnswerRequest(long), AnswerRequest("the text"), AnswerRequest(long)], options: Self.options()))
        #expect(told.failures.keys.sorted() == [0, 2] && told.endings.keys.sorted() == [1])
        #expect(told.late.isEmpty, "these failures come first")
        // The error has the number of the request.
        #expect(
            told.failures[2] as? GenerationError
                == .tooLong(index: 2, prefix: 0, prompt: tokens, newTokens: 6, positions: 40))
        let single = try await Self.all(model.generate([AnswerRequest("the text")], options: Self.options()))
        #expect(told.endings[1] == single.endings[0])
        var wrong = Self.options()
        wrong.maxNewTokens = 0
        #expect(throws: GenerationError.self) { try model.generate([AnswerRequest("a")], options: wrong) }
        wrong = Self.options()
        wrong.forbiddenTokens = [300]
        #expect(throws: GenerationError.unknownToken(300, place: "forbiddenTokens", vocabularySize: 300)) {
            try model.generate([AnswerRequest("a")], options: wrong)
        }
        #expect(try await Self.all(model.generate([])).endings.isEmpty)
    }

    @Test("a prefix that breaks the scores, or is another model's, harms only its own request", arguments: [1, 3])
    func brokenPrefixes(beams: Int) async throws {
        let model = try TinyModel.worded()
        var options = Self.options()
        if beams > 1 { options.strategy = .beam(width: beams) }
        let broken = try Self.prefix(model) { $0.parts = $0.parts.mapValues { $0.map { $0 < 0 ? -3e38 : 3e38 } } }
        let foreign = try Self.prefix(TinyModel.golden("tied")), good = try Self.prefix(model)
        let told = try await Self.all(
            model.generate(
                [
                    AnswerRequest("the text", after: foreign), AnswerRequest("the text", after: good),
                    AnswerRequest("the text", after: broken), AnswerRequest("near a table"),
                ], options: options))
        #expect(told.failures.keys.sorted() == [0, 2] && told.late.isSubset(of: [2]))
        #expect(
            told.failures[0] as? GenerationError
                == .foreignPrefix(index: 0, kind: .decoder, model: model.configuration.shape))
        #expect(told.failures[2] as? GenerationError == .notFinite(index: 2))
        let alone = try await Self.all(
            model.generate(
                [AnswerRequest("the text", after: good), AnswerRequest("near a table")], options: options))
        #expect(alone.endings[0] == told.endings[1] && alone.endings[1] == told.endings[3])
        #expect(told.endings.count == 2)
    }

    @Test("draws are fixed by a request's own seed, or by its number, whatever is asked beside it")
    func draws() async throws {
        let model = try TinyModel.worded(), prefix = try Self.prefix(model)
        var options = Self.options(12)
        options.strategy = .sample
        options.seed = 9
        let unanswerable = AnswerRequest(String(repeating: "the text ", count: 200))
        let told = try await Self.all(
            model.generate(
                [
                    unanswerable, AnswerRequest("the text", after: prefix, seed: 11), AnswerRequest("the text"),
                    AnswerRequest("the text", after: prefix, seed: 12),
                ], options: options))
        let own = try await Self.all(
            model.generate([AnswerRequest("the text", after: prefix, seed: 11)], options: options))
        #expect(told.endings[1] == own.endings[0] && told.endings[1] != told.endings[3])
        let numbered = try await Self.all(
            model.generate([AnswerRequest("a"), AnswerRequest("a"), AnswerRequest("the text")], options: options))
        #expect(told.endings[2] == numbered.endings[2])
        #expect(
            numbered.endings[0]?.generation.tokenIds != numbered.endings[1]?.generation.tokenIds, "draws of their own")
        // The seed of a request does what the seed of the options does for a prompt alone.
        options.seed = 11
        let expected = try Generator(model.network).generate(
            [model.tokenizer.encode("the text")], after: prefix.start,
            options: {
                var own = options
                own.endTokens = model.conventions.endTokens
                return own
            }())
        #expect(told.endings[1]?.generation == expected[0])
    }

    @Test("an answer ends by a token, a text or its length, and says so; those that wait get the same")
    func finishReasons() async throws {
        let model = try TinyModel.worded(), prefix = try Self.prefix(model)
        let requests = [AnswerRequest("the text", after: prefix), AnswerRequest("a"), AnswerRequest("near a table")]
        let whole = try await Self.all(model.generate(requests, options: Self.options(8)))
        #expect(whole.endings.values.allSatisfy { $0.generation.finishReason == .length })
        let waiting = try await Self.all(
            model.generate(requests, options: Self.options(8), limits: GenerationRun.Limits(rows: 1)))
        #expect(waiting.endings == whole.endings)
        #expect(waiting.order == waiting.order.sorted(), "one after another")
        let tokens = try #require(whole.endings[0]?.generation.tokenIds), last = tokens[3]
        var options = Self.options(8)
        options.endTokens = [last]
        let ended = try await Self.all(model.generate(requests, options: options))
        let ending = try #require(ended.endings[0]), place = try #require(tokens.firstIndex(of: last))
        #expect(ending.generation.finishReason == .endToken && ending.generation.tokenIds == Array(tokens[...place]))
        #expect(ending.text == model.tokenizer.decode(Array(tokens[..<place])))
        #expect(ended.tokens[0]?.last?.id == last && ended.tokens[0]?.last?.text == "", "the end token says nothing")
    }

    @Test("an adapted model answers after its own prefix")
    func adapted() async throws {
        let model = try TinyModel.worded(), prefix = try Self.prefix(model)
        let told = try await Self.all(
            AdaptedModel(model, after: prefix).generate(["the text", "a"], options: Self.options()))
        let expected = try await Self.all(
            model.generate(
                [AnswerRequest("the text", after: prefix), AnswerRequest("a", after: prefix)], options: Self.options()))
        #expect(told.endings == expected.endings && told.endings.count == 2)
        let base = try await Self.all(model.generate([AnswerRequest("the text")], options: Self.options()))
        #expect(told.endings[0] != base.endings[0])
    }

    @Test("a stop text ends an answer wherever the borders of its tokens are")
    func stopTexts() async throws {
        let model = try TinyModel.worded()
        let whole = try await Self.all(model.generate([AnswerRequest("the text")], options: Self.options(12)))
        let text = try #require(whole.endings[0]?.text)
        try #require(text.count > 6)
        var options = Self.options(12)
        let stop = String(Array(text)[3...5])
        options.stopTexts = [stop]
        let told = try await Self.all(model.generate([AnswerRequest("the text")], options: options))
        let ending = try #require(told.endings[0]), parts = text.components(stop)
        #expect(ending.generation.finishReason == .stopText && ending.text == parts)
        #expect((told.tokens[0] ?? []).map(\.text).joined() + ending.rest == parts)
        // What may have been the beginning of a stop text is told at the end.
        options.stopTexts = [text.suffix(1) + "☃"]
        let held = try await Self.all(model.generate([AnswerRequest("the text")], options: options))
        let last = try #require(held.endings[0])
        #expect(last.text == text && !last.rest.isEmpty && last.generation.finishReason == .length)
        #expect((held.tokens[0] ?? []).map(\.text).joined() + last.rest == text)
    }

    @Test("it ends where nobody listens any more")
    func letGo() async throws {
        let tiny = try TinyModel.worded(), network = CountingModel(tiny.network)
        let model = try LanguageModel(
            name: "counted", tokenizer: tiny.tokenizer, configuration: tiny.configuration, network: network)
        let requests = [AnswerRequest("the text"), AnswerRequest("a", after: try Self.prefix(tiny))]
        var options = Self.options(30)
        options.minNewTokens = 30
        var received = 0
        for try await _ in try model.generate(requests, options: options) {
            received += 1
            if received == 5 { break }
        }
        try await Self.expectStopped(network)

        network.calls = 0
        let task = Task { @Compute in
            for try await _ in try model.generate(requests, options: options) {
                if network.calls == 3 { withUnsafeCurrentTask { $0?.cancel() } }
            }
        }
        try await task.value
        try await Self.expectStopped(network)
        // The compute thread is free for others.
        #expect(try await Self.all(model.generate(requests, options: Self.options())).endings.count == 2)
    }

    private static func expectStopped(_ network: CountingModel) async throws {
        for _ in 0..<100 { await Task.yield() }
        let calls = network.calls
        #expect(calls >= 3 && calls < 15)
        for _ in 0..<100 { await Task.yield() }
        #expect(network.calls == calls)
    }
}

/// A model that counts how often it is asked.
private final class CountingModel: CausalModel {
    var calls = 0
    private let model: any CausalModel

    init(_ model: any CausalModel) { self.model = model }

    var shape: ModelShape { model.shape }
    var head: any LinearMap { model.head }
    var parameters: [(name: String, value: Tensor)] { model.parameters }

    func embeddings(of tokens: [Int32]) -> Tensor { model.embeddings(of: tokens) }

    func hiddenStates(_ batch: TokenBatch, cache: KVCache, dropout: Dropout?) -> Tensor {
        calls += 1
        return model.hiddenStates(batch, cache: cache, dropout: dropout)
    }
}

extension String {
    /// What stands before a text.
    fileprivate func components(_ stop: String) -> String { String(self[..<(range(of: stop)?.lowerBound ?? endIndex)]) }
}
