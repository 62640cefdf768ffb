import Foundation
import TestSupport
import Testing

@testable import Tokenizers

/// A folder that is removed with its owner.
final class ScratchFolder {
    let url = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)

    init() throws { try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true) }
    deinit { try? FileManager.default.removeItem(at: url) }

    func write(_ text: String, to name: String) throws {
        try Data(text.utf8).write(to: url.appendingPathComponent(name))
    }
}

@Suite("Loading tokenizers")
struct LoadingTests {
    /// A whole tokenizer.json around the parts under test.
    private func document(
        vocabulary: String = #"{"a":0,"b":1,"ab":2}"#, merges: String = #"["a b"]"#, model: String = "",
        normalizer: String = "null", preTokenizer: String = #"{"type":"ByteLevel","add_prefix_space":false}"#,
        postProcessor: String = "null", decoder: String = #"{"type":"ByteLevel"}"#, added: String = "[]",
        extra: String = ""
    ) -> String {
        """
        {"version":"1.0","truncation":null,"padding":null,"added_tokens":\(added),"normalizer":\(normalizer),
        "pre_tokenizer":\(preTokenizer),"post_processor":\(postProcessor),"decoder":\(decoder)\(extra),
        "model":{"type":"BPE"\(model),"vocab":\(vocabulary),"merges":\(merges)}}
        """
    }

    private func load(_ document: String) throws -> Tokenizer {
        let folder = try ScratchFolder()
        try folder.write(document, to: "tokenizer.json")
        return try Tokenizer(folder: folder.url)
    }

    @Test func bothSpellingsOfMerges() throws {
        #expect(try load(document()).encode("abba") == [2, 1, 0])
        #expect(try load(document(merges: #"[["a","b"]]"#)).encode("abba") == [2, 1, 0])
    }

    /// Bytes outside the vocabulary: dropped without an unknown token; then, as before, neighbours merge. The ids are
    /// Hugging Face's.
    @Test func unknownBytes() throws {
        #expect(try load(document()).encode("axxb") == [2])
        #expect(try load(document(model: #","unk_token":"b""#)).encode("axx") == [2, 1])
        #expect(try load(document(model: #","unk_token":"b","fuse_unk":true"#)).encode("axx") == [2])
    }

    @Test("what is not supported is named")
    func unsupported() throws {
        let cases: [(String, component: String, value: String)] = [
            (document(normalizer: #"{"type":"NFC"}"#), "normalizer", "NFC"),
            (
                document(normalizer: #"{"type":"Sequence","normalizers":[{"type":"Lowercase"}]}"#),
                "normalizer.normalizers[0]", "Lowercase"
            ),
            (document(preTokenizer: "null"), "pre_tokenizer", "null"),
            (document(preTokenizer: #"{"type":"Metaspace"}"#), "pre_tokenizer", "Metaspace"),
            (
                document(
                    preTokenizer: #"""
                        {"type":"Sequence","pretokenizers":[{"type":"Digits"},{"type":"ByteLevel","add_prefix_space":true}]}
                        """#),
                "pre_tokenizer.pretokenizers[0]", "Digits"
            ),
            (document(postProcessor: #"{"type":"Mystery"}"#), "post_processor", "Mystery"),
            (document(decoder: "null"), "decoder", "null"),
            (document(decoder: #"{"type":"WordPiece"}"#), "decoder", "WordPiece"),
            (document(model: #","dropout":0.1"#), "model.dropout", "0.1"),
            (document(model: #","byte_fallback":true"#), "model.byte_fallback", "true"),
            (document(model: #","end_of_word_suffix":"</w>""#), "model.end_of_word_suffix", "\"</w>\""),
            (document(model: #","novelty":1"#), "model.novelty", "1"),
            (document(extra: #","novelty":{}"#), "novelty", "{}"),
            (document().replacingOccurrences(of: "\"BPE\"", with: "\"Unigram\""), "model", "Unigram"),
        ]
        for (text, component, value) in cases {
            let error = #expect(throws: TokenizerError.self) { try load(text) }
            guard case .unsupported(let file, component, value)? = error else {
                Issue.record("\(component) \(value): \(String(describing: error))")
                continue
            }
            #expect(file.hasSuffix("tokenizer.json"))
            #expect(error?.description.contains(component) == true)
        }
    }

    @Test(
        "contradictions are refused",
        arguments: [
            (#"{"a":0,"b":1}"#, #"["a b"]"#), (#"{"a":0,"b":0,"ab":2}"#, "[]"), (#"{"a":0,"b":-1,"ab":2}"#, "[]"),
            (#"{"a":0,"b":1.5,"ab":2}"#, "[]"), (#"{"a":0,"b":2147483647}"#, "[]"),
            (#"{"a":0,"b":1,"ab":2}"#, #"["a c"]"#),
            (#"{"a":0,"b":1,"ab":2}"#, #"["ab"]"#), (#"{"a":0,"b":1,"ab":2}"#, "[7]"), ("[]", "[]"), ("{}", "{}"),
        ])
    func contradictions(vocabulary: String, merges: String) {
        #expect(throws: TokenizerError.self) { try load(document(vocabulary: vocabulary, merges: merges)) }
    }

    @Test func addedTokenWithAnothersId() {
        let added =
            #"[{"id":1,"content":"<x>","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true}]"#
        #expect(throws: TokenizerError.self) { try load(document(added: added)) }
    }

    @Test func configuredTokensAndTemplates() throws {
        let folder = try ScratchFolder()
        try folder.write(document(), to: "tokenizer.json")
        try folder.write(
            #"{"eos_token":{"content":"<end>"},"bos_token":"b","add_bos_token":true,"add_eos_token":true}"#,
            to: "tokenizer_config.json")
        let tokenizer = try Tokenizer(folder: folder.url)
        #expect(tokenizer.endOfText == 3)
        #expect(tokenizer.beginningOfText == 1)
        #expect(tokenizer.encode("a<end>", addingSpecialTokens: true) == [1, 0, 3, 3])
        #expect(tokenizer.decode([0, 3], skippingSpecialTokens: true) == "a")
    }

    @Test func slowFilesAlone() throws {
        let folder = try ScratchFolder()
        #expect(throws: TokenizerError.noTokenizer(folder: folder.url.path)) { try Tokenizer(folder: folder.url) }
        try folder.write(#"{"a":0,"b":1,"ab":2,"<|endoftext|>":3}"#, to: "vocab.json")
        #expect(throws: TokenizerError.noTokenizer(folder: folder.url.path)) { try Tokenizer(folder: folder.url) }
        try folder.write("#version: 0.2\na b\n", to: "merges.txt")
        let tokenizer = try Tokenizer(folder: folder.url)
        #expect(tokenizer.endOfText == 3)
        #expect(tokenizer.encode("ab<|endoftext|>") == [2, 3])
        #expect(tokenizer.isSpecial(3))
        try folder.write("#version: 0.2\na b\na\n", to: "merges.txt")
        let error = #expect(throws: TokenizerError.self) { try Tokenizer(folder: folder.url) }
        #expect(error?.description.contains("line 3") == true)
    }

    @Test func damagedBytesNeverCrash() throws {
        let original = try Data(contentsOf: TokenizerGolden.folder.appendingPathComponent("template/tokenizer.json"))
        let folder = try ScratchFolder()
        let file = folder.url.appendingPathComponent("tokenizer.json")
        for round in 0..<400 {
            var bytes = original
            if round % 4 == 0 { bytes = bytes.prefix(Int.random(in: 0..<bytes.count)) }
            for _ in 0..<Int.random(in: 0...3) where !bytes.isEmpty {
                let special: [UInt8] = Array("{}[]\",:0-9e\\ a".utf8)
                bytes[Int.random(in: 0..<bytes.count)] = special.randomElement() ?? 0
            }
            try bytes.write(to: file)
            do {
                let tokenizer = try Tokenizer(folder: folder.url)
                _ = tokenizer.decode(tokenizer.encode("the quick é 👍"))
            } catch is TokenizerError {}
        }
    }

    @Test func writingWhereItCannot() throws {
        let folder = try ScratchFolder()
        try folder.write("x", to: "file")
        let tokenizer = try load(document())
        #expect(throws: TokenizerError.self) {
            try tokenizer.write(to: folder.url.appendingPathComponent("file/below"))
        }
    }
}
