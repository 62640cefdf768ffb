import Foundation
import Tensors
import TestSupport
import Testing

@testable import LanguageModels

/// The ends of ranges, what cannot be generated, and streams.
@Suite("Generating at the edges") @Compute struct GenerationEdgeTests {
    typealias Strategy = DecodingOptions.Strategy
    nonisolated static let strategies: [Strategy] = [.greedy, .beam(width: 1), .beam(width: 4), .sample]

    @Test("one new token, and as many as there are positions", arguments: strategies)
    func lengths(strategy: Strategy) throws {
        let golden = try GenerationGolden()
        let generator = Generator(golden.model)
        var options = golden.options(strategy, maxNewTokens: 1)
        options.endTokens = []
        let one = try generator.generate([[5, 6]], options: options)[0]
        #expect(one.tokenIds.count == 1 && one.finishReason == .length)
        // 48 positions: 5 of the prefix, 10 of the prompt, 33 for all but the last new token.
        options.maxNewTokens = 34
        let full = try generator.generate([[Int32](0..<10)], after: golden.prefix, options: options)[0]
        #expect(full.tokenIds.count == 34 && full.finishReason == .length)
        options.maxNewTokens = 35
        let error = GenerationError.tooLong(index: 1, prefix: 5, prompt: 10, newTokens: 35, positions: 48)
        #expect(throws: error) {
            try generator.generate([[1], [Int32](0..<10)], after: golden.prefix, options: options)
        }
        #expect(error.description.contains("at most 34 new tokens"))
    }

    @Test("an end token at the first step", arguments: [Strategy.greedy, .beam(width: 4)])
    func endAtOnce(strategy: Strategy) throws {
        let golden = try GenerationGolden()
        let generator = Generator(golden.model)
        var options = golden.options(strategy)
        let first = try generator.generate([[9]], options: golden.options(.greedy, maxNewTokens: 1))[0].tokenIds[0]
        options.endTokens = [first]
        options.earlyStopping = .yes
        options.lengthPenalty = -5  // The shortest answer is the best.
        let answer = try generator.generate([[9]], options: options)[0]
        #expect(answer.tokenIds == [first] && answer.finishReason == .endToken)
        options.minNewTokens = 3
        #expect(try generator.generate([[9]], options: options)[0].tokenIds.count >= 3)
    }

    @Test("nothing allowed: the answer so far", arguments: strategies)
    func nothingAllowed(strategy: Strategy) throws {
        let golden = try GenerationGolden()
        let generator = Generator(golden.model)
        var options = golden.options(strategy)
        options.forbiddenTokens = [Int32](0..<64)
        let empty = try generator.generate([[1], [2]], options: options)
        #expect(empty == [Generation](repeating: Generation(tokenIds: [], finishReason: .noTokenAllowed), count: 2))
        // Each token may occur once, and only five are allowed.
        options.forbiddenTokens = [Int32](5..<64)
        options.noRepeatNGramSize = 1
        var told: [Int32] = []
        let answer = try generator.generate([[60]], options: options) { told.append($1) }[0]
        #expect(answer.tokenIds.sorted() == [0, 1, 2, 3, 4] && answer.finishReason == .noTokenAllowed)
        #expect(told == answer.tokenIds)
    }

    @Test("scores that are no numbers", arguments: strategies)
    func notFinite(strategy: Strategy) throws {
        let golden = try GenerationGolden()
        var values = golden.prefixMatrix.values
        values[3] = .nan
        let matrix = Tensor(values, shape: golden.prefixMatrix.shape)
        let damaged = InitialKeyValues(decoder: KeyValues(rowsOf: matrix, shape: golden.model.shape))
        #expect(throws: GenerationError.notFinite(index: 1)) {
            try Generator(golden.model).generate(
                [[1], [2]], after: [golden.prefix, damaged], options: golden.options(strategy))
        }
    }

    @Test("a prompt with such scores leaves, and the others go on", arguments: strategies)
    func leaving(strategy: Strategy) throws {
        let golden = try GenerationGolden(), options = golden.options(strategy)
        let matrix = Tensor(
            [Float](repeating: .nan, count: golden.prefixMatrix.count), shape: golden.prefixMatrix.shape)
        let damaged = InitialKeyValues(decoder: KeyValues(rowsOf: matrix, shape: golden.model.shape))
        let prompts: [[Int32]] = [[1], [2], [3, 4]]
        let run = try GenerationRun(
            golden.model, prompts: prompts, after: [golden.prefix, damaged, nil], options: options)
        var answers: [Int: Generation] = [:], failed: [Int] = [], answered: [Int] = []
        while let step = run.advance() {
            for (prompt, answer, generation) in step.finished where answer == 0 { answers[prompt] = generation }
            failed += step.failed.map(\.prompt)
            answered += step.answered
        }
        #expect(failed == [1] && answered.sorted() == [0, 2])
        let expected = try Generator(golden.model).generate(
            prompts, after: [golden.prefix, nil, nil], options: options)
        #expect(answers == [0: expected[0], 2: expected[2]])
    }

    @Test("what was made for a model of other sizes")
    func foreignPrefix() throws {
        let golden = try GenerationGolden(), shape = golden.model.shape
        func error(_ change: (inout ModelShape) -> Void, cross: Bool = false) throws -> String? {
            var other = shape
            change(&other)
            let part = KeyValues(rowsOf: Tensor(shape: [5, other.prefixRowWidth]), shape: other)
            let start = cross ? InitialKeyValues(cross: part) : InitialKeyValues(decoder: part)
            do {
                _ = try GenerationRun(
                    golden.model, prompts: [[1], [2]], after: [nil, start], options: golden.options(.greedy))
            } catch { return error.description }
            return nil
        }
        let (layers, width) = (shape.layerCount, shape.keyWidth)
        let sentence =
            "the prefix of prompt 1 was made for a model of other sizes: the decoder attention here has "
            + "\(layers) layers with keys of width \(width); give one that was made for this model"
        #expect(try error { _ in } == nil)
        #expect(try error { $0.layerCount += 1 } == sentence)
        #expect(try error { $0.layerCount -= 1 } == sentence)
        #expect(try error { $0.headWidth *= 2 } == sentence)
        #expect(try error { $0.headWidth /= 2 } == sentence)
        #expect(
            try error({ _ in }, cross: true)
                == "the prefix of prompt 1 was made for a model of other sizes: there is no cross attention here; "
                + "give one that was made for this model")
    }

    @Test("prompts that cannot be answered")
    func badPrompts() throws {
        let golden = try GenerationGolden()
        let generator = Generator(golden.model)
        let options = golden.options(.greedy)
        #expect(try generator.generate([], options: options).isEmpty)
        #expect(throws: GenerationError.emptyPrompt(index: 1)) { try generator.generate([[1], []], options: options) }
        for token in [Int32(64), -1] {
            #expect(throws: GenerationError.unknownToken(token, place: "prompt 0", vocabularySize: 64)) {
                try generator.generate([[token]], options: options)
            }
        }
        #expect(throws: GenerationError.prefixCount(prompts: 2, prefixes: 1)) {
            try generator.generate([[1], [2]], after: [nil], options: options)
        }
        var named = options
        named.forbiddenSequences = [[1, 64]]
        #expect(throws: GenerationError.unknownToken(64, place: "forbiddenSequences", vocabularySize: 64)) {
            try generator.generate([[1]], options: named)
        }
    }

    @Test("options out of range")
    func badOptions() {
        func error(_ change: (inout DecodingOptions) -> Void) -> String? {
            var options = DecodingOptions(.sample)
            change(&options)
            do { try options.validate() } catch { return error.description }
            return nil
        }
        #expect(error { _ in } == nil)
        #expect(error { $0.strategy = .beam(width: 0) } == "the number of beams is 0, but must be between 1 and 256")
        #expect(error { $0.maxNewTokens = 0 } == "maxNewTokens is 0, but must be 1 or more")
        #expect(error { $0.minNewTokens = 101 } == "minNewTokens is 101, but must be between 0 and 100")
        #expect(error { $0.lengthPenalty = .nan } == "lengthPenalty is nan, but must be a number")
        #expect(error { $0.noRepeatNGramSize = -1 } == "noRepeatNGramSize is -1, but must be 0 (off) or more")
        #expect(error { $0.repetitionPenalty = 0 } == "repetitionPenalty is 0.0, but must be greater than 0 (1 is off)")
        #expect(error { $0.forbiddenSequences = [[]] } != nil)
        #expect(error { $0.temperature = 0 }?.contains("use greedy search") == true)
        #expect(error { $0.temperature = 1e-60 } != nil)
        #expect(error { $0.topK = -2 } == "topK is -2, but must be 0 (off) or more")
        #expect(error { $0.topP = 0 } == "topP is 0.0, but must be greater than 0 and at most 1 (off)")
        #expect(error { $0.topP = 1.01 } != nil)
        #expect(error { $0.minP = .nan } == "minP is nan, but must be between 0 (off) and 1")
    }

    @Test("options as JSON")
    func json() throws {
        #expect(try JSONDecoder().decode(DecodingOptions.self, from: Data("{}".utf8)) == DecodingOptions())
        var options = DecodingOptions.tableToText(forbidding: [198, 628], endTokens: [50256])
        options.earlyStopping = .never
        options.seed = .max
        options.topP = 0.5
        #expect(options.strategy == .beam(width: 5) && options.forbiddenTokens == [198, 628])
        let data = try JSONEncoder().encode(options)
        #expect(try JSONDecoder().decode(DecodingOptions.self, from: data) == options)
        options.strategy = .contrastive(alpha: 0.6, candidates: 4)
        #expect(try JSONDecoder().decode(DecodingOptions.self, from: JSONEncoder().encode(options)) == options)
    }
}

/// Tokens as they come.
@Suite("Streams of tokens") @Compute struct GenerationStreamTests {
    @Test("a stream brings the tokens of the answer", arguments: GenerationBatchTests.strategies)
    func equality(strategy: DecodingOptions.Strategy) async throws {
        let golden = try GenerationGolden()
        let generator = Generator(golden.model), options = golden.options(strategy)
        var tokens: [Int32] = []
        for try await token in try generator.stream([7, 8], after: golden.prefix, options: options) {
            tokens.append(token)
        }
        #expect(tokens == (try generator.generate([[7, 8]], after: golden.prefix, options: options)[0].tokenIds))
    }

    @Test("a stream that is let go stops the model")
    func lettingGo() async throws {
        let golden = try GenerationGolden()
        let model = CountingModel(golden.model)
        var options = golden.options(.greedy, maxNewTokens: 40)
        options.endTokens = []
        var received = 0
        for try await _ in try Generator(model).stream([1], options: options) {
            received += 1
            if received == 3 { break }
        }
        for _ in 0..<100 { await Task.yield() }
        let calls = model.calls
        #expect(calls >= 3 && calls < 20)
        for _ in 0..<100 { await Task.yield() }
        #expect(model.calls == calls)
    }

    @Test("a cancelled task stops between steps")
    func cancellation() async throws {
        let golden = try GenerationGolden()
        let model = CountingModel(golden.model)
        var options = golden.options(.greedy, maxNewTokens: 40)
        options.endTokens = []
        let generator = Generator(model)
        let task = Task { @Compute in
            var told = 0
            return try generator.generate([[1]], options: options) { _, _ in
                told += 1
                if told == 2 { withUnsafeCurrentTask { $0?.cancel() } }
            }
        }
        await #expect(throws: CancellationError.self) { try await task.value }
        #expect(model.calls == 3)
    }

    @Test("errors end a stream")
    func errors() async throws {
        let golden = try GenerationGolden()
        let matrix = Tensor(
            [Float](repeating: .nan, count: golden.prefixMatrix.count), shape: golden.prefixMatrix.shape)
        let damaged = InitialKeyValues(decoder: KeyValues(rowsOf: matrix, shape: golden.model.shape))
        let generator = Generator(golden.model)
        #expect(throws: GenerationError.emptyPrompt(index: 0)) {
            try generator.stream([], options: golden.options(.greedy))
        }
        await #expect(throws: GenerationError.notFinite(index: 0)) {
            for try await _ in try generator.stream([1], after: damaged, options: golden.options(.greedy)) {}
        }
    }
}

/// A model that counts how often it is asked.
private final class CountingModel: CausalModel {
    private(set) var calls = 0
    private let model: GPT2

    init(_ model: GPT2) { self.model = model }

    var shape: ModelShape { model.shape }
    var head: any LinearMap { model.head }
    var parameters: [(name: String, value: Tensor)] { model.parameters }

    func embeddings(of tokens: [Int32]) -> Tensor { Tensor(shape: [tokens.count, shape.width]) }

    func hiddenStates(_ batch: TokenBatch, cache: KVCache, dropout: Dropout?) -> Tensor {
        calls += 1
        return model.hiddenStates(batch, cache: cache, dropout: dropout)
    }
}
