import Foundation
import Tensors
import TestSupport
import Testing
import Tokenizers

@testable import LanguageModels

/// Several answers, stop texts and log-probabilities against `transformers` (Tests/Goldens/beam/answers.py): 14 settings
/// for 16 prompts, without and with a PEFT prefix.
@Suite("Answers against transformers") @Compute struct GenerationAnswersGoldenTests {
    @Test("all answers of every setting", arguments: 0..<14)
    func answers(index: Int) throws {
        let golden = try AnswersGolden(), setting = golden.file.cases[index]
        let found = try golden.answers(setting.options, logProbabilities: 3)
        #expect(golden.file.cases.count == 14 && found.count == 16)
        for (prompt, (answers, expected)) in zip(found, setting.answers).enumerated() {
            #expect(answers.map(\.tokenIds) == expected.map(\.token_ids), "prompt \(prompt), \(setting.options)")
            for (answer, expected) in zip(answers, expected) {
                if let score = expected.score {
                    #expect(abs((answer.score ?? .infinity) - score) < 2e-5 * max(1, abs(score)))
                }
                let found = try #require(answer.logProbabilities)
                #expect(relativeError(found.map(\.logProbability), expected.logprobs) < 2e-5)
                #expect(found.map { $0.best.map(\.token) } == expected.best.map { $0.map { Int32($0[0]) } })
                #expect(
                    relativeError(
                        found.flatMap { $0.best.map(\.logProbability) }, expected.best.flatMap { $0.map { $0[1] } })
                        < 2e-5)
            }
        }
    }

    @Test("an answer's text ends before the stop text, and nothing else is cut", arguments: 6..<14)
    func texts(index: Int) throws {
        let golden = try AnswersGolden(), setting = golden.file.cases[index].options
        let options = golden.options(setting)
        var stopped = 0
        for answer in try golden.answers(setting).joined() {
            let whole = golden.tokenizer.decode(answer.tokenIds, skippingSpecialTokens: true)
            let first = options.stopTexts.compactMap { whole.range(of: $0)?.lowerBound }.min()
            let isEnded = answer.tokenIds.last == golden.file.eos_token_id
            #expect(answer.finishReason == (first != nil ? .stopText : isEnded ? .endToken : .length))
            let text = AnswerText.text(of: answer.tokenIds, golden.tokenizer, options: options)
            #expect(text == first.map { String(whole[..<$0]) } ?? whole)
            stopped += first == nil ? 0 : 1
        }
        #expect(stopped > 0)
    }

    @Test("answers of beams are the best, whatever their number, and alone they are told no probabilities")
    func fewer() throws {
        let golden = try AnswersGolden()
        var setting = golden.file.cases[0].options
        let four = try golden.answers(setting)
        setting.num_return_sequences = nil
        #expect(try golden.answers(setting) == four.map { [$0[0]] })
        #expect(four.joined().allSatisfy { $0.logProbabilities == nil })
    }
}

/// Several draws for a prompt, penalties of use, stop texts without a tokenizer.
@Suite("Answers beyond transformers") @Compute struct GenerationAnswersTests {
    @Test("an answer's draws depend on seed, prompt and its own number alone")
    func draws() throws {
        let golden = try GenerationGolden(), prompts = Array(golden.file.prompts.prefix(5))
        var options = golden.options(.sample)
        options.endTokens = []
        let single = try Generator(golden.model).generate(prompts, options: options)
        options.answerCount = 4
        options.logProbabilities = 0
        let nils = prompts.map { _ in InitialKeyValues?.none }
        for rows in [1, 6, 100] {
            let generator = Generator(golden.model, limits: .init(rows: rows))
            let found = try generator.answers(to: prompts, after: nils, options: options)
            #expect(found.map { $0[0].tokenIds } == single.map(\.tokenIds))
            #expect(found.allSatisfy { Set($0.map(\.tokenIds)).count == 4 })
            let flat = try generator.generate(prompts, options: options)
            #expect(flat == found.flatMap(\.self))
        }
        let found = try Generator(golden.model).answers(to: prompts, after: nils, options: options)
        options.answerCount = 2
        #expect(
            try Generator(golden.model).answers(to: prompts, after: nils, options: options)
                == found.map { Array($0.prefix(2)) })
        // A call that leaves out the first three prompts.
        options = options.continuing(afterPrompts: 3)
        let rest = try Generator(golden.model).answers(to: Array(prompts[3...]), after: [nil, nil], options: options)
        #expect(rest == found[3...].map { Array($0.prefix(2)) })
    }

    @Test("answers of different lengths share the rows of their prompt and leave them")
    func sharing() throws {
        let golden = try GenerationGolden()
        var options = golden.options(.sample)
        options.answerCount = 6
        options.temperature = 2
        let run = try GenerationRun(
            golden.model, prompts: [[Int32](0..<12)], after: [golden.prefix], options: options)
        var told: [Int: [Int32]] = [:], answers: [Int: Generation] = [:], counts: Set<Int> = []
        while let step = try run.next() {
            #expect(run.cache.sequences.allSatisfy { $0.sharedRows == 0..<12 })
            #expect(run.cache.sequences.count == 6 - answers.count - step.finished.count)
            counts.insert(run.cache.sequences.count)
            for (_, answer, token) in step.tokens { told[answer, default: []].append(token) }
            for (_, answer, generation) in step.finished { answers[answer] = generation }
        }
        #expect(counts.count > 2 && answers.count == 6)
        #expect(answers.mapValues(\.tokenIds) == told)
    }

    /// One draw after another with scores made anew each time, as OpenAI's documentation writes it.
    @Test(
        "presence and frequency penalty: score - n * frequency - (n > 0) * presence",
        arguments: [(0.0, 0.0), (0.7, 0), (0, 0.4), (-1.5, 0.3), (2, -2)])
    func penalties(presence: Double, frequency: Double) throws {
        var generator = SeededGenerator(seed: 5)
        for length in 0..<30 {
            let prompt = (0..<6).map { _ in Int32(generator.next() % 8) }
            let answer = (0..<length).map { _ in Int32(generator.next() % 8) }
            var options = DecodingOptions()
            (options.presencePenalty, options.frequencyPenalty) = (presence, frequency)
            options.repetitionPenalty = 1.25
            options.forbiddenTokens = [7]
            let scores = (0..<8).map { _ in Float(generator.normal()) }
            var found = scores
            let rules = TokenRules(options, vocabularySize: 8)
            try found.withUnsafeMutableBufferPointer {
                rules.apply(to: try #require($0.baseAddress), after: prompt + answer, newTokens: length)
            }
            for token in 0..<8 {
                var expected = scores[token]
                if (prompt + answer).contains(Int32(token)) { expected *= expected < 0 ? 1.25 : 0.8 }
                let count = answer.count { $0 == token }
                expected -= Float(count) * Float(frequency) + (count > 0 ? Float(presence) : 0)
                if token == 7 { expected = -.infinity }
                #expect(found[token] == expected || abs(found[token] - expected) < 1e-5)
            }
        }
    }

    @Test("what cannot be asked for")
    func refusals() throws {
        func error(_ change: (inout DecodingOptions) -> Void) -> String? {
            var options = DecodingOptions()
            change(&options)
            do { try options.validate() } catch { return error.description }
            return nil
        }
        let most = "at most the number of beams, unless answers are drawn at random"
        #expect(error { $0.answerCount = 2 } == "answerCount is 2, but must be \(most)")
        #expect(
            error { ($0.strategy, $0.answerCount) = (.beam(width: 3), 4) } == "answerCount is 4, but must be \(most)")
        #expect(error { ($0.strategy, $0.answerCount) = (.beam(width: 3), 3) } == nil)
        #expect(error { ($0.strategy, $0.answerCount) = (.sample, 256) } == nil)
        #expect(
            error { ($0.strategy, $0.answerCount) = (.sample, 0) } == "answerCount is 0, but must be between 1 and 256")
        #expect(error { $0.stopTexts = ["a", ""] } != nil)
        #expect(error { $0.logProbabilities = -1 } == "logProbabilities is -1, but must be between 0 and 100")
        #expect(
            error { $0.presencePenalty = .nan } == "presencePenalty is nan, but must be between -2 and 2 (0 is off)")
        #expect(error { $0.frequencyPenalty = 2.1 } != nil)
        let golden = try GenerationGolden()
        var options = golden.options(.greedy)
        options.stopTexts = ["x"]
        #expect(throws: GenerationError.stopTextsWithoutTokenizer(["x"])) {
            try Generator(golden.model).generate([[1]], options: options)
        }
    }
}

/// The text of an answer as it grows.
@Suite("Texts of answers") struct AnswerTextTests {
    private func tokenizer() throws -> Tokenizer {
        try Tokenizer(folder: Fixtures.goldens.appendingPathComponent("tokenizers/plain"))
    }

    /// All pieces, the last of them what is certain only at the end.
    private func pieces(_ text: String, _ options: DecodingOptions) throws -> (pieces: [String], isStopped: Bool) {
        let tokenizer = try tokenizer()
        var answer = AnswerText(tokenizer, options: options)
        let pieces = try tokenizer.encode(text).map { answer.append($0) }
        return (pieces + [answer.finish()], answer.isStopped)
    }

    @Test(
        "no piece shows a part of a stop text",
        arguments: [
            "one two three", "a\r\nb", "###", "aab aac aad", "naïve 😀 text", "😀😀", "The X pub. END", "xENENDx",
        ])
    func pieces(text: String) throws {
        for stops in [["two"], ["\n"], ["####", "##!"], ["aad", "aac"], ["😀 t"], ["😀😀😀"], ["END"], ["e"], [text]] {
            var options = DecodingOptions()
            options.stopTexts = stops
            let bytes = Array(text.utf8)
            let first = bytes.indices.first { start in stops.contains { bytes[start...].starts(with: Array($0.utf8)) } }
            let expected = String(decoding: bytes[..<(first ?? bytes.count)], as: UTF8.self)
            let (pieces, isStopped) = try pieces(text, options)
            #expect(pieces.joined() == expected, "\(stops)")
            #expect(isStopped == (first != nil))
            // What is shown stays: each beginning of the pieces is one of the answer.
            var shown = ""
            for piece in pieces {
                shown += piece
                #expect(Array(expected.utf8).starts(with: Array(shown.utf8)), "\(stops)")
            }
        }
    }

    @Test("what could begin a stop text waits, and only that")
    func waiting() throws {
        var options = DecodingOptions()
        options.stopTexts = ["the end"]
        let tokenizer = try tokenizer()
        var answer = AnswerText(tokenizer, options: options), shown = ""
        for token in try tokenizer.encode("in the e") { shown += answer.append(token) }
        #expect(shown == "in " && answer.finish() == "the e")
    }

    @Test("a special token as a stop text, and tokens after the end")
    func special() throws {
        let tokenizer = try tokenizer()
        var options = DecodingOptions()
        options.stopTexts = ["<|endoftext|>"]
        let end = try #require(tokenizer.endOfText)
        let tokens = try tokenizer.encode("one") + [end] + tokenizer.encode("two")
        var answer = AnswerText(tokenizer, options: options)
        #expect(tokens.map { answer.append($0) }.joined() == "one" && answer.isStopped && answer.finish() == "")
        options = DecodingOptions(endTokens: [end])
        answer = AnswerText(tokenizer, options: options)
        #expect(tokens.map { answer.append($0) }.joined() + answer.finish() == "one" && !answer.isStopped)
        #expect(AnswerText.text(of: tokens, tokenizer, options: DecodingOptions()) == "onetwo")
    }
}

/// The goldens of answers: their own tokenizer, model and prefix of the generation goldens.
private struct AnswersGolden {
    struct File: Decodable {
        struct Case: Decodable {
            struct Answer: Decodable {
                var token_ids: [Int32]
                var score: Float?
                var logprobs: [Float]
                var best: [[[Float]]]
            }

            var options: Settings
            var answers: [[Answer]]
        }

        var max_new_tokens: Int
        var eos_token_id: Int32
        var prompts: [[Int32]]
        var cases: [Case]
    }

    let file: File
    let tokenizer: Tokenizer
    let generation: GenerationGolden

    @Compute init() throws {
        file = try Fixtures.decode("beam/answers.json")
        tokenizer = try Tokenizer(folder: Fixtures.goldens.appendingPathComponent("beam/tokenizer"))
        generation = try GenerationGolden()
    }

    func options(_ settings: Settings) -> DecodingOptions {
        settings.options(maxNewTokens: file.max_new_tokens, endToken: file.eos_token_id)
    }

    @Compute func answers(_ settings: Settings, logProbabilities: Int? = nil) throws -> [[Generation]] {
        var options = options(settings)
        options.logProbabilities = logProbabilities
        let prefix = settings.prefix == true ? generation.prefix : nil
        return try Generator(generation.model, tokenizer: tokenizer).answers(
            to: file.prompts, after: file.prompts.map { _ in prefix }, options: options)
    }
}
