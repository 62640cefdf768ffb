/// A number per code point, in pages of 256 of which only those in use take memory.
struct ScalarTable: Sendable {
    private var pages = [Int32](repeating: 0, count: 0x1100)
    private var values: [Int32]
    let absent: Int32

    init(absent: Int32) {
        self.absent = absent
        values = Array(repeating: absent, count: 256)
    }

    /// - Precondition: `scalar` is a code point.
    @inline(__always)
    subscript(scalar: Int) -> Int32 {
        get { values[Int(pages[scalar >> 8]) << 8 | scalar & 0xFF] }
        set {
            if pages[scalar >> 8] == 0 {
                pages[scalar >> 8] = Int32(values.count >> 8)
                values.append(contentsOf: repeatElement(absent, count: 256))
            }
            values[Int(pages[scalar >> 8]) << 8 | scalar & 0xFF] = newValue
        }
    }
}

/// Reads the numbers of a table in base 36, between which there are blanks.
struct Base36Numbers {
    private var text: String.UTF8View.Iterator

    init(_ text: String) { self.text = text.utf8.makeIterator() }

    mutating func next() -> Int? {
        var value: Int?
        while let byte = text.next(), byte != 0x20 {
            value = (value ?? 0) * 36 + Int(byte < 0x3A ? byte - 0x30 : byte - 0x57)
        }
        return value
    }
}

extension [UInt8] {
    /// Appends a code point as UTF-8; surrogates and numbers beyond Unicode must not occur.
    @inline(__always)
    mutating func appendUTF8(_ scalar: Int) {
        if scalar < 0x80 {
            append(UInt8(truncatingIfNeeded: scalar))
            return
        }
        if scalar < 0x800 {
            append(UInt8(truncatingIfNeeded: 0xC0 | scalar >> 6))
        } else {
            if scalar < 0x10000 {
                append(UInt8(truncatingIfNeeded: 0xE0 | scalar >> 12))
            } else {
                append(UInt8(truncatingIfNeeded: 0xF0 | scalar >> 18))
                append(UInt8(truncatingIfNeeded: 0x80 | scalar >> 12 & 0x3F))
            }
            append(UInt8(truncatingIfNeeded: 0x80 | scalar >> 6 & 0x3F))
        }
        append(UInt8(truncatingIfNeeded: 0x80 | scalar & 0x3F))
    }
}
