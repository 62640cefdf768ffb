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
        /// The request of each event.
        var order: [Int] = []
    }

    private static func all(
        _ stream: AsyncThrowingStream<AnswerEvent, any Error>
    ) async throws -> Told {
        var told = Told()
        for try await event in stream {
            switch event {
            case .token(let request, let token):
                #expect(told.endings[request] == nil, "no token follows the end")
                told.tokens[request, default: []].append(token)
                told.order.append(request)
            case .ended(let request, let ending): told.endings[request] = ending
            case .failed(let request, let error):
                #expect(told.tokens.isEmpty, "failures come first")
                told.failures[request] = error
            }
        }
        return told
    }

    private static func prefixes(_ model: LanguageModel) throws -> [ResidentPrefix] {
        try [1, 2].map { seed in
            let prefix = try DialectGolden.random(
                TinyModel.wordedConfiguration.shape, at: .afterPrefix, length: 2 + seed)
            return try withTrainingFolder { folder in
                try prefix.write(to: folder)
                return try ResidentPrefix(contentsOf: folder, for: model)
            }
        }
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
        let long = String(repeating: "the text ", count: 200)
        let told = try await Self.all(
            model.generate(
                [AnswerRequest(long), AnswerRequest("the text"), AnswerRequest(long)], options: Self.options()))
        #expect(told.failures.keys.sorted() == [0, 2] && told.endings.keys.sorted() == [1])
        #expect(told.failures[0] is GenerationError)
        let single = try await Self.all(model.generate([AnswerRequest("the text")], options: Self.options()))
        #expect(told.endings[1] == single.endings[0])
        var wrong = Self.options()
        wrong.maxNewTokens = 0
        #expect(throws: GenerationError.self) { try model.generate([AnswerRequest("a")], options: wrong) }
        #expect(try await Self.all(model.generate([])).endings.isEmpty)
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
    }

    @Test("it ends where nobody listens any more")
    func letGo() async throws {
        let model = try TinyModel.worded()
        let stream = try model.generate([AnswerRequest("the text")], options: Self.options(20))
        for try await _ in stream { break }
        let task = Task { try await Self.all(model.generate([AnswerRequest("the text")], options: Self.options(20))) }
        task.cancel()
        let told = try await task.value
        #expect((told.tokens[0] ?? []).count < 20)
        // The compute thread is free for others.
        #expect(try await Self.all(model.generate([AnswerRequest("a")], options: Self.options())).endings.count == 1)
    }
}

extension String {
    /// What stands before a text.
    fileprivate func components(_ stop: String) -> String { String(self[..<(range(of: stop)?.lowerBound ?? endIndex)]) }
}
