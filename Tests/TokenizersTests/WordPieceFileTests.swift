import Foundation
import TestSupport
import Testing

@testable import Tokenizers

/// BERT's `vocab.txt`, which stands for a tokenizer.json that the other tests compare with Hugging Face's.
@Suite("Vocabularies of word pieces")
struct WordPieceFileTests {
    /// A tokenizer of the goldens, with what `vocab.txt` stands for: BERT's way to cut a text into words, of which none has
    /// more than 100 characters.
    private func original(_ name: String) throws -> (document: JSONValue, tokenizer: Tokenizer) {
        let file = TokenizerGolden.folder.appendingPathComponent("families/\(name)/tokenizer.json")
        let text = try String(contentsOf: file, encoding: .utf8).replacingOccurrences(
            of: "\"max_input_chars_per_word\":40", with: "\"max_input_chars_per_word\":100")
        let members = try #require(try JSONParser.parse(Array(text.utf8), file: file.path).members)
        let document = JSONValue.object(
            members.map { member in
                guard member.key == Array("pre_tokenizer".utf8) else { return member }
                return .init(key: member.key, value: .object(["type": .text("BertPreTokenizer")]))
            })
        let folder = try ScratchFolder()
        try folder.write(String(decoding: document.serialized(), as: UTF8.self), to: "tokenizer.json")
        return (document, try Tokenizer(folder: folder.url))
    }

    private func lines(of document: JSONValue) throws -> String {
        let members = try #require(document["model"]?["vocab"]?.members)
        let words = members.sorted { ($0.value.identifier ?? 0) < ($1.value.identifier ?? 0) }.map(\.key)
        return words.map { String(decoding: $0, as: UTF8.self) + "\n" }.joined()
    }

    @Test("10,000 hard lines, in lower case and as they are", arguments: [("bert", true), ("bert-cased", false)])
    func hardLines(name: String, lowercases: Bool) throws {
        let (document, expected) = try original(name)
        let folder = try ScratchFolder()
        try folder.write(try lines(of: document), to: "vocab.txt")
        let normalizer = try #require(document["normalizer"])
        #expect(normalizer["lowercase"]?.bool == lowercases)
        let accents = normalizer["strip_accents"]?.bool.map { ",\"strip_accents\":\($0)" } ?? ""
        let chinese = normalizer["handle_chinese_chars"]?.bool ?? true
        try folder.write(
            "{\"do_lower_case\":\(lowercases),\"tokenize_chinese_chars\":\(chinese)\(accents)}",
            to: "tokenizer_config.json")
        let found = try Tokenizer(folder: folder.url)
        #expect(found.vocabularySize == expected.vocabularySize)
        #expect(found.specialTokensAround == ([2], [3]) && found.specialTokensAround == expected.specialTokensAround)
        var different = 0
        for line in HardLines.all {
            let ids = try found.encode(line)
            if try ids != expected.encode(line) || found.decode(ids) != expected.decode(ids) { different += 1 }
        }
        #expect(different == 0)
        let copies = try ScratchFolder()
        try found.write(to: copies.url)
        #expect(try Tokenizer(folder: copies.url).encode("[CLS] Café") == found.encode("[CLS] Café"))
    }

    private static let vocabulary = "[PAD]\n[UNK]\n[CLS]\n[SEP]\nthe\n##y\r\nthe\n[new]"

    @Test("lines that occur twice, that end in CR LF, added tokens")
    func unusualFiles() throws {
        let folder = try ScratchFolder()
        try folder.write(Self.vocabulary, to: "vocab.txt")
        try folder.write(#"{"[new]":7,"plus":8}"#, to: "added_tokens.json")
        let tokenizer = try Tokenizer(folder: folder.url)
        #expect(try tokenizer.encode("They [new] PLUS x plus", addingSpecialTokens: true) == [2, 6, 5, 7, 8, 1, 8, 3])
        #expect(tokenizer.isSpecial(2) && !tokenizer.isSpecial(8))
    }

    @Test(
        "what is not BERT's is named",
        arguments: [
            ("tokenizer_config.json", #"{"tokenizer_class":"BertweetTokenizer"}"#, "BertweetTokenizer"),
            ("tokenizer_config.json", #"{"do_basic_tokenize":false}"#, "do_basic_tokenize"),
            ("tokenizer_config.json", #"{"do_lower_case":"no"}"#, "do_lower_case"),
            ("config.json", #"{"model_type":"prophetnet"}"#, "prophetnet"),
            ("vocab.txt", "[UNK]\nthe\n", "[CLS] and [SEP]"),
        ])
    func refusals(file: String, contents: String, name: String) throws {
        let folder = try ScratchFolder()
        try folder.write(Self.vocabulary, to: "vocab.txt")
        try folder.write(contents, to: file)
        let error = #expect(throws: TokenizerError.self) { try Tokenizer(folder: folder.url) }
        #expect(error?.description.contains(name) == true, "\(String(describing: error))")
    }
}
