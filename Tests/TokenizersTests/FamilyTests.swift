import Foundation
import TestSupport
import Testing

@testable import Tokenizers

/// What `families.py` recorded of one tokenizer.
struct FamilyGolden: Decodable {
    var special_ids: [Int32]
    /// Per block of lines, digests of ids, of their text, and of their text without special tokens.
    var blocks: [[String]]
}

@Suite("Ids and text of 10,000 hard lines equal Hugging Face's")
struct FamilyTests {
    static let names = [
        "gpt2", "opt", "bart", "neox", "llama3", "qwen2", "starcoder", "deepseek", "spelled", "llama2", "llama2-first",
        "gemma", "gpt1", "continuing", "bert", "bert-cased", "words", "t5", "xlm", "albert", "unigram-bytes",
    ]

    private func folder(_ name: String) -> URL {
        TokenizerGolden.folder.appendingPathComponent("families/\(name)")
    }

    static func check(_ tokenizer: Tokenizer, against golden: FamilyGolden, _ name: String) throws {
        let lines = HardLines.all
        let block = lines.count / max(1, golden.blocks.count)
        try #require(lines.count == 10_000 && block * golden.blocks.count == lines.count)
        #expect(try tokenizer.encode("a b", addingSpecialTokens: true) == golden.special_ids)
        for (index, expected) in golden.blocks.enumerated() {
            var ids = Digest()
            var text = Digest()
            var skipped = Digest()
            for line in lines[index * block..<(index + 1) * block] {
                let tokens = try tokenizer.encode(line)
                ids.add(tokens.lazy.flatMap { id in (0..<4).map { UInt8(truncatingIfNeeded: id >> Int32($0 * 8)) } })
                ids.add([255, 255, 255, 255])
                text.add(tokenizer.decode(tokens).utf8)
                text.add([255])
                skipped.add(tokenizer.decode(tokens, skippingSpecialTokens: true).utf8)
                skipped.add([255])
            }
            let range = index * block..<(index + 1) * block
            #expect([ids.text, text.text, skipped.text] == expected, "\(name), lines \(range)")
        }
    }

    @Test("the lines are those of the goldens")
    func lines() throws {
        let golden: [String: String] = try TokenizerGolden.read("families/lines.json")
        var digest = Digest()
        for line in HardLines.all {
            digest.add(line.utf8)
            digest.add([255])
        }
        #expect(HardLines.all.count == 10_000)
        #expect(digest.text == golden["fnv1a"])
    }

    @Test("small tokenizers of all kinds", arguments: names)
    func family(name: String) throws {
        try Self.check(
            Tokenizer(folder: folder(name)), against: TokenizerGolden.read("families/\(name)/golden.json"), name)
    }

    @Test("written tokenizers encode as before", arguments: names)
    func written(name: String) throws {
        let copies = try ScratchFolder()
        let original = try Tokenizer(folder: folder(name))
        try original.write(to: copies.url)
        let copy = try Tokenizer(folder: copies.url)
        for line in HardLines.all.prefix(2_000) { #expect(try copy.encode(line) == original.encode(line)) }
        #expect(copy.vocabularySize == original.vocabularySize)
        #expect(copy.specialTokensAround == original.specialTokensAround)
        #expect(same(copy.decode(0..<200), original.decode(0..<200)))
    }

    @Test("a stream of tokens gives the text of all of them", arguments: names)
    func streams(name: String) throws {
        let tokenizer = try Tokenizer(folder: folder(name))
        var decoder = tokenizer.streamingDecoder()
        for line in HardLines.all.suffix(500) {
            let ids = try tokenizer.encode(line) + [Int32.random(in: 0..<Int32(tokenizer.vocabularySize))]
            var text = ""
            for id in ids { text += decoder.append(id) }
            text += decoder.finish()
            #expect(same(text, tokenizer.decode(ids)), "\(name): \(ids)")
        }
    }

    static let hasReal =
        TokenizerGolden.hasGPT2
        && Fixtures.sharedData.map {
            FileManager.default.fileExists(
                atPath: $0.appendingPathComponent("other-tokenizers/gpt-neox/20B_tokenizer.json").path)
        } ?? false

    @Test("GPT-2 and GPT-NeoX", .enabled(if: hasReal, "their vocabularies are not in shared/data"))
    func real() throws {
        let data = try #require(Fixtures.sharedData)
        let golden: [String: FamilyGolden] = try TokenizerGolden.read("families/real.json")
        try Self.check(
            Tokenizer(folder: data.appendingPathComponent("gpt2-tokenizer")), against: #require(golden["gpt2"]), "GPT-2"
        )
        let folder = try ScratchFolder()
        try FileManager.default.copyItem(
            at: data.appendingPathComponent("other-tokenizers/gpt-neox/20B_tokenizer.json"),
            to: folder.url.appendingPathComponent("tokenizer.json"))
        try Self.check(Tokenizer(folder: folder.url), against: #require(golden["neox"]), "GPT-NeoX")
    }
}
