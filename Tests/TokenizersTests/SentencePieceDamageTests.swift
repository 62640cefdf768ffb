import Foundation
import TestSupport
import Testing
import Tokenizers

@Suite("Damaged SentencePiece models are refused")
final class SentencePieceDamageTests {
    private let folder: URL

    init() throws {
        folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(at: folder) }

    private func load(_ bytes: [UInt8], as name: String = "spiece.model") throws -> Tokenizer {
        try Data(bytes).write(to: folder.appendingPathComponent(name))
        return try Tokenizer(folder: folder)
    }

    private func model(_ name: String) throws -> [UInt8] {
        let goldens = Fixtures.goldens.appendingPathComponent("sentencepiece")
        return [UInt8](try Data(contentsOf: goldens.appendingPathComponent(name)))
    }

    // MARK: Protocol buffers

    private func field(_ number: UInt8, _ bytes: [UInt8]) -> [UInt8] {
        var length = bytes.count
        var result = [number << 3 | 2]
        while length >= 0x80 {
            result.append(UInt8(length & 0x7F | 0x80))
            length >>= 7
        }
        return result + [UInt8(length)] + bytes
    }

    private func piece(_ spelling: String, type: UInt8 = 1, score: Float = -1) -> [UInt8] {
        let bits = score.bitPattern
        let number = (0..<4).map { UInt8(truncatingIfNeeded: bits >> ($0 * 8)) }
        return field(1, field(1, Array(spelling.utf8)) + [0x15] + number + [0x18, type])
    }

    /// Rules with a double array of `units`, whose root leads to 0x41, "A".
    private func rules(
        units: [Int: UInt32] = [:], count: Int = 256, replacements: [UInt8] = Array("bb".utf8) + [0]
    ) -> [UInt8] {
        // The other places match no label.
        var array = [UInt32](repeating: 1 << 31, count: count)
        // Offsets stand above bit 10: the root's followers lie at 1 ^ label, those of "A" at 2 ^ label.
        array[0] = 1 << 10
        array[1 ^ 0x41] = 0x41 | 1 << 8 | UInt32(1 ^ 0x41 ^ 2) << 10
        array[2] = 1 << 31
        for (place, unit) in units { array[place] = unit }
        let words = [UInt32(count * 4)] + array
        let bytes = words.flatMap { word in (0..<4).map { UInt8(truncatingIfNeeded: word >> ($0 * 8)) } }
        return field(3, field(2, bytes + replacements))
    }

    private var pieces: [UInt8] { piece("<unk>", type: 2) + piece("\u{2581}") + piece("a") + piece("b") }

    // MARK: Tests

    @Test("what the library would take is loaded")
    func sound() throws {
        #expect(try load(pieces).encode("ab") == [1, 2, 3])
        #expect(try load(pieces + rules()).encode("aA") == [1, 2, 3, 3])
        #expect(try load(pieces).decode([1, 2, 3]) == "ab")
    }

    @Test("protocol buffers that end early, or are something else")
    func outlines() throws {
        let whole = try model("t5/spiece.model")
        for bytes in [
            [], Array("{}".utf8), Array("IQ== 0\nIg== 1\n".utf8), Array(whole.dropLast()), Array(whole.prefix(1000)),
            [0x0B],
            [0x0A, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F],
        ] {
            #expect(throws: TokenizerError.self) { try load(bytes) }
        }
    }

    @Test("pieces that the library cannot hold")
    func badPieces() throws {
        let bad = [
            piece("c") + piece("c"), piece(""), piece("c\0d"), piece("x", type: 2), piece("x", type: 9),
            piece("x", type: 6),
            piece("x", score: .nan), field(1, field(1, [0xC3])), field(1, [0x18, 1]),
        ]
        for extra in bad { #expect(throws: TokenizerError.self) { try load(pieces + extra) } }
        #expect(throws: TokenizerError.self) { try load(piece("<unk>", type: 2)) }
        #expect(throws: TokenizerError.self) { try load(piece("a") + piece("b")) }
        // More user-defined symbols that begin alike than the library has room for.
        let nested = (1...65).flatMap { piece(String(repeating: "c", count: $0), type: 4) }
        #expect(throws: TokenizerError.self) { try load(pieces + nested) }
        let room = (1...64).flatMap { piece(String(repeating: "c", count: $0), type: 4) }
        #expect(try load(pieces + room).encode(String(repeating: "c", count: 100)).count == 3)
    }

    @Test("pieces so long that the library overflows its stack", arguments: [1, 4, 5] as [UInt8])
    func longPieces(type: UInt8) throws {
        for length in [257, 300_000] {
            let long = String(repeating: "a", count: length)
            let error = #expect(throws: TokenizerError.self) { try load(pieces + piece(long, type: type)) }
            #expect(error?.description.contains("\(length) bytes") == true)
        }
        #expect(try load(pieces + piece(String(repeating: "a", count: 256), type: type)).encode("ab") == [1, 2, 3])
        // Pairs merged one after the other: the library descends once per character of an unused piece.
        let chain = (2...256).flatMap { piece(String(repeating: "a", count: $0), type: 5, score: -Float($0)) }
        let text = String(repeating: "a", count: 10_000)
        #expect(try load(pieces + chain + field(2, [0x18, 2])).encode(text).count == 10_001)
    }

    @Test("rules that make very long texts of short ones")
    func growingRules() throws {
        let room = Array(repeating: UInt8(ascii: "b"), count: 16) + [0]
        #expect(try load(pieces + rules(replacements: room)).encode("A").count == 17)
        let error = #expect(throws: TokenizerError.self) { try load(pieces + rules(replacements: [0x62] + room)) }
        #expect(error?.description.contains("17 bytes of 1") == true)
    }

    @Test("rules that lead out of the array, or round in circles")
    func badRules() throws {
        let start = 1 ^ 0x41
        let far: UInt32 = 0x41 | 1 << 8 | 0x3FFF << 10
        let circle: UInt32 = 0x41 | UInt32(start ^ 1) << 10
        for bad in [
            rules(units: [0: 0x1FFF << 10]), rules(units: [start: far]), rules(units: [start: circle]),
            rules(units: [2: 1 << 31 | 3]), rules(units: [2: 1 << 31 | 0x7FFF_FFFF]), rules(count: 255),
            rules(count: 128),
            rules(replacements: []), rules(replacements: [0x62]),
            rules(replacements: Array(repeating: 0x62, count: 400) + [0]),
            field(3, field(2, [0, 0, 0, 0, 0])), field(3, field(2, [1])),
        ] {
            #expect(throws: TokenizerError.self) { try load(pieces + bad) }
        }
    }

    @Test("what is not implemented")
    func unsupported() throws {
        #expect(throws: TokenizerError.self) { try load(pieces + field(5, field(2, [1, 2, 3]))) }
        for configuration in [
            #"{"tokenizer_class":"AlbertTokenizer"}"#, #"{"sp_model_kwargs":{"enable_sampling":true}}"#,
            #"{"legacy":1}"#,
            #"{"extra_ids":-1}"#, #"{"extra_ids":2,"additional_special_tokens":["<extra_id_0>"]}"#,
            #"{"added_tokens_decoder":{"2":{"content":"other"}}}"#,
        ] {
            try Data(configuration.utf8).write(to: folder.appendingPathComponent("tokenizer_config.json"))
            #expect(throws: TokenizerError.self, "\(configuration)") { try load(pieces) }
        }
    }

    /// What survives the check must not bring the process down, whatever is encoded.
    @Test("random damage", arguments: ["t5/spiece.model", "t5-new/spiece.model", "llama/tokenizer.model"])
    func randomDamage(name: String) throws {
        let sound = try model(name)
        let text = "The house north of Ａ１ﬁ㌔ 吾輩 か\u{3099} e\u{301}\u{200D}… <|user|>\0\u{10FFFF}½"
        var generator = Generator(state: 99)
        var refused = 0
        for round in 0..<200 {
            var bytes = sound
            // Half of them within the last two kilobytes, where the rules for characters are.
            let start = round.isMultiple(of: 2) ? max(0, bytes.count - 2048) : 0
            for _ in 0..<1 + generator.below(3) {
                let place = start + generator.below(bytes.count - start)
                switch generator.below(4) {
                case 0: bytes[place] ^= 1 << UInt8(generator.below(8))
                case 1: bytes[place] = UInt8(generator.below(256))
                case 2: bytes.remove(at: place)
                default: bytes.insert(UInt8(generator.below(256)), at: place)
                }
            }
            do {
                let tokenizer = try load(bytes, as: (name as NSString).lastPathComponent)
                _ = try tokenizer.decode(tokenizer.encode(text))
            } catch is TokenizerError { refused += 1 }
        }
        #expect(refused > 20)
    }

    private struct Generator {
        var state: UInt64

        mutating func below(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int((state >> 33) % UInt64(bound))
        }
    }
}
