import Foundation
import TestSupport
import Testing

@testable import Tokenizers

@Suite("Training byte-pair vocabularies")
struct TrainerTests {
    let lines: [String]

    init() throws {
        let text = try String(
            contentsOf: TokenizerGolden.folder.appendingPathComponent("training.txt"), encoding: .utf8)
        lines = text.split(separator: "\n").map { String($0) }
    }

    /// `plain/tokenizer.json` was trained on the same lines by Hugging Face's `BpeTrainer`.
    @Test func equalsHuggingFace() throws {
        let golden = try Tokenizer(folder: TokenizerGolden.folder.appendingPathComponent("plain"))
        let trained = try BytePairTrainer(vocabularySize: 600).train(on: lines)
        #expect(try trained.bytePairModel.merges == golden.bytePairModel.merges)
        #expect(try trained.bytePairModel.vocabulary.spellings == golden.bytePairModel.vocabulary.spellings)
        #expect(trained.endOfText == 0)
    }

    @Test func stopsAtTheSizeAskedFor() throws {
        let trained = try BytePairTrainer(vocabularySize: 300, specialTokens: ["<|endoftext|>", "<pad>"]).train(
            on: lines)
        #expect(trained.vocabularySize == 300)
        #expect(trained.id(of: "<pad>") == 1)
        for line in lines { #expect(try same(trained.decode(trained.encode(line)), line)) }
    }

    @Test func neverLearnsFromSpecialTokens() throws {
        let text = Array(repeating: "x<|endoftext|>y", count: 50)
        let trained = try BytePairTrainer(vocabularySize: 300).train(on: text)
        #expect(try trained.bytePairModel.merges.isEmpty)
        #expect(try trained.encode("x<|endoftext|>y").count == 3)
    }

    @Test func noTextGivesBytes() throws {
        let trained = try BytePairTrainer(vocabularySize: 400).train(on: [])
        #expect(trained.vocabularySize == 257)
        #expect(try trained.encode("é").count == 2)
    }

    @Test func refusesImpossibleSizesAndTokens() {
        #expect(throws: TokenizerError.vocabularySizeOutOfRange(requested: 256, allowed: 257...1 << 24)) {
            try BytePairTrainer(vocabularySize: 256).train(on: [])
        }
        #expect(throws: TokenizerError.badSpecialToken("<a>")) {
            try BytePairTrainer(vocabularySize: 300, specialTokens: ["<a>", "<a>"]).train(on: [])
        }
        #expect(throws: TokenizerError.badSpecialToken("")) {
            try BytePairTrainer(vocabularySize: 300, specialTokens: [""]).train(on: [])
        }
    }
}
