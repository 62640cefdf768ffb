import Tensors
import TestSupport
import Testing

@testable import LanguageModels

/// Many prompts at once: nothing depends on what is decoded beside a prompt, and beams share their past.
@Suite("Generating in batches") @Compute struct GenerationBatchTests {
    typealias Strategy = DecodingOptions.Strategy
    nonisolated static let strategies: [Strategy] = [.greedy, .beam(width: 4), .sample]

    @Test("all at once, few at a time, one by one", arguments: strategies)
    func independence(strategy: Strategy) throws {
        let golden = try GenerationGolden()
        let options = golden.options(strategy), prompts = golden.file.prompts
        let together = try Generator(golden.model).generate(prompts, options: options)
        for (rows, tokens) in [(1, 1), (9, 30), (1000, 100_000)] {
            let generator = Generator(golden.model, limits: .init(rows: rows, promptTokens: tokens))
            let found = try generator.generate(prompts, options: options)
            #expect(found.map(\.tokenIds) == together.map(\.tokenIds), "\(rows) rows, \(tokens) tokens")
        }
        if strategy == .sample { return }  // A prompt's draws depend on its number.
        for (prompt, expected) in zip(prompts, together) {
            #expect(try Generator(golden.model).generate([prompt], options: options)[0].tokenIds == expected.tokenIds)
        }
    }

    @Test("each prompt after its own prefix", arguments: strategies)
    func prefixes(strategy: Strategy) throws {
        let golden = try GenerationGolden()
        let shape = golden.model.shape, options = golden.options(strategy), prompts = golden.file.prompts
        let scaled = Tensor(golden.prefixMatrix.values.map { -1.5 * $0 }, shape: golden.prefixMatrix.shape)
        let own = KeyValues(rowsOf: scaled, shape: shape, shiftsPositions: false)
        let kinds = [nil, golden.prefix, InitialKeyValues(decoder: own)]
        let generator = Generator(golden.model)
        let separate = try kinds.map { try generator.generate(prompts, after: $0, options: options).map(\.tokenIds) }
        let mixed = try generator.generate(prompts, after: prompts.indices.map { kinds[$0 % 3] }, options: options)
        for index in prompts.indices { #expect(mixed[index].tokenIds == separate[index % 3][index]) }
        #expect(separate[0] != separate[1] && separate[1] != separate[2])
    }

    @Test("beams share the rows of their prompt")
    func sharing() throws {
        let golden = try GenerationGolden()
        let prompt = [Int32](0..<12)
        let run = try GenerationRun(
            golden.model, prompts: [prompt], after: [golden.prefix], options: golden.options(.beam(width: 5)))
        let shared = try #require(golden.prefix.decoder).layers[0].source.identity
        var steps = 0
        while try run.next() != nil, !run.cache.sequences.isEmpty {
            steps += 1
            let sequences = run.cache.sequences
            #expect(sequences.count == 5)
            #expect(sequences.allSatisfy { $0.sharedRows == 0..<12 && $0.poolRows.count == steps - 1 })
            #expect(sequences.allSatisfy { $0.start.first?.layers[0].source.identity == shared })
        }
        #expect(steps > 2)
    }

    @Test("rows of beams given up and of answered prompts are used again")
    func recycling() throws {
        let golden = try GenerationGolden()
        var options = golden.options(.beam(width: 5))
        options.endTokens = []
        let run = try GenerationRun(
            golden.model, prompts: golden.file.prompts, after: golden.file.prompts.map { _ in nil }, options: options,
            limits: .init(rows: 10))
        var highest = 0, rows = 0
        while try run.next() != nil {
            #expect(run.cache.sequences.count <= 10)
            rows += run.cache.sequences.count
            for sequence in run.cache.sequences {
                highest = max(highest, sequence.sharedRows?.upperBound ?? 0, Int(sequence.poolRows.max() ?? -1) + 1)
            }
        }
        // Two prompts of up to 12 tokens with 5 beams of up to 20 at a time: 224 rows, of the 4,750 written in all.
        #expect(rows == 50 * 5 * 19)
        #expect(highest <= 256)
    }

    @Test("a seed fixes all draws; another one, or another prompt number, changes them")
    func seeds() throws {
        let golden = try GenerationGolden()
        let generator = Generator(golden.model), prompts = [[Int32]](repeating: [3, 1, 4], count: 6)
        var options = golden.options(.sample)
        options.endTokens = []  // Answers of 20 tokens, no two of which are equal by chance.
        options.seed = 7
        let first = try generator.generate(prompts, options: options)
        #expect(try generator.generate(prompts, options: options) == first)
        #expect(Set(first.map(\.tokenIds)).count == 6)
        options.seed = 8
        #expect(try generator.generate(prompts, options: options) != first)
    }

    @Test("tokens are told as they come", arguments: strategies)
    func telling(strategy: Strategy) throws {
        let golden = try GenerationGolden()
        let prompts = Array(golden.file.prompts.prefix(8))
        var told = prompts.map { _ in [Int32]() }
        let answers = try Generator(golden.model).generate(prompts, options: golden.options(strategy)) {
            prompt, token in
            told[prompt].append(token)
        }
        #expect(told == answers.map(\.tokenIds))
    }

    @Test("a model in training records nothing")
    func training() throws {
        let tape = Tape()
        let model = try Golden("tied").model(.trainable(tape))
        let golden = try GenerationGolden()
        let options = golden.options(.beam(width: 3))
        let found = try Generator(model).generate(golden.file.prompts, options: options)
        let expected = try Generator(golden.model).generate(golden.file.prompts, options: options)
        #expect(found.map(\.tokenIds) == expected.map(\.tokenIds))
        #expect(tape.isRecording)
        // Played back, a record of the generation would leave gradients.
        let one = Tensor([1], shape: [1], tape: tape)
        tape.backward(from: one)
        #expect(model.parameters.allSatisfy { $0.value.gradient?.value == nil })
    }
}
