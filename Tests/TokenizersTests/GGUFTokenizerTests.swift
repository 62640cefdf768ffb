import Foundation
import TestSupport
import Testing

@testable import Tokenizers

@Suite("Tokenizers from GGUF metadata give what Hugging Face's and llama.cpp give")
struct GGUFTokenizerTests {
    static let names = [
        "default", "gpt-2", "smollm", "llama-bpe", "dbrx", "qwen2", "qwen35", "tekken", "gpt-4o", "deepseek-v3",
        "deepseek-coder", "falcon", "bloom", "viking", "pieces", "pieces-without-prefix", "partial",
    ]

    @Test("10,000 hard lines", arguments: names)
    func lines(name: String) throws {
        let golden: [String: FamilyGolden] = try GGUFGolden.read("expected.json")
        try FamilyTests.check(GGUFGolden.tokenizer(name), against: #require(golden[name]), name)
    }

    @Test(
        "T5's pieces: 10,000 hard lines as the sentencepiece library has them", arguments: ["unigram", "unigram-bytes"])
    func unigram(name: String) throws {
        struct Expected: Decodable {
            var ties: Set<Int>
            var blocks: [String]
        }
        let tokenizer = try GGUFGolden.tokenizer(name),
            all: [String: Expected] = try GGUFGolden.read("unigram-expected.json")
        let expected = try #require(all[name]), size = HardLines.all.count / expected.blocks.count
        #expect(expected.ties.count < 500)
        for (block, digest) in expected.blocks.enumerated() {
            var found = Digest()
            for index in block * size..<(block + 1) * size where !expected.ties.contains(index) {
                let ids = try tokenizer.encode(HardLines.all[index]) + [-1]
                found.add(ids.lazy.flatMap { id in (0..<4).map { UInt8(truncatingIfNeeded: id >> Int32($0 * 8)) } })
            }
            #expect(found.text == digest, "lines \(block * size)...")
        }
        #expect(tokenizer.kind == "SentencePiece" && tokenizer.padding == 0 && tokenizer.unknown == 2)
        #expect(tokenizer.specialTokensAround.before.isEmpty && tokenizer.specialTokensAround.after == [1])
        #expect(tokenizer.isSpecial(0) && tokenizer.isSpecial(1) && tokenizer.isSpecial(2) && !tokenizer.isSpecial(3))
    }

    @Test("what T5's metadata cannot mean") func strangeUnigrams() throws {
        func refusal(_ change: (inout GGUFVocabulary) -> Void) throws -> String {
            var vocabulary = try GGUFGolden.vocabulary("unigram")
            change(&vocabulary)
            do {
                _ = try Tokenizer(gguf: vocabulary, file: "x.gguf")
                return ""
            } catch { return "\(error)" }
        }
        #expect(try refusal { _ in } == "")
        #expect(try refusal { $0.scores = nil }.contains("tokenizer.ggml.scores: it is missing"))
        #expect(try refusal { $0.scores?[4] = .nan }.contains("that of token 4 is NaN"))
        #expect(try refusal { $0.types?[2] = 1 }.contains("there are 0 unknown tokens, where one is needed"))
        #expect(try refusal { $0.unknownToken = 3 }.contains("it is 3, but the unknown token is 2"))
        #expect(try refusal { $0.endToken = 1 << 20 }.contains("eos_token_id"))
        #expect(try refusal { $0.addsEndToken = false }.contains("add_eos_token"))
        #expect(try refusal { $0.precompiledMap = [1, 2, 3] }.contains("x.gguf"))
        #expect(try refusal { $0.tokens[5] = Array(repeating: 97, count: 300) }.contains("x.gguf"))
    }

    @Test("written tokenizers encode as before", arguments: names + ["unigram", "unigram-bytes"])
    func written(name: String) throws {
        let folder = try ScratchFolder()
        let original = try GGUFGolden.tokenizer(name)
        try original.write(to: folder.url)
        let copy = try Tokenizer(folder: folder.url)
        for line in HardLines.all.prefix(2_000) { #expect(try copy.encode(line) == original.encode(line)) }
        #expect(copy.vocabularySize == original.vocabularySize)
        #expect(copy.specialTokensAround == original.specialTokensAround)
        #expect(copy.endOfText == original.endOfText)
        #expect(copy.beginningOfText == original.beginningOfText)
        #expect(copy.padding == original.padding)
        #expect(copy.unknown == original.unknown)
        for id in Int32(-1)...Int32(original.vocabularySize) {
            #expect(copy.isSpecial(id) == original.isSpecial(id), "id \(id)")
            #expect(copy.bytes(of: id) == original.bytes(of: id), "id \(id)")
        }
    }

    @Test("a stream of tokens gives the text of all of them", arguments: ["smollm", "pieces", "partial"])
    func streams(name: String) throws {
        let tokenizer = try GGUFGolden.tokenizer(name)
        var decoder = tokenizer.streamingDecoder()
        for line in HardLines.all.suffix(500) {
            let ids = try tokenizer.encode(line) + [Int32.random(in: 0..<Int32(tokenizer.vocabularySize))]
            var text = ""
            for id in ids { text += decoder.append(id) }
            text += decoder.finish()
            #expect(same(text, tokenizer.decode(ids)), "\(name): \(ids)")
        }
    }

    @Test("a name without a pattern reads as llama.cpp reads it")
    func absentPattern() throws {
        let named = try GGUFGolden.tokenizer("default")
        let unnamed = try Tokenizer(gguf: GGUFGolden.vocabulary("bytes"), file: "x.gguf")
        for line in HardLines.all.prefix(1_000) { #expect(try named.encode(line) == unnamed.encode(line)) }
    }

    @Test func roles() throws {
        let bytes = try GGUFGolden.tokenizer("smollm")
        #expect(bytes.beginningOfText == 1 && bytes.endOfText == 2 && bytes.padding == 0)
        #expect(bytes.kind == "byte-level BPE")
        #expect(bytes.specialTokensAround.before == [1] && bytes.specialTokensAround.after.isEmpty)
        let pieces = try GGUFGolden.tokenizer("pieces")
        #expect(pieces.specialTokensAround.before == [1] && pieces.specialTokensAround.after == [2])
        #expect(pieces.kind == "SentencePiece BPE" && pieces.unknown == 0 && bytes.unknown == nil)
        #expect(pieces.isSpecial(0) && pieces.isSpecial(1) && !pieces.isSpecial(-1))
    }

    @Test("what absent keys stand for")
    func defaults() throws {
        var pieces = try GGUFGolden.vocabulary("pieces")
        (pieces.beginToken, pieces.endToken, pieces.unknownToken) = (nil, nil, nil)
        (pieces.addsBeginToken, pieces.addsEndToken, pieces.addsSpacePrefix) = (nil, nil, nil)
        let tokenizer = try Tokenizer(gguf: pieces, file: "x.gguf")
        #expect(tokenizer.specialTokensAround.before == [1] && tokenizer.specialTokensAround.after.isEmpty)
        #expect(tokenizer.endOfText == 2)
        #expect(try tokenizer.encode("the") == GGUFGolden.tokenizer("pieces").encode("the"))

        var bytes = try GGUFGolden.vocabulary("bytes", pre: "gpt-2")
        (bytes.beginToken, bytes.endToken, bytes.addsBeginToken) = (nil, nil, nil)
        // The id 11 of llama.cpp is no special token here.
        let plain = try Tokenizer(gguf: bytes, file: "x.gguf")
        #expect(plain.beginningOfText == nil && plain.specialTokensAround.before.isEmpty)
        #expect(!plain.isSpecial(11))
        bytes.beginToken = 1
        #expect(try Tokenizer(gguf: bytes, file: "x.gguf").specialTokensAround.before.isEmpty)
        for pre in ["llama-bpe", "tekken"] {
            bytes.pre = pre
            #expect(try Tokenizer(gguf: bytes, file: "x.gguf").specialTokensAround.before == [1])
        }
        // Padding that is a token like any other is still one in a text.
        bytes.paddingToken = bytes.tokens.firstIndex(of: [UInt8(ascii: "!")])
        let padded = try Tokenizer(gguf: bytes, file: "x.gguf")
        #expect(padded.padding == nil && bytes.paddingToken != nil)
    }

    @Test("where generations end")
    func endTokens() throws {
        var bytes = try GGUFGolden.vocabulary("bytes")
        #expect(bytes.endTokens() == [2, 0])
        (bytes.endToken, bytes.endOfTurnToken, bytes.endOfMessageToken) = (4, 300, -5)
        #expect(bytes.endTokens() == [4, 300, 2, 0])
        bytes.types?[2] = 1
        bytes.endToken = 1 << 40
        #expect(bytes.endTokens() == [300, 0])
        var parts = GGUFVocabulary(model: "gpt2")
        parts.tokens = ["<|end|>", "<|call|>", "<|return|>"].map { Array($0.utf8) }
        parts.types = [3, 3, 1]
        #expect(parts.endTokens() == [0, 1])
        parts.types = [3, 3, 3]
        #expect(parts.endTokens() == [2, 1])
        #expect(GGUFVocabulary(model: "llama").endTokens().isEmpty)
    }

    private static func model(_ name: String) -> URL? {
        guard let folder = ProcessInfo.processInfo.environment["PREFIXTUNE_MODELS"] else { return nil }
        let file = URL(fileURLWithPath: folder).appendingPathComponent("\(name).gguf")
        return FileManager.default.fileExists(atPath: file.path) ? file : nil
    }

    private func real(_ name: String, _ golden: KeyPath<GGUFGolden.RealFiles, GGUFGolden.Real>) throws -> Tokenizer {
        let vocabulary = try GGUFMetadata(#require(Self.model(name))).vocabulary
        let started = ContinuousClock.now
        let tokenizer = try Tokenizer(gguf: vocabulary, file: name)
        print("\(name): \(vocabulary.tokens.count) tokens in \(ContinuousClock.now - started)")
        let expected: GGUFGolden.RealFiles = try GGUFGolden.read("real.json")
        for (line, ids) in zip(expected.lines, expected[keyPath: golden].ids) {
            #expect(try tokenizer.encode(line) == ids, "\(name): \(line.debugDescription)")
        }
        try FamilyTests.check(tokenizer, against: expected[keyPath: golden].family, name)
        return tokenizer
    }

    @Test(
        "SmolLM2 135M", .enabled(if: model("smollm2-135m-instruct-q4_1") != nil, "PREFIXTUNE_MODELS has no such file"))
    func smollm2() throws {
        let tokenizer = try real("smollm2-135m-instruct-q4_1", \.smollm2)
        #expect(tokenizer.vocabularySize == 49_152)
    }

    @Test("Gemma 3 270M", .enabled(if: model("gemma-3-270m-q4_k_m") != nil, "PREFIXTUNE_MODELS has no such file"))
    func gemma3() throws {
        let tokenizer = try real("gemma-3-270m-q4_k_m", \.gemma3)
        #expect(tokenizer.vocabularySize == 262_144)
    }
}
