import Foundation
import Tensors
import TestSupport
import Testing
import Tokenizers

@testable import LanguageModels

/// Biases, stop tokens, and end tokens that do not end.
@Suite("Options of servers") @Compute struct DecodingOptionsTests {
    @Test("a bias is added first, before penalties and what is forbidden")
    func bias() {
        var options = DecodingOptions()
        options.logitBias = [0: 4, 1: -3, 2: 1, 3: 100]
        options.repetitionPenalty = 2
        options.presencePenalty = 0.5
        options.forbiddenTokens = [3]
        var scores: [Float] = [-1, 1, 1, 1, 1]
        let rules = TokenRules(options, vocabularySize: 5)
        scores.withUnsafeMutableBufferPointer { buffer in
            if let base = buffer.baseAddress { rules.apply(to: base, after: [0, 1, 4], newTokens: 1) }
        }
        // (−1 + 4) / 2, (1 − 3) · 2, 1 + 1, −∞, 1 / 2 − 0.5.
        #expect(scores == [1.5, -4, 2, -.infinity, 0])
    }

    @Test("a bias decides", arguments: [DecodingOptions.Strategy.greedy, .beam(width: 3), .sample])
    func decision(strategy: DecodingOptions.Strategy) throws {
        let golden = try GenerationGolden()
        var options = golden.options(strategy, maxNewTokens: 4)
        options.logitBias = [17: 1000]
        let found = try Generator(golden.model).generate([[1, 2], [3]], options: options)
        #expect(found.allSatisfy { $0.tokenIds == [17, 17, 17, 17] })
        options.logitBias = [Int(golden.file.eos_token_id): -1000]
        #expect(
            try Generator(golden.model).generate([[1, 2], [3]], options: options).allSatisfy {
                $0.finishReason == .length
            })
    }

    @Test("stop tokens end an answer, end tokens only where they count", arguments: [true, false])
    func stopping(isIgnoring: Bool) throws {
        let golden = try GenerationGolden(), generator = Generator(golden.model)
        var options = DecodingOptions(maxNewTokens: 12)
        let free = try generator.generate([[9]], options: options)[0].tokenIds
        let stop = try #require(free.dropFirst(2).first { $0 != free[0] && $0 != free[1] })
        let place = try #require(free.firstIndex(of: stop))
        options.endTokens = [free[0]]
        options.stopTokens = [stop]
        options.ignoresEndTokens = isIgnoring
        let found = try generator.generate([[9]], options: options)[0]
        #expect(found.tokenIds == (isIgnoring ? Array(free[...place]) : [free[0]]))
        #expect(found.finishReason == (isIgnoring ? .stopToken : .endToken))
        // Neither is chosen before the least length; ignored ones may be.
        options.minNewTokens = 8
        let later = try generator.generate([[9]], options: options)[0].tokenIds
        #expect(later.count >= 8 && !later.prefix(8).contains(stop))
        #expect(later.prefix(8).contains(free[0]) == isIgnoring)
        options.endTokens = [stop]
        options.stopTokens = []
        options.minNewTokens = 0
        #expect(
            try generator.generate([[9]], options: options)[0].tokenIds == (isIgnoring ? free : Array(free[...place])))
    }

    @Test("the text of an answer ends before a stop token, and goes on after an end token that is ignored")
    func text() throws {
        let tokenizer = try Tokenizer(folder: Fixtures.goldens.appendingPathComponent("tokenizers/plain"))
        let end = try #require(tokenizer.endOfText)
        let one = try tokenizer.encode("one"), two = try tokenizer.encode(" two")
        var options = DecodingOptions(endTokens: [end])
        #expect(AnswerText.text(of: one + [end] + two, tokenizer, options: options) == "one")
        options.ignoresEndTokens = true
        #expect(AnswerText.text(of: one + [end] + two, tokenizer, options: options) == "one two")
        options.stopTokens = [try #require(two.first)]
        #expect(AnswerText.text(of: one + [end] + two, tokenizer, options: options) == "one")
    }

    @Test("what is wrong with them, and as JSON")
    func values() throws {
        var options = DecodingOptions()
        options.logitBias = [3: .nan]
        #expect(
            throws: GenerationError.invalidOption(name: "logitBias of token 3", value: "nan", requirement: "a number")
        ) {
            try options.validate()
        }
        options.logitBias = [3: 1, 64: 1]
        #expect(throws: GenerationError.unknownToken(64, place: "logitBias", vocabularySize: 64)) {
            try options.validate(vocabularySize: 64)
        }
        options.logitBias = [-5: 2]
        #expect(throws: GenerationError.unknownToken(-5, place: "logitBias", vocabularySize: 64)) {
            try options.validate(vocabularySize: 64)
        }
        options.logitBias = [3: -1.5, 5: 100]
        options.stopTokens = [64]
        #expect(throws: GenerationError.unknownToken(64, place: "stopTokens", vocabularySize: 64)) {
            try options.validate(vocabularySize: 64)
        }
        options.ignoresEndTokens = true
        let data = try JSONEncoder().encode(options)
        #expect(try JSONDecoder().decode(DecodingOptions.self, from: data) == options)
        #expect(String(decoding: data, as: UTF8.self).contains(#""logitBias":{"#))
    }
}
