import Foundation
import TestSupport
import Testing

@testable import Tokenizers

/// What one text may cost is bounded whatever the files say, and what costs too much is an error, never other tokens.
@Suite("The cost of encoding is bounded")
struct EncodingBudgetTests {
    private func load(_ preTokenizer: String, normalizer: String = "null", model: String? = nil, added: String = "[]")
        throws -> Tokenizer
    {
        let folder = try ScratchFolder()
        let model = model ?? #"{"type":"BPE","vocab":{"a":0,"b":1,"ab":2},"merges":["a b"]}"#
        try folder.write(
            """
            {"version":"1.0","added_tokens":\(added),"normalizer":\(normalizer),"pre_tokenizer":\(preTokenizer),
            "post_processor":null,"decoder":null,"model":\(model)}
            """, to: "tokenizer.json")
        return try Tokenizer(folder: folder.url)
    }

    private func split(_ pattern: String) -> String {
        let escaped = pattern.replacingOccurrences(of: "\\", with: "\\\\")
        return #"{"type":"Split","pattern":{"Regex":"\#(escaped)"},"behavior":"Isolated","invert":false}"#
    }

    /// Each goes over the rest of the text again and again; the last two without steps back that the engine would count.
    @Test(
        "patterns that go back and forth",
        arguments: [
            "(a+)+$", "(a|aa)+$", "(?:" + (0..<50).map { _ in ".*b" }.joined(separator: "|") + ")|.",
            "(?:(?>a*)b|a)+$",
        ])
    func catastrophicPatterns(pattern: String) throws {
        let tokenizer = try load(split(pattern))
        let text = String(repeating: "a", count: 100_000) + "!"
        let error = #expect(throws: TokenizerError.self) { try tokenizer.encode(text) }
        guard case .tooMuchWork(let component, bytes: 100_001)? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(component.contains(pattern.prefix(40)))
        #expect(error?.description.contains("100001 bytes") == true)
        // A failure leaves nothing behind: not even in the cache of words.
        #expect(try tokenizer.encode("ab") == [2])
    }

    /// Whether the engine sees at once that these cannot match is its own affair; the result is that of no match.
    @Test(arguments: ["(a*)*b", "(?:a?){50}a{50}c", #"(a+)\1+c"#])
    func hopelessPatterns(pattern: String) throws {
        let tokenizer = try load(split(pattern))
        do {
            #expect(try tokenizer.encode(String(repeating: "a", count: 5_000)).count == 5_000)
        } catch TokenizerError.tooMuchWork {}
    }

    @Test("published patterns, whatever the text, stay far below the limit")
    func soundPatterns() throws {
        let patterns = [
            #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#,
            #"\p{N}{1,3}"#, #"[一-龥぀-ゟ゠-ヿ]+"#, #" ?[^(\s|[.,!?…。，、।۔،])]+"#,
        ]
        let texts = ["the house in 1984's garden, ", "a", " ", "\n \n", "1", "é漢字", "aB1 ", "!?"]
        for pattern in patterns {
            let tokenizer = try load(split("(?:" + pattern + ")(?#kept from the known ones)"))
            for text in texts {
                _ = try tokenizer.encode(String(repeating: text, count: 200_000 / text.utf8.count))
            }
        }
    }

    @Test("replacements that blow a text up")
    func growth() throws {
        let replace = { (found: String, put: Int) in
            #"{"type":"Replace","pattern":{"String":"\#(found)"},"content":"\#(String(repeating: "a", count: put))"}"#
        }
        let sequence = (0..<3).map { _ in replace("a", 16) }.joined(separator: ",")
        let tokenizer = try load("null", normalizer: #"{"type":"Sequence","normalizers":[\#(sequence)]}"#)
        #expect(throws: TokenizerError.tooMuchWork(component: "normalizer", bytes: 100_000)) {
            try tokenizer.encode(String(repeating: "a", count: 100_000))
        }
        #expect(try tokenizer.encode("a").count == 4_096)
        // A pre-tokenizer that spells bytes makes two of each that is no letter, every time.
        let spell = #"{"type":"ByteLevel","add_prefix_space":false,"use_regex":false}"#
        let spellings = (0..<40).map { _ in spell }.joined(separator: ",")
        let doubling = try load(#"{"type":"Sequence","pretokenizers":[\#(spellings)]}"#)
        #expect(throws: TokenizerError.tooMuchWork(component: "pre_tokenizer", bytes: 10)) {
            try doubling.encode("\u{FF}é日本")
        }
    }

    @Test("pieces and added tokens that begin as the text goes on")
    func longBeginnings() throws {
        let long = String(repeating: "a", count: 50_000)
        let unigram = #"{"type":"Unigram","unk_id":0,"vocab":[["<unk>",0],["a",-1],["\#(long)b",-2]]}"#
        let text = String(repeating: "a", count: 49_000)
        #expect(throws: TokenizerError.tooMuchWork(component: "vocabulary", bytes: 49_000)) {
            try load("null", model: unigram).encode(text)
        }
        let pieces =
            ##"{"type":"WordPiece","unk_token":"a","continuing_subword_prefix":"","max_input_chars_per_word":1000000,"vocab":{"a":0,"\##(long)b":1}}"##
        #expect(throws: TokenizerError.tooMuchWork(component: "vocabulary", bytes: 49_000)) {
            try load("null", model: pieces).encode(text)
        }
        let token =
            #"[{"id":3,"content":"\#(long)b","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true}]"#
        #expect(throws: TokenizerError.tooMuchWork(component: "added_tokens", bytes: 49_000)) {
            try load("null", added: token).encode(text)
        }
        #expect(try load("null", added: token).encode("\(long)ba") == [3, 0])
    }

    /// Thousands of tokens that begin alike cost no more than one.
    @Test func addedTokensThatBeginAlike() throws {
        let start = String(repeating: "a", count: 60)
        let tokens = (0..<3_000).map {
            #"{"id":\#($0 + 3),"content":"\#(start)<\#($0)>","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true}"#
        }
        let tokenizer = try load("null", added: "[\(tokens.joined(separator: ","))]")
        #expect(try tokenizer.encode("\(start)<17>\(start)<2999>") == [20, 3_002])
        #expect(try tokenizer.encode(String(repeating: "a", count: 100_000)).count == 100_000)
    }

    /// A match inside white space that another token has swallowed, and that swallows white space itself.
    @Test func nestedStripping() throws {
        let added =
            #"[{"id":3,"content":"x","single_word":false,"lstrip":false,"rstrip":true,"normalized":false,"special":true},"#
            + #"{"id":4,"content":" ","single_word":false,"lstrip":true,"rstrip":true,"normalized":false,"special":true}]"#
        let tokenizer = try load("null", added: added)
        #expect(try tokenizer.encode("x   ") == [3, 4, 4, 4])
        #expect(try tokenizer.encode(String(repeating: " ", count: 100_000)).count == 100_000)
    }

    @Test("what no text could pay for is refused when it is loaded")
    func refusedAtOnce() throws {
        let splits = (0..<10_000).map { _ in split("b") }.joined(separator: ",")
        let error = #expect(throws: TokenizerError.self) {
            try load(#"{"type":"Sequence","pretokenizers":[\#(splits)]}"#)
        }
        #expect(error?.description.contains("10000 steps") == true)
        let affix = String(repeating: "#", count: 17)
        #expect(throws: TokenizerError.self) {
            try load(
                "null", model: ##"{"type":"BPE","continuing_subword_prefix":"\##(affix)","vocab":{"a":0},"merges":[]}"##
            )
        }
    }
}
