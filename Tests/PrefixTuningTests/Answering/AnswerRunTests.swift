import LanguageModels
import PrefixTuning
import Tensors
import TestSupport
import Testing
import Tokenizers

/// Prompts of a file, answered in their order.
@Suite("Answer run") @Compute struct AnswerRunTests {
    private static func examples(_ prompts: [String]) -> [Example] {
        prompts.enumerated().map {
            Example(prompt: $1, location: DataLocation(file: "prompts.jsonl", line: $0 + 1))
        }
    }

    private static let prompts = ["the text", "near", "a table about the river is", "says that", "a"]

    private static func options(
        _ model: LanguageModel, _ change: (inout DecodingChanges) -> Void = { _ in }
    ) throws -> AnswerOptions {
        var changes = DecodingChanges()
        changes.maxNewTokens = 6
        change(&changes)
        return try AnswerOptions(.jsonl, for: model, changes: changes)
    }

    private static func all(_ run: AnswerRun, from first: Int = 0) throws -> [(index: Int, answers: [Answer])] {
        var found: [(Int, [Answer])] = []
        try run.answers(from: first) { found.append(($0, $1)) }
        return found
    }

    @Test("answers come in the order of the prompts, whatever is answered together, and go on where they ended")
    func order() throws {
        let model = try TinyModel.worded()
        let prefix = try DialectGolden.random(TinyModel.wordedConfiguration.shape, at: .afterPrefix)
        try withTrainingFolder { folder in
            try prefix.write(to: folder)
            let adapted = AdaptedModel(model, after: try ResidentPrefix(contentsOf: folder, for: model))
            let options = try Self.options(model) { ($0.strategy, $0.seed, $0.answerCount) = (.sample, 3, 2) }
            let run = try AnswerRun(Self.examples(Self.prompts), by: adapted, options: options)
            let found = try Self.all(run)
            #expect(found.map(\.index) == Array(0..<5) && found.allSatisfy { $0.answers.count == 2 })
            #expect(Set(found.map { $0.answers[0].generation.tokenIds }).count > 1)
            let alone = try AnswerRun(Self.examples(Self.prompts), by: adapted, options: options, batchSize: 1)
            #expect(try Self.all(alone).map(\.answers) == found.map(\.answers))
            let rest = try Self.all(run, from: 3)
            #expect(rest.map(\.index) == [3, 4] && rest.map(\.answers) == found[3...].map(\.answers))
            let expected = try Generator(model.network).answers(
                to: run.prompts, after: run.prompts.map { _ in adapted.start }, options: options.decoding)
            #expect(found.map { $0.answers.map(\.generation) } == expected)
        }
    }

    @Test("a stream is the first answer's text, piece by piece")
    func stream() throws {
        let model = try TinyModel.worded()
        let run = try AnswerRun(
            Self.examples(["the text"]), by: AdaptedModel(model), options: Self.options(model))
        var pieces = ""
        try run.stream { pieces += $0 }
        #expect(try pieces == Self.all(run)[0].answers[0].text && !pieces.isEmpty)
    }

    @Test("what is called before a step can stop a run")
    func stopping() throws {
        struct Stop: Error {}
        let model = try TinyModel.worded()
        let run = try AnswerRun(Self.examples(Self.prompts), by: AdaptedModel(model), options: Self.options(model))
        var steps = 0
        #expect(throws: Stop.self) {
            try run.answers {
                steps += 1
                if steps > 2 { throw Stop() }
            } receive: { _, _ in
            }
        }
        #expect(steps == 3)
    }

    @Test("a default length is shortened to the positions that are left where that is allowed, else the line is named")
    func room() throws {
        let model = try TinyModel.worded(), prompt = "the text is near the river near the table"
        let count = try model.tokenizer.encode(prompt).count
        let examples = Self.examples(["a", prompt]), options = try AnswerOptions(.jsonl, for: model)
        let run = try AnswerRun(examples, by: AdaptedModel(model), options: options, isFitting: true)
        #expect(run.isShortened && run.options.decoding.maxNewTokens == 40 - count + 1)
        let error = failure(AnsweringError.self) {
            _ = try AnswerRun(examples, by: AdaptedModel(model), options: options)
        }
        #expect(
            error
                == .promptTooLong(
                    DataLocation(file: "prompts.jsonl", line: 1),
                    tokens: try model.tokenizer.encode("a").count, newTokens: 100, positions: 40))
        #expect(error?.description.hasSuffix("; ask for at most 40 new tokens") == true)
        // What was asked for is not changed.
        let asked = try Self.options(model) { $0.maxNewTokens = 41 }
        #expect(throws: AnsweringError.self) {
            _ = try AnswerRun(examples, by: AdaptedModel(model), options: asked, isFitting: true)
        }
    }
}
