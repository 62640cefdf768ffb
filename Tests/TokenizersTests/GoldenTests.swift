import Foundation
import TestSupport
import Testing
import Tokenizers

/// What `generate.py` recorded of Hugging Face for one tokenizer over all lines.
struct TokenizerGolden: Decodable {
    struct Loose: Decodable {
        var ids: [Int32]
        var text: String
    }
    var ids: [[Int32]]
    var special_ids: [Int32]
    var decoded: [String: String]
    var skipping: [String: String]
    var loose: [Loose]

    static let folder = Fixtures.goldens.appendingPathComponent("tokenizers")

    static func read<Value: Decodable>(_ name: String) throws -> Value {
        try JSONDecoder().decode(Value.self, from: Data(contentsOf: folder.appendingPathComponent(name)))
    }

    static let gpt2Folder = Fixtures.sharedData?.appendingPathComponent("gpt2-tokenizer")
    static let hasGPT2 =
        gpt2Folder.map { FileManager.default.fileExists(atPath: $0.appendingPathComponent("vocab.json").path) } ?? false
}

/// Equality of scalars: `==` of strings would let canonically equivalent text pass.
func same(_ one: String, _ other: String) -> Bool { one.utf8.elementsEqual(other.utf8) }

@Suite("Ids and text equal Hugging Face's")
struct GoldenTests {
    func check(_ tokenizer: Tokenizer, against golden: TokenizerGolden) throws {
        let lines: [String] = try TokenizerGolden.read("lines.json")
        try #require(lines.count == golden.ids.count)
        for (index, line) in lines.enumerated() {
            let expected = golden.ids[index]
            #expect(try tokenizer.encode(line) == expected, "line \(index): \(line.debugDescription)")
            let text = tokenizer.decode(expected)
            #expect(same(text, golden.decoded["\(index)"] ?? line), "line \(index): \(line.debugDescription)")
            let skipped = tokenizer.decode(expected, skippingSpecialTokens: true)
            #expect(same(skipped, golden.skipping["\(index)"] ?? text), "line \(index): \(line.debugDescription)")
        }
        #expect(try tokenizer.encode("a b", addingSpecialTokens: true) == golden.special_ids)
        for sample in golden.loose {
            #expect(same(tokenizer.decode(sample.ids), sample.text), "\(sample.ids)")
        }
    }

    @Test("small tokenizers of our own", arguments: ["plain", "roberta", "template", "slow"])
    func small(name: String) throws {
        let tokenizer = try Tokenizer(folder: TokenizerGolden.folder.appendingPathComponent(name))
        try check(tokenizer, against: TokenizerGolden.read("\(name)/golden.json"))
    }

    @Test("GPT-2", .enabled(if: TokenizerGolden.hasGPT2, "GPT-2's vocab.json and merges.txt are not in shared/data"))
    func gpt2() throws {
        let tokenizer = try Tokenizer(folder: #require(TokenizerGolden.gpt2Folder))
        try check(tokenizer, against: TokenizerGolden.read("gpt2.json"))
        #expect(tokenizer.vocabularySize == 50_257)
        #expect(tokenizer.endOfText == 50_256)
        #expect(try tokenizer.encode("Hello world") == [15_496, 995])
    }

    @Test("a written tokenizer encodes as before", arguments: ["plain", "roberta", "template", "slow"])
    func written(name: String) throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        defer { try? FileManager.default.removeItem(at: folder) }
        let original = try Tokenizer(folder: TokenizerGolden.folder.appendingPathComponent(name))
        try original.write(to: folder)
        let copy = try Tokenizer(folder: folder)
        try check(copy, against: TokenizerGolden.read("\(name)/golden.json"))
        #expect(copy.endOfText == original.endOfText)
        #expect(copy.vocabularySize == original.vocabularySize)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).count == 2)
    }
}
