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
