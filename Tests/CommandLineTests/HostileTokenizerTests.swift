import Foundation
import TestSupport
import Testing

/// Tokenizer files made to exhaust the machine: within limits of memory and processor time the tool ends with an answer or
/// a sentence, never by a signal.
@Suite struct HostileTokenizerTests {
    struct Bomb: Sendable, CustomTestStringConvertible {
        let name: String
        /// Of the folder's tokenizer.
        var file = "tokenizer.json"
        let contents: @Sendable () -> Data
        var text: @Sendable () -> String = { "the cat" }
        /// Part of the sentence; nil where the tool may also answer.
        var message: String?
        var testDescription: String { name }
    }

    private static func document(
        preTokenizer: String = "null", normalizer: String = "null", postProcessor: String = "null",
        added: String = "[]", model: String = #"{"type":"BPE","vocab":{"a":0,"b":1,"ab":2},"merges":["a b"]}"#
    ) -> Data {
        Data(
            """
            {"version":"1.0","added_tokens":\(added),"normalizer":\(normalizer),"pre_tokenizer":\(preTokenizer),
            "post_processor":\(postProcessor),"decoder":null,"model":\(model)}
            """.utf8)
    }

    private static func list(_ count: Int, _ element: (Int) -> String) -> String {
        "[" + (0..<count).map(element).joined(separator: ",") + "]"
    }

    private static func split(_ pattern: String) -> String {
        #"{"type":"Split","pattern":{"Regex":"\#(pattern)"},"behavior":"Isolated","invert":false}"#
    }

    private static func token(_ id: Int, _ content: String, strips: Bool = false) -> String {
        #"{"id":\#(id),"content":"\#(content)","single_word":false,"lstrip":\#(strips),"rstrip":\#(strips),"normalized":false,"special":true}"#
    }

    private static func a(_ count: Int) -> String { String(repeating: "a", count: count) }

    private static func field(_ number: UInt8, _ bytes: [UInt8]) -> [UInt8] {
        var length = bytes.count
        var result = [number << 3 | 2]
        while length >= 0x80 {
            result.append(UInt8(length & 0x7F | 0x80))
            length >>= 7
        }
        return result + [UInt8(length)] + bytes
    }

    private static func piece(_ spelling: String, type: UInt8 = 1) -> [UInt8] {
        field(1, field(1, Array(spelling.utf8)) + [0x15, 0, 0, 0x80, 0xBF, 0x18, type])
    }

    private static func pieces(_ more: [UInt8]) -> Data {
        Data(piece("<unk>", type: 2) + piece("\u{2581}") + piece("a") + piece("</s>", type: 3) + more)
    }

    static let bombs = [
        Bomb(
            name: "fifty ways to look for what is not there",
            contents: {
                document(preTokenizer: split("(?:" + (0..<50).map { _ in ".*b" }.joined(separator: "|") + ")|."))
            },
            text: { a(100_000) }, message: "too much work"),
        Bomb(
            name: "a pattern that goes back and forth", contents: { document(preTokenizer: split("(a+)+$")) },
            text: { a(100_000) + "!" }, message: "too much work"),
        Bomb(
            name: "a pattern without steps back", contents: { document(preTokenizer: split("(?:(?>a*)b|a)+$")) },
            text: { a(100_000) + "!" }, message: "too much work"),
        Bomb(
            name: "replacements",
            contents: {
                let steps = list(3) { _ in
                    #"{"type":"Replace","pattern":{"String":"a"},"content":"\#(a(16))"}"#
                }
                return document(normalizer: #"{"type":"Sequence","normalizers":\#(steps)}"#)
            }, text: { a(100_000) }, message: "too much work"),
        Bomb(
            name: "bytes spelt forty times over",
            contents: {
                let steps = list(40) { _ in #"{"type":"ByteLevel","add_prefix_space":false,"use_regex":false}"# }
                return document(preTokenizer: #"{"type":"Sequence","pretokenizers":\#(steps)}"#)
            }, text: { "日本" }, message: "too much work"),
        Bomb(
            name: "added tokens that begin alike",
            contents: { document(added: list(3_000) { token($0 + 3, "\(a(60))<\($0)>") }) }, text: { a(200_000) }),
        Bomb(
            name: "added tokens of white space",
            contents: { document(added: "[\(token(3, " ", strips: true))]") },
            text: { String(repeating: " ", count: 200_000) + "a" }),
        Bomb(
            name: "ten thousand splits",
            contents: {
                document(preTokenizer: #"{"type":"Sequence","pretokenizers":\#(list(10_000) { _ in split("b") })}"#)
            }, text: { a(40_000) }, message: "10000 steps"),
        Bomb(
            name: "a literal as long as the text",
            contents: {
                document(
                    normalizer: #"{"type":"Replace","pattern":{"String":"\#(a(100_000))b"},"content":""}"#)
            }, text: { a(200_000) }),
        Bomb(
            name: "a piece of a megabyte",
            contents: {
                document(model: #"{"type":"Unigram","unk_id":0,"vocab":[["<unk>",0],["a",-1],["\#(a(1 << 20))",-2]]}"#)
            }, text: { a(300_000) }, message: "too much work"),
        Bomb(
            name: "words as long as the text",
            contents: {
                document(
                    model:
                        ##"{"type":"WordPiece","unk_token":"a","continuing_subword_prefix":"","max_input_chars_per_word":2147483647,"vocab":{"a":0,"\##(a(1 << 20))":1}}"##
                )
            }, text: { a(300_000) }, message: "too much work"),
        Bomb(
            name: "a template of a hundred million tokens",
            contents: {
                let single = list(100_000) { _ in #"{"SpecialToken":{"id":"x","type_id":0}}"# }.dropLast()
                return document(
                    postProcessor:
                        #"{"type":"TemplateProcessing","single":\#(single),{"Sequence":{"id":"A","type_id":0}}],"pair":[],"special_tokens":{"x":{"id":"x","ids":\#(list(1_000) { _ in "0" }),"tokens":[]}}}"#
                )
            }, message: "more than 1024 tokens"),
        Bomb(
            name: "a prefix for every character",
            contents: {
                document(
                    model:
                        #"{"type":"BPE","byte_fallback":true,"continuing_subword_prefix":"\#(a(1_000))","vocab":{"<0x61>":0},"merges":[]}"#
                )
            }, text: { a(100_000) }, message: "more than 16"),
        Bomb(
            name: "a SentencePiece piece of 300 kB", file: "spiece.model", contents: { pieces(piece(a(300_000))) },
            message: "300000 bytes"),
        Bomb(
            name: "a SentencePiece symbol of 300 kB", file: "spiece.model",
            contents: { pieces(piece(a(300_000), type: 4)) }, message: "300000 bytes"),
        Bomb(
            name: "SentencePiece pieces that begin alike", file: "spiece.model",
            contents: { pieces((2...256).flatMap { piece(a($0)) }) }, text: { a(200_000) }),
    ]

    /// The limits: 1 GB of addresses, of which the tool itself needs a third, and 20 s of processor time, which is generous to
    /// builds that are not optimised. Without bounds each of these took minutes, many gigabytes, or ended in a signal.
    @Test(arguments: bombs)
    func endsWithASentence(bomb: Bomb) async throws {
        let workspace = try Workspace()
        for name in ["tokenizer.json", "tokenizer_config.json"] {
            try FileManager.default.removeItem(at: workspace["model/\(name)"])
        }
        try bomb.contents().write(to: workspace["model/\(bomb.file)"])
        try workspace.write(#"{"prompt": "\#(bomb.text())"}"# + "\n", to: "prompts.jsonl")
        let result = try await Tool.start(
            ["generate", "--model", "model", "--input", "prompts.jsonl", "--threads", "1", "--max-new-tokens", "2"],
            in: workspace, limits: Tool.limits(megabytes: 1024, seconds: 20)
        ).result()
        #expect(!result.wasKilled && [0, 1].contains(result.code), "\(result.code): \(result.errors.suffix(500))")
        if result.code != 0 { #expect(!result.errors.isEmpty) }
        if let message = bomb.message { #expect(result.errors.contains(message), "\(result.errors.prefix(500))") }
    }
}
