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
            (document(normalizer: #"{"type":"Append"}"#), "normalizer", "Append"),
            (
                document(normalizer: #"{"type":"Sequence","normalizers":[{"type":"NFC"},{"type":"Mystery"}]}"#),
                "normalizer.normalizers[1]", "Mystery"
            ),
            (document(preTokenizer: #"{"type":"UnicodeScripts"}"#), "pre_tokenizer", "UnicodeScripts"),
            (
                document(
                    preTokenizer: #"""
                        {"type":"Sequence","pretokenizers":[{"type":"FixedLength","length":3},{"type":"Whitespace"}]}
                        """#),
                "pre_tokenizer.pretokenizers[0]", "FixedLength"
            ),
            (
                document(
                    preTokenizer: #"{"type":"Split","pattern":{"String":"a"},"behavior":"Thrown","invert":false}"#),
                "pre_tokenizer.behavior", "\"Thrown\""
            ),
            (document(postProcessor: #"{"type":"Mystery"}"#), "post_processor", "Mystery"),
            (document(decoder: #"{"type":"CTC"}"#), "decoder", "CTC"),
            (document(model: #","dropout":0.1"#), "model.dropout", "0.1"),
            (document(model: #","novelty":1"#), "model.novelty", "1"),
            (document(extra: #","novelty":{}"#), "novelty", "{}"),
            (document().replacingOccurrences(of: "\"BPE\"", with: "\"Mystery\""), "model", "Mystery"),
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

    @Test("wrong types and lies are refused by name")
    func lies() {
        func split(_ pattern: String) -> String {
            document(preTokenizer: #"{"type":"Split","pattern":\#(pattern),"behavior":"Isolated","invert":false}"#)
        }
        func charsmap(_ bytes: [UInt8]) -> String {
            let text = Data(bytes).base64EncodedString()
            return document(normalizer: #"{"type":"Precompiled","precompiled_charsmap":"\#(text)"}"#)
        }
        func unigram(_ members: String) -> String {
            let start = document().range(of: #""model""#)?.lowerBound ?? document().startIndex
            return document()[..<start] + #""model":{"type":"Unigram",\#(members)}}"#
        }
        let cases: [(String, component: String)] = [
            (split(#"{"Regex":"(["}"#), "pre_tokenizer"), (split(#"{"Regex":7}"#), "pre_tokenizer.pattern"),
            (split("{}"), "pre_tokenizer.pattern"), (split("null"), "pre_tokenizer.pattern"),
            (charsmap([]), "normalizer"), (charsmap([255, 255, 255, 255]), "normalizer"),
            (charsmap([4, 0, 0, 0, 0, 0, 0, 0, 0xFF]), "normalizer"), (charsmap([3, 0, 0, 0, 1, 2, 3]), "normalizer"),
            (document(normalizer: #"{"type":"Precompiled","precompiled_charsmap":"*"}"#), "normalizer"),
            (document(normalizer: "[]"), "normalizer"), (document(decoder: "7"), "decoder"),
            (document(decoder: #"{"type":"Strip","content":"","start":1,"stop":0}"#), "decoder"),
            (document(decoder: #"{"type":"Strip","content":"a","start":-1,"stop":0}"#), "decoder"),
            (document(preTokenizer: #"{"type":"Metaspace","replacement":"ab"}"#), "pre_tokenizer"),
            (document(added: "7"), "added_tokens"),
            (document(added: #"[{"id":2147483648,"content":"x"}]"#), "added_tokens[0]"),
            (document(added: #"[{"id":2147483647,"content":"x"}]"#), "added_tokens"),
            (unigram(#""vocab":[["a",-1]],"unk_id":1"#), "model"), (unigram(#""vocab":[["a"]],"unk_id":0"#), "model"),
            (unigram(#""vocab":{"a":1},"unk_id":0"#), "model"), (unigram(#""unk_id":0"#), "model"),
            (
                document(normalizer: #"{"type":"Prepend","prepend":"\#(String(repeating: "a", count: 2_000))"}"#),
                "normalizer"
            ),
            (document(model: #","continuing_subword_prefix":"----""#), "merges"),
        ]
        for (text, component) in cases {
            let error = #expect(throws: TokenizerError.self, "\(text)") { try load(text) }
            guard case .inconsistent(_, component, _)? = error else {
                Issue.record("\(component): \(String(describing: error)) \(text)")
                continue
            }
        }
    }

    @Test(
        "chains of steps that would fill the memory are refused",
        arguments: [
            #"{"type":"Replace","pattern":{"String":"a"},"content":"aaaaaa"}"#,
            #"{"type":"Replace","pattern":{"Regex":"a*"},"content":"aaa"}"#,
            #"{"type":"Prepend","prepend":"aaaaaaaaaa"}"#, #"{"type":"ByteLevel"}"#,
        ])
    func growth(step: String) throws {
        func sequence(_ list: String, _ count: Int) -> String {
            let steps = repeatElement(step, count: count).joined(separator: ",")
            return #"{"type":"Sequence","\#(list)":[\#(steps)]}"#
        }
        func isRefused(_ text: String, _ component: String) {
            let error = #expect(throws: TokenizerError.self) { try load(text) }
            guard case .inconsistent(_, component, _)? = error else {
                Issue.record("\(component): \(String(describing: error))")
                return
            }
        }
        isRefused(document(normalizer: sequence("normalizers", 13)), "normalizer")
        _ = try load(document(normalizer: sequence("normalizers", 2)))
        guard step.contains("Replace") else { return }
        isRefused(document(decoder: sequence("decoders", 13)), "decoder")
        _ = try load(document(decoder: sequence("decoders", 2)))
    }

    @Test("wild offsets within a charsmap find nothing")
    func charsmapOffsets() throws {
        for unit in [UInt32.max, 0x7FFF_FFFF, 0x0000_0161, 0xFFFF_FD61, 0x8000_0061] {
            var bytes: [UInt8] = [0, 4, 0, 0]
            for index in 0..<256 {
                let value = index == 0 ? 0 : unit & 0xFFFF_FF00 | UInt32(index)
                for shift in 0..<4 { bytes.append(UInt8(truncatingIfNeeded: value >> UInt32(8 * shift))) }
            }
            let map = try PrecompiledMap(bytes + Array("é\0b".utf8), file: "test", component: "normalizer")
            for text in ["abc", "éa", "\r\n\u{301}", "🇯🇵", ""] {
                let result = Array(text.utf8).withUnsafeBufferPointer { map.normalized($0) }
                #expect(String(validating: result, as: UTF8.self) != nil)
            }
        }
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
        #expect(try tokenizer.encode("a<end>", addingSpecialTokens: true) == [1, 0, 3, 3])
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
        #expect(try tokenizer.encode("ab<|endoftext|>") == [2, 3])
        #expect(tokenizer.isSpecial(3))
        try folder.write("#version: 0.2\na b\na\n", to: "merges.txt")
        let error = #expect(throws: TokenizerError.self) { try Tokenizer(folder: folder.url) }
        #expect(error?.description.contains("line 3") == true)
    }

    @Test(
        "damaged files never crash",
        arguments: [
            "template", "families/t5", "families/words", "families/llama2", "families/bert", "families/deepseek",
        ])
    func damagedBytesNeverCrash(name: String) throws {
        let original = try Data(contentsOf: TokenizerGolden.folder.appendingPathComponent("\(name)/tokenizer.json"))
        let folder = try ScratchFolder()
        let file = folder.url.appendingPathComponent("tokenizer.json")
        for round in 0..<200 {
            var bytes = original
            if round % 4 == 0 { bytes = bytes.prefix(Int.random(in: 0..<bytes.count)) }
            for _ in 0..<Int.random(in: 0...3) where !bytes.isEmpty {
                let special: [UInt8] = Array("{}[]\",:0-9e\\ a".utf8)
                bytes[Int.random(in: 0..<bytes.count)] = special.randomElement() ?? 0
            }
            try bytes.write(to: file)
            do {
                let tokenizer = try Tokenizer(folder: folder.url)
                _ = try tokenizer.decode(tokenizer.encode("the quick é 👍"))
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
