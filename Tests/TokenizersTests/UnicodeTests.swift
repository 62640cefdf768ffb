import Foundation
import TestSupport
import Testing

@testable import Tokenizers

@Suite("Words are cut as Hugging Face cuts them")
struct UnicodeTests {
    private func words(_ text: [UInt8]) -> Int {
        CharacterClasses.table.withUnsafeBufferPointer { classes in
            text.withUnsafeBufferPointer { text in
                let scanner = WordScanner(text: text, classes: classes)
                var count = 0
                var start = 0
                while start < text.count {
                    start = scanner.end(ofWordAt: start)
                    count += 1
                }
                return count
            }
        }
    }

    /// The number of words in four little texts around each of the 1,112,064 code points, as one FNV-1a digest.
    @Test func everyCodePoint() throws {
        let golden: [String: String] = try TokenizerGolden.read("unicode.json")
        var digest: UInt64 = 0xCBF2_9CE4_8422_2325
        for value in UInt32(0)..<0x110000 {
            guard let scalar = Unicode.Scalar(value), let encoded = UTF8.encode(scalar) else { continue }
            for partner in "a1! ".utf8 {
                let count = words([partner] + encoded + [UInt8(ascii: "a")])
                digest = (digest ^ UInt64(count)) &* 0x100_0000_01B3
            }
        }
        #expect(String(digest) == golden["fnv1a"])
    }

    /// Each code point alone and among marks, as `unicode.json` has it of the library's normalisers.
    @Test(
        "normal forms of every code point",
        arguments: [("NFC", NormalForm.nfc), ("NFD", .nfd), ("NFKC", .nfkc), ("NFKD", .nfkd)])
    func normalForms(name: String, form: NormalForm) throws {
        let golden: [String: String] = try TokenizerGolden.read("unicode.json")
        var digest = Digest()
        for value in UInt32(0)..<0x110000 {
            guard let scalar = Unicode.Scalar(value), let encoded = UTF8.encode(scalar) else { continue }
            let text = [0x61] + encoded + Array("\u{301}\u{323}".utf8) + encoded + [0xE1, 0x85, 0xA1]
            let normal = text.withUnsafeBufferPointer { form.normalized($0) }
            digest.add(normal)
            // The quick answer must not contradict the slow one.
            let alone = Array(encoded)
            if alone.withUnsafeBufferPointer({ form.isInert($0) }) {
                #expect(alone.withUnsafeBufferPointer { form.normalized($0) } == alone, "U+\(String(value, radix: 16))")
            }
        }
        #expect(digest.text == golden[name])
    }

    @Test("lower case of every code point")
    func lowerCase() throws {
        let golden: [String: String] = try TokenizerGolden.read("unicode.json")
        var digest = Digest()
        for value in 0..<0x110000 where Unicode.Scalar(UInt32(value)) != nil {
            var output: [UInt8] = []
            LetterCase.appendLower(value, to: &output)
            digest.add(output)
        }
        #expect(digest.text == golden["Lowercase"])
    }

    @Test("many marks in a row are sorted in time", .timeLimit(.minutes(1)))
    func manyMarks() {
        let text = Array(("a" + String(repeating: "\u{301}\u{323}", count: 200_000)).utf8)
        let normal = text.withUnsafeBufferPointer { NormalForm.nfd.normalized($0) }
        #expect(
            normal == Array(("a" + String(repeating: "\u{323}", count: 200_000)).utf8)
                + Array(String(repeating: "\u{301}", count: 200_000).utf8))
    }

    @Test func byteAlphabetIsABijection() {
        #expect(Set(ByteAlphabet.scalars).count == 256)
        for byte in UInt8.min...UInt8.max {
            #expect(ByteAlphabet.byte(spelledBy: ByteAlphabet.scalars[Int(byte)]) == byte)
        }
        #expect(ByteAlphabet.scalars[0x20] == "Ġ")
        #expect(ByteAlphabet.scalars[0x0A] == "Ċ")
        #expect(ByteAlphabet.byte(spelledBy: " ") == nil)
        #expect(ByteAlphabet.bytes(spelledBy: Array("a b".utf8)) == nil)
    }
}
