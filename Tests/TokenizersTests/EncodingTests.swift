import Foundation
import TestSupport
import Testing

@testable import Tokenizers

extension Tokenizer {
    /// What a byte-pair tokenizer merges with.
    var bytePairModel: BytePairModel {
        get throws {
            guard case .bytePairs(let model) = try #require(codec as? TokenizerCore).model else {
                throw TokenizerError.noTokenizer(folder: "no byte pairs")
            }
            return model
        }
    }
}

@Suite("Encoding and decoding")
struct EncodingTests {
    let tokenizer: Tokenizer
    let model: BytePairModel

    init() throws {
        tokenizer = try Tokenizer(folder: TokenizerGolden.folder.appendingPathComponent("plain"))
        model = try tokenizer.bytePairModel
    }

    /// Ill-formed UTF-8 with what Python's `errors="replace"` makes of it.
    static let illFormedSamples: [([UInt8], String)] = [
        ([0xE2, 0x82], "\u{FFFD}"), ([0xE2, 0x28], "\u{FFFD}("), ([0xF0, 0x9F, 0x92, 0x41], "\u{FFFD}A"),
        ([0xED, 0xA0, 0x80], "\u{FFFD}\u{FFFD}\u{FFFD}"), ([0xC0, 0x80], "\u{FFFD}\u{FFFD}"),
        ([0xF4, 0x90, 0x80, 0x80], "\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}"), ([0xFF, 0x61, 0x80], "\u{FFFD}a\u{FFFD}"),
        ([0xE0, 0x80, 0x62], "\u{FFFD}\u{FFFD}b"), ([0xF0, 0x80, 0x80], "\u{FFFD}\u{FFFD}\u{FFFD}"),
    ]

    @Test("ill-formed UTF-8 is replaced", arguments: illFormedSamples)
    func illFormed(bytes: [UInt8], expected: String) throws {
        #expect(try tokenizer.encode(bytes: bytes) == tokenizer.encode(expected))
        let ids = bytes.map { model.byteIdentifiers[Int($0)] }
        #expect(same(tokenizer.decode(ids), expected))
    }

    @Test("a stream of tokens gives the text of all of them")
    func streaming() {
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<2_000 {
            // Bytes that start, continue and break characters, more often than chance would.
            let ids = (0..<Int.random(in: 1...12, using: &generator)).map { _ in
                let byte =
                    [0x61, 0x80, 0x9F, 0xA0, 0xBF, 0xC2, 0xE0, 0xE2, 0xED, 0xF0, 0xF4, 0xFF].randomElement() ?? 0
                return model.byteIdentifiers[byte]
            }
            var decoder = tokenizer.streamingDecoder()
            var text = ""
            for id in ids { text += decoder.append(id) }
            text += decoder.finish()
            #expect(same(text, tokenizer.decode(ids)), "\(ids.map { tokenizer.bytes(of: $0) })")
        }
    }

    @Test("a stream holds back what is incomplete and nothing else")
    func holdingBack() {
        var decoder = tokenizer.streamingDecoder(skippingSpecialTokens: true)
        let pieces = Array("a👍é".utf8).map { decoder.append(model.byteIdentifiers[Int($0)]) }
        #expect(pieces == ["a", "", "", "", "👍", "", "é"])
        #expect(tokenizer.endOfText.map { decoder.append($0) } == "")
        #expect(decoder.finish() == "")
        #expect(decoder.append(model.byteIdentifiers[0xE2]) == "")
        #expect(decoder.finish() == "\u{FFFD}")
        #expect(decoder.finish() == "")
    }

    @Test("merging by scanning and by queue agree")
    func mergingBothWays() {
        let letters = Array("the  aeinorst,é".utf8)
        for _ in 0..<500 {
            let symbols = (0..<Int.random(in: 1...64)).map { _ in
                model.byteIdentifiers[Int(letters.randomElement() ?? 0x61)]
            }
            var scanned = EncodingWorkspace()
            scanned.symbols = symbols
            model.mergeByScanning(&scanned)
            var queued = EncodingWorkspace()
            queued.symbols = symbols
            model.mergeByQueue(&queued)
            #expect(scanned.symbols == queued.symbols)
        }
    }

    @Test(
        "words of 200,000 characters", .timeLimit(.minutes(1)),
        arguments: ["a", "th", "é", "👍", "<", " ", "\n", "1", "<|endoftext|", "[RIGHT] "])
    func longWords(unit: String) throws {
        let text = String(repeating: unit, count: 200_000)
        let ids = try tokenizer.encode(text)
        if !unit.hasPrefix("[") { #expect(same(tokenizer.decode(ids), text)) }
        #expect(!ids.isEmpty && ids.count <= text.utf8.count)
    }

    @Test("one tokenizer serves many tasks at once")
    func concurrency() async throws {
        let lines: [String] = try TokenizerGolden.read("lines.json")
        let expected = try lines.map { try tokenizer.encode($0) }
        await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<8 { group.addTask { (try? lines.map { try tokenizer.encode($0) }) == expected } }
            for await equal in group { #expect(equal) }
        }
    }

    @Test("looking up tokens")
    func lookingUp() throws {
        let end = try #require(tokenizer.endOfText)
        #expect(tokenizer.token(for: end) == "<|endoftext|>")
        #expect(tokenizer.id(of: "<|endoftext|>") == end)
        #expect(tokenizer.isSpecial(end))
        let blank = try #require(tokenizer.id(of: "Ġ"))
        #expect(tokenizer.bytes(of: blank) == [0x20])
        #expect(!tokenizer.isSpecial(blank))
        #expect(tokenizer.id(of: "no such token") == nil)
        for id in [-1, Int32(tokenizer.vocabularySize), Int32.max, Int32.min] {
            #expect(tokenizer.token(for: id) == nil)
            #expect(tokenizer.bytes(of: id).isEmpty)
            #expect(tokenizer.decode([id]) == "")
        }
    }
}
