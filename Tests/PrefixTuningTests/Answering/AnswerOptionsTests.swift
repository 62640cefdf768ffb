import LanguageModels
import PrefixTuning
import Tensors
import Testing
import Tokenizers

/// What the paper decodes its tasks with, what a model's makers prescribe, and what callers ask for.
@Suite("Answer options") struct AnswerOptionsTests {
    private static let conventions = GenerationConventions(endTokens: [7, 8])

    @Test("each task is decoded as in the paper")
    func paper() {
        let tables = AnswerOptions(.e2e, conventions: Self.conventions, lineBreaks: [198, 628]).decoding
        #expect(tables == .tableToText(forbidding: [198, 628], endTokens: [7, 8]))
        #expect(tables.strategy == .beam(width: 5) && tables.maxNewTokens == 100)
        for task in [TuningTask.webnlg, .dart] {
            #expect(AnswerOptions(task, conventions: Self.conventions, lineBreaks: [198, 628]).decoding == tables)
        }
        let summaries = AnswerOptions(.xsum, conventions: Self.conventions, lineBreaks: [198, 628]).decoding
        var expected = DecodingOptions.summarization(endToken: 7)
        expected.endTokens = [7, 8]
        #expect(summaries == expected && summaries.strategy == .beam(width: 6) && summaries.noRepeatNGramSize == 3)
        #expect(
            AnswerOptions(.jsonl, conventions: Self.conventions, lineBreaks: [198]).decoding
                == DecodingOptions(endTokens: [7, 8]))
        let endless = AnswerOptions(.xsum, conventions: .init(endTokens: [])).decoding
        #expect(endless.endTokens == [] && endless.forcedLastToken == nil)
    }

    @Test("what a model's makers force goes before the task, and what a caller asks for before both")
    func layers() {
        var conventions = Self.conventions
        (conventions.forcedFirstToken, conventions.forcedLastToken) = (1, 8)
        let made = AnswerOptions(.xsum, conventions: conventions)
        #expect(made.decoding.forcedFirstToken == 1 && made.decoding.forcedLastToken == 8 && made.hasDefaultLength)
        var changes = DecodingChanges()
        changes.strategy = .greedy
        changes.maxNewTokens = 5
        changes.lengthPenalty = 2
        changes.forbiddenTokens = [4]
        changes.stopTexts = ["."]
        changes.seed = 9
        let asked = AnswerOptions(.xsum, conventions: conventions, changes: changes)
        var expected = made.decoding
        (expected.strategy, expected.maxNewTokens, expected.lengthPenalty) = (.greedy, 5, 2)
        // The task's least number of tokens is no more than the greatest that was asked for.
        (expected.minNewTokens, expected.forbiddenTokens, expected.stopTexts, expected.seed) = (5, [4], ["."], 9)
        #expect(asked.decoding == expected && !asked.hasDefaultLength)
        changes.minNewTokens = 6
        #expect(throws: GenerationError.self) {
            try AnswerOptions(.xsum, conventions: conventions, changes: changes).decoding.validate()
        }
    }

    @Test("every change reaches the options")
    func everyChange() {
        var changes = DecodingChanges()
        (changes.strategy, changes.answerCount, changes.maxNewTokens, changes.minNewTokens) = (.sample, 2, 30, 3)
        (changes.lengthPenalty, changes.earlyStopping, changes.noRepeatNGramSize) = (0.5, .never, 4)
        (changes.repetitionPenalty, changes.presencePenalty, changes.frequencyPenalty) = (1.5, 0.25, -0.25)
        (changes.temperature, changes.topK, changes.topP, changes.minP, changes.seed) = (0.7, 9, 0.9, 0.1, 5)
        (changes.forbiddenTokens, changes.stopTexts, changes.logProbabilities) = ([3], ["x"], 2)
        var expected = DecodingOptions(.sample, maxNewTokens: 30, endTokens: [7, 8])
        (expected.answerCount, expected.minNewTokens) = (2, 3)
        (expected.lengthPenalty, expected.earlyStopping, expected.noRepeatNGramSize) = (0.5, .never, 4)
        (expected.repetitionPenalty, expected.presencePenalty, expected.frequencyPenalty) = (1.5, 0.25, -0.25)
        (expected.temperature, expected.topK, expected.topP, expected.minP, expected.seed) = (0.7, 9, 0.9, 0.1, 5)
        (expected.forbiddenTokens, expected.stopTexts, expected.logProbabilities) = ([3], ["x"], 2)
        #expect(AnswerOptions(.jsonl, conventions: Self.conventions, changes: changes).decoding == expected)
    }

    @Test("words are spelt by the model's tokenizer, and its tokens of line breaks are those of tables")
    func words() async throws {
        let model = try await TinyModel.worded()
        var changes = DecodingChanges()
        changes.forbiddenWords = ["text"]
        let options = try AnswerOptions(.e2e, for: model, changes: changes).decoding
        #expect(try options.forbiddenSequences == model.sequences(ofWords: ["text"]))
        #expect(options.forbiddenTokens == ["Ċ", "ĊĊ"].compactMap { model.tokenizer.id(of: $0) })
        #expect(!options.forbiddenTokens.isEmpty && options.endTokens == [0])
    }

    @Test("the text of an answer ends before the end token, and is cleaned as the task's authors clean it")
    func text() async throws {
        let model = try await TinyModel.worded()
        let generation = Generation(
            tokenIds: try model.tokenizer.encode(" the text , near the table \n") + [0], finishReason: .endToken)
        func text(_ task: TuningTask) throws -> String {
            try AnswerOptions(task, for: model).text(of: generation, model.tokenizer)
        }
        #expect(try text(.jsonl) == " the text , near the table \n")
        #expect(try text(.e2e) == "the text, near the table")
        #expect(try text(.xsum) == "the text , near the table")
        let nothing = Generation(tokenIds: [0], finishReason: .endToken)
        #expect(try AnswerOptions(.dart, for: model).text(of: nothing, model.tokenizer) == "Error")
    }
}
