import Foundation
import TestSupport
import Testing
import Tokenizers

/// What `generate.py` recorded of transformers' slow tokenizers for one folder.
private struct Golden: Decodable {
    var size: Int
    var roles: [Int32?]
    var special: [Int32]
    var special_ids: [Int32]
    var ids: [[Int32]]?
    var decoded: [String]?
    var loose: [[String]]?
    var line_hash: String
    var id_hashes: [String]
    var text_hashes: [String]
    var skipping_hash: String
    var loose_hash: String
    var loose_skipping_hash: String
}

/// The lines are drawn here as the generator draws them.
private struct Lines: Decodable {
    var seed: UInt64
    var count: Int
    var block: Int
    var loose: Int
    var shown: [String]
    var fragments: [String]
    var spaces: [String]
    var ranges: [[UInt32]]

    func line(_ index: Int) -> String {
        var draw = SplitMix(state: seed &+ UInt64(index))
        var line = String.UnicodeScalarView()
        for _ in 0..<1 + draw.below(14) {
            let kind = draw.below(100)
            if kind < 65 {
                line.append(contentsOf: fragments[draw.below(fragments.count)].unicodeScalars)
            } else if kind < 85 {
                for _ in 0..<1 + draw.below(3) {
                    let space = draw.below(3) == 0 ? spaces[draw.below(spaces.count)] : " "
                    line.append(contentsOf: space.unicodeScalars)
                }
            } else {
                let range = ranges[draw.below(ranges.count)]
                for _ in 0..<1 + draw.below(6) {
                    let value = range[0] + UInt32(draw.below(Int(range[1] - range[0])))
                    let scalar = (0xD800..<0xE000).contains(value) ? value - 0x800 : value
                    if let scalar = Unicode.Scalar(scalar) { line.append(scalar) }
                }
            }
        }
        return String(line)
    }

    func looseIDs(_ index: Int, size: Int) -> [Int32] {
        var draw = SplitMix(state: seed &* 3 &+ UInt64(index))
        return (0..<1 + draw.below(10)).map { _ in
            let choices = [draw.below(size), draw.below(min(size, 8)), size - 1 - draw.below(min(size, 6))]
            return Int32(choices[draw.below(3)])
        }
    }
}

private struct SplitMix {
    var state: UInt64

    mutating func below(_ bound: Int) -> Int {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return Int((z ^ (z >> 31)) % UInt64(bound))
    }
}

/// FNV-1a over whole numbers.
private struct BlockDigest {
    private var value: UInt64 = 0xCBF2_9CE4_8422_2325

    mutating func add(_ number: some BinaryInteger) { value = (value ^ UInt64(number)) &* 0x100_0000_01B3 }

    mutating func add(_ ids: [Int32]) {
        for id in ids { add(id) }
        add(UInt64(0xFFFF_FFFF))
    }

    mutating func add(_ text: String) {
        for byte in text.utf8 { add(byte) }
        add(UInt8(0xFF))
    }

    var hexadecimal: String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    static func of(_ texts: some Sequence<String>) -> String {
        var digest = BlockDigest()
        for text in texts { digest.add(text) }
        return digest.hexadecimal
    }
}

@Suite("SentencePiece tokenizers equal transformers' slow ones")
struct SentencePieceGoldenTests {
    static let folder = Fixtures.goldens.appendingPathComponent("sentencepiece")

    private static func read<Value: Decodable>(_ name: String) throws -> Value {
        try JSONDecoder().decode(Value.self, from: Data(contentsOf: folder.appendingPathComponent(name)))
    }

    /// Every id alone through a decoding stream; the pieces together.
    private func streamed(_ ids: [Int32], by tokenizer: Tokenizer, skipping: Bool) -> String {
        var decoder = tokenizer.streamingDecoder(skippingSpecialTokens: skipping)
        var text = ""
        for id in ids { text += decoder.append(id) }
        return text + decoder.finish()
    }

    private func check(_ tokenizer: Tokenizer, against golden: Golden) throws {
        let lines: Lines = try Self.read("lines.json")
        #expect(tokenizer.vocabularySize == golden.size)
        #expect([tokenizer.beginningOfText, tokenizer.endOfText, tokenizer.padding] == golden.roles)
        #expect((0..<Int32(golden.size)).filter { tokenizer.isSpecial($0) } == golden.special)
        #expect(try tokenizer.encode("the house", addingSpecialTokens: true) == golden.special_ids)

        for (index, line) in lines.shown.enumerated() {
            guard let expected = golden.ids?[index], let text = golden.decoded?[index] else { break }
            #expect(try tokenizer.encode(line) == expected, "line \(index): \(line.debugDescription)")
            let decoded = tokenizer.decode(expected)
            #expect(same(decoded, text), "line \(index): \(decoded.debugDescription), not \(text.debugDescription)")
        }
        for (index, texts) in (golden.loose ?? []).enumerated() {
            let ids = lines.looseIDs(index, size: golden.size)
            for (skipping, text) in [(false, texts[0]), (true, texts[1])] {
                let decoded = tokenizer.decode(ids, skippingSpecialTokens: skipping)
                #expect(same(decoded, text), "\(ids): \(decoded.debugDescription), not \(text.debugDescription)")
            }
        }

        let texts = (0..<lines.count).map(lines.line)
        try #require(BlockDigest.of(texts) == golden.line_hash, "the lines are not those of the generator")
        let ids = try texts.map { try tokenizer.encode($0) }
        for (block, start) in stride(from: 0, to: lines.count, by: lines.block).enumerated() {
            let part = ids[start..<start + lines.block]
            var digest = BlockDigest()
            for line in part { digest.add(line) }
            #expect(digest.hexadecimal == golden.id_hashes[block], "ids of lines \(start)...")
            let decoded = BlockDigest.of(part.map { tokenizer.decode($0) })
            #expect(decoded == golden.text_hashes[block], "texts of lines \(start)...")
        }
        let skipped = BlockDigest.of(ids.map { tokenizer.decode($0, skippingSpecialTokens: true) })
        #expect(skipped == golden.skipping_hash)
        let loose = (0..<lines.loose).map { lines.looseIDs($0, size: golden.size) }
        #expect(BlockDigest.of(loose.map { streamed($0, by: tokenizer, skipping: false) }) == golden.loose_hash)
        #expect(BlockDigest.of(loose.map { streamed($0, by: tokenizer, skipping: true) }) == golden.loose_skipping_hash)
    }

    @Test("small models of our own", arguments: ["t5", "t5-new", "rinna", "odd", "llama", "llama-new"])
    func small(name: String) throws {
        let tokenizer = try Tokenizer(folder: Self.folder.appendingPathComponent(name))
        try check(tokenizer, against: Self.read("\(name)/golden.json"))
    }

    private struct Real: Decodable {
        var source: String
        var model: String
        var golden: Golden
    }

    private static let realData = Fixtures.sharedData?.appendingPathComponent("other-tokenizers")
    private static let hasRealData =
        realData.map { FileManager.default.fileExists(atPath: $0.appendingPathComponent("t5").path) } ?? false

    @Test(
        "T5, rinna, Llama 2 and Mistral", .enabled(if: hasRealData, "other-tokenizers is not in shared/data"),
        arguments: ["t5", "rinna", "llama2", "mistral"])
    func real(name: String) throws {
        let real: Real = try Self.read("real-\(name).json")
        let document = try Data(contentsOf: Self.folder.appendingPathComponent("real-\(name).json"))
        let members = try #require(try JSONSerialization.jsonObject(with: document) as? [String: Any])
        let configuration = try JSONSerialization.data(withJSONObject: try #require(members["configuration"]))

        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        defer { try? FileManager.default.removeItem(at: folder) }
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try FileManager.default.copyItem(
            at: try #require(Self.realData).appendingPathComponent(real.source),
            to: folder.appendingPathComponent(real.model))
        try configuration.write(to: folder.appendingPathComponent("tokenizer_config.json"))
        try check(Tokenizer(folder: folder), against: real.golden)
    }

    @Test("a written tokenizer is the same", arguments: ["odd", "llama-new"])
    func written(name: String) throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        defer { try? FileManager.default.removeItem(at: folder) }
        let original = Self.folder.appendingPathComponent(name)
        try Tokenizer(folder: original).write(to: folder)
        for file in try FileManager.default.contentsOfDirectory(atPath: folder.path) {
            let copy = try Data(contentsOf: folder.appendingPathComponent(file))
            #expect(try copy == Data(contentsOf: original.appendingPathComponent(file)), "\(file)")
        }
        try check(Tokenizer(folder: folder), against: Self.read("\(name)/golden.json"))
    }
}
