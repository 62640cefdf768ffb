/// The character classes that patterns, normalisers and added tokens ask for, by code point.
///
/// The run tables hold what Hugging Face's tokenizers answer for every code point. Swift's own
/// `Unicode.Scalar.Properties` follow another version of Unicode, and differ on thousands of them.
enum CharacterClasses {
    static let other: UInt8 = 0
    static let letter: UInt8 = 1
    static let number: UInt8 = 2
    static let space: UInt8 = 3
    /// The bits that hold one of the four classes above.
    static let classBits: UInt8 = 3
    /// Set for word characters, `\w`, which overlap with the classes.
    static let wordBit: UInt8 = 4
    /// Set for what `Digits` cuts at, which follows a later version of Unicode than the class of numbers.
    static let numericBit: UInt8 = 8
    /// Set for what `Punctuation` cuts at.
    static let punctuationBit: UInt8 = 16
    /// Set for combining marks of all kinds.
    static let markBit: UInt8 = 32
    /// Set for combining marks without width of their own.
    static let nonspacingBit: UInt8 = 64
    /// Set for what BERT's normaliser takes for control characters, unassigned and private ones included.
    static let controlBit: UInt8 = 128

    /// One byte per code point up to U+10FFFF.
    static let table: [UInt8] = {
        var table = [UInt8](repeating: other, count: 0x110000)
        mark(letterRuns, with: letter, in: &table)
        mark(numberRuns, with: number, in: &table)
        mark(spaceRuns, with: space, in: &table)
        mark(wordRuns, with: wordBit, in: &table)
        mark(numericRuns, with: numericBit, in: &table)
        mark(punctuationRuns, with: punctuationBit, in: &table)
        mark(markRuns, with: markBit, in: &table)
        mark(nonspacingRuns, with: nonspacingBit, in: &table)
        mark(controlRuns, with: controlBit, in: &table)
        return table
    }()

    private static func mark(_ runs: String, with bits: UInt8, in table: inout [UInt8]) {
        var position = 0
        var inside = false
        for run in runs.utf8.split(separator: UInt8(ascii: " ")) {
            let length = run.reduce(0) { $0 * 36 + Int($1 < 0x3A ? $1 - 0x30 : $1 - 0x57) }
            if inside { for index in position..<position + length { table[index] |= bits } }
            position += length
            inside.toggle()
        }
    }

    /// The code point that starts at `position` of valid UTF-8, and how many bytes it takes.
    @inline(__always)
    static func scalar(at position: Int, of text: UnsafeBufferPointer<UInt8>) -> (value: Int, length: Int) {
        let first = Int(text[position])
        if first < 0x80 { return (first, 1) }
        let second = Int(text[position + 1] & 0x3F)
        if first < 0xE0 { return ((first & 0x1F) << 6 | second, 2) }
        let third = Int(text[position + 2] & 0x3F)
        if first < 0xF0 { return ((first & 0x0F) << 12 | second << 6 | third, 3) }
        return ((first & 0x07) << 18 | second << 12 | third << 6 | Int(text[position + 3] & 0x3F), 4)
    }

    /// Where the code point starts that ends before `position` of valid UTF-8.
    static func start(before position: Int, of text: UnsafeBufferPointer<UInt8>) -> Int {
        var start = position - 1
        while start > 0 && text[start] & 0xC0 == 0x80 { start -= 1 }
        return start
    }
}
