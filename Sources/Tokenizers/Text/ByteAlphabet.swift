/// GPT-2's spelling of arbitrary bytes as printable characters, under which vocabularies and merges are stored.
///
/// Printable Latin-1 bytes stand for themselves; the 68 others (white space, controls, soft hyphen) become
/// U+0100, U+0101, … in order, so a space is "Ġ" (U+0120). Source: Radford et al. 2019, `bytes_to_unicode`.
enum ByteAlphabet {
    /// The character that spells each byte.
    static let scalars: [Unicode.Scalar] = {
        var next: UInt16 = 0x100
        let codes: [UInt16] = (0...UInt8.max).map { byte in
            switch byte {
            case 0x21...0x7E, 0xA1...0xAC, 0xAE...0xFF: return UInt16(byte)
            default:
                defer { next += 1 }
                return next
            }
        }
        return Array(String(decoding: codes, as: UTF16.self).unicodeScalars)
    }()

    /// The same as UTF-8.
    static let spellings = scalars.map { Array(String($0).utf8) }

    /// The byte spelt by each scalar below U+0144; −1 where it spells none.
    private static let bytes: [Int16] = {
        var table = [Int16](repeating: -1, count: 0x144)
        for (byte, scalar) in scalars.enumerated() { table[Int(scalar.value)] = Int16(byte) }
        return table
    }()

    static func byte(spelledBy scalar: Unicode.Scalar) -> UInt8? {
        guard scalar.value < 0x144 else { return nil }
        return UInt8(exactly: bytes[Int(scalar.value)])
    }

    /// The bytes that a stored token spells; nil where any of its characters is not of the alphabet.
    static func bytes(spelledBy token: [UInt8]) -> [UInt8]? {
        var result: [UInt8] = []
        result.reserveCapacity(token.count)
        for scalar in String(decoding: token, as: UTF8.self).unicodeScalars {
            guard let byte = byte(spelledBy: scalar) else { return nil }
            result.append(byte)
        }
        return result
    }

    /// The stored spelling, as UTF-8.
    static func spelling(of bytes: some Sequence<UInt8>) -> [UInt8] {
        bytes.flatMap { UTF8.encode(scalars[Int($0)]).map(Array.init) ?? [] }
    }
}
