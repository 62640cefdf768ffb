import Foundation
import Testing

@testable import Tokenizers

@Suite("Decoders over a stream")
struct DecoderTests {
    private func tokenizer(_ name: String) throws -> Tokenizer {
        try Tokenizer(folder: TokenizerGolden.folder.appendingPathComponent("families/\(name)"))
    }

    @Test("text appears as soon as it is certain")
    func pieces() throws {
        let llama = try tokenizer("llama2")
        let bytes = try "👍".utf8.map { try #require(llama.id(of: "<0x\(String($0, radix: 16).uppercased())>")) }
        let a = try #require(llama.id(of: "a")), blank = try #require(llama.id(of: "▁"))
        var decoder = llama.streamingDecoder()
        // The blank at the beginning is stripped; bytes wait for what is no byte.
        #expect(([blank, a, blank] + bytes + [a]).map { decoder.append($0) } == ["", "a", " ", "", "", "", "", "👍a"])
        #expect(decoder.finish() == "")
        #expect(([a] + bytes.dropLast()).map { decoder.append($0) } == ["a", "", "", ""])
        #expect(decoder.finish() == "\u{FFFD}\u{FFFD}\u{FFFD}")
    }

    @Test("the bytes of a token in the middle of a text")
    func bytes() throws {
        let llama = try tokenizer("llama2")
        #expect(try llama.bytes(of: #require(llama.id(of: "▁"))) == [0x20])
        #expect(try llama.bytes(of: #require(llama.id(of: "<0xE2>"))) == [0xE2])
        let bert = try tokenizer("bert")
        #expect(try bert.bytes(of: #require(bert.id(of: "##a"))) == Array("a".utf8))
        #expect(try bert.bytes(of: #require(bert.id(of: "a"))) == Array(" a".utf8))
        let gpt1 = try tokenizer("gpt1")
        #expect(try gpt1.bytes(of: #require(gpt1.id(of: "a</w>"))) == Array("a ".utf8))
        #expect(gpt1.bytes(of: -1).isEmpty)
        #expect(gpt1.decode([-1, 100_000]) == "")
    }

    @Test("steps after the tokens were put together")
    func fused() throws {
        let cases = [
            #"{"type":"Strip","content":"a","start":1,"stop":2}"#,
            #"{"type":"Replace","pattern":{"String":"ab"},"content":"-"}"#,
            #"{"type":"Replace","pattern":{"Regex":"a+b$"},"content":"-"}"#,
            #"{"type":"BPEDecoder","suffix":"b"}"#,
            #"{"type":"WordPiece","prefix":"a","cleanup":false}"#,
            #"{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":true}"#,
            #"{"type":"Metaspace","replacement":"a"}"#,
        ]
        for step in cases {
            let folder = try ScratchFolder()
            try folder.write(
                """
                {"version":"1.0","added_tokens":[],"normalizer":null,"pre_tokenizer":null,"post_processor":null,
                "decoder":{"type":"Sequence","decoders":[{"type":"Fuse"},\(step)]},
                "model":{"type":"WordLevel","vocab":{"a":0,"b":1,"ab":2,"abba":3,"aa":4},"unk_token":"a"}}
                """, to: "tokenizer.json")
            let tokenizer = try Tokenizer(folder: folder.url)
            for _ in 0..<200 {
                let ids = (0..<Int.random(in: 1...9)).map { _ in Int32.random(in: 0..<5) }
                // With all tokens put together first, one token that spells the same must give the same.
                let whole = ids.map { tokenizer.token(for: $0) ?? "" }.joined()
                let chain = try #require(tokenizer.codec as? TokenizerCore).decoder
                var decoder = tokenizer.streamingDecoder()
                let streamed = ids.map { decoder.append($0) }.joined() + decoder.finish()
                let alone = DecoderChain(steps: Array(chain.steps.dropFirst()), document: .null)
                #expect(streamed == alone.text(ofOne: Array(whole.utf8)), "\(step) \(whole)")
            }
        }
    }
}

extension DecoderChain {
    /// What the steps make of a text that consists of one token.
    fileprivate func text(ofOne token: [UInt8]) -> String {
        var result = token, budget = EncodingBudget(length: token.count)
        for step in steps {
            switch step {
            case .strip(let content, let start, let stop):
                result = Self.stripped(result, content, start: start, stop: stop)
            case .replace(let pattern, let content):
                result = Self.replaced(result, pattern, content, budget: &budget)
            case .suffix(let suffix): result = result.replacing(suffix, with: [])
            case .metaspace(let mark, _): result = result.replacing(mark, with: [])
            default: break
            }
        }
        return String(decoding: result, as: UTF8.self)
    }
}
