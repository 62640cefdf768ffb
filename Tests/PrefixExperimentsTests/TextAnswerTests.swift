import Foundation
import LanguageModels
import PrefixExperiments
import PrefixTuning
import Tensors
import Testing
import Tokenizers

/// Text in, text out: prompts without tokens, texts that end answers, words that are never said.
@Suite("Answers as text") @Compute struct TextAnswerTests {
    private func streamed(_ model: LanguageModel, _ prompt: String, _ options: DecodingOptions) async throws -> [String]
    {
        var pieces: [String] = []
        for try await piece in try model.generate(prompt, options: options) { pieces.append(piece) }
        return pieces
    }

    @Test("an empty prompt is answered after the token that begins texts")
    func emptyPrompt() async throws {
        let model = try LanguageModel.load(EmbeddedModel.folder())
        let begin = try #require(model.conventions.beginToken)
        let options = DecodingOptions(maxNewTokens: 8)
        let mark = try #require(model.tokenizer.token(for: begin))
        let answers = try model.answers(to: ["", mark], options: options)
        #expect(answers[0] == answers[1] && !answers[0].isEmpty)
        #expect(try await streamed(model, "", options).joined() == answers[0])
        let tokenizer = ExampleTokenizer(model, format: .plain)
        let empty = Example(prompt: "", completion: "x", location: DataLocation(file: "f", line: 1))
        #expect(try tokenizer.prompt(empty) == [begin])
        let learnt = try #require(try tokenizer.example(empty))
        let target = try model.tokenizer.encode("x") + [model.endOfText]
        #expect(learnt.tokens == [begin] + target && learnt.targetStart == 1)
    }

    @Test("a stop text ends an answer and is not shown, in a stream and in a batch")
    func stops() async throws {
        let model = try LanguageModel.load(EmbeddedModel.folder())
        var options = DecodingOptions(maxNewTokens: 24)
        let whole = try model.answers(to: ["Once"], options: options)[0]
        let middle = whole.index(whole.startIndex, offsetBy: whole.count / 2)
        let stop = String(whole[middle...].prefix(4))
        options.stopTexts = ["no such text", stop]
        let expected = String(whole[..<(try #require(whole.range(of: stop)).lowerBound)])
        #expect(try model.answers(to: ["Once"], options: options) == [expected])
        let pieces = try await streamed(model, "Once", options)
        #expect(pieces.joined() == expected && pieces.count > 1)
    }

    @Test("words are forbidden at the beginning and after a blank")
    func words() throws {
        let model = try LanguageModel.load(EmbeddedModel.folder())
        let tokenizer = model.tokenizer
        let expected = try ["the", " the", "two words", " two words"].map { try tokenizer.encode($0) }
        #expect(try model.sequences(ofWords: ["the", " the", "two words"]) == expected)
        var options = DecodingOptions(maxNewTokens: 16)
        let plain = try model.answers(to: ["Once"], options: options)[0]
        let word = String(try #require(plain.split(separator: " ").first))
        options.forbiddenSequences = try model.sequences(ofWords: [word])
        let other = try model.answers(to: ["Once"], options: options)[0]
        #expect(other != plain && !other.split(separator: " ").contains(Substring(word)))
    }
}
