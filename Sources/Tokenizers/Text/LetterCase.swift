/// Lower case of single characters, without regard to their neighbours, as Hugging Face's `Lowercase` has it.
enum LetterCase {
    private static let distances: ScalarTable = {
        var table = ScalarTable(absent: 0)
        var numbers = Base36Numbers(lowerRuns)
        var start = 0
        while let gap = numbers.next(), let count = numbers.next(), let step = numbers.next(),
            let folded = numbers.next()
        {
            start += gap
            let distance = folded & 1 == 0 ? folded / 2 : -(folded + 1) / 2
            for index in 0..<count { table[start + index * step] = Int32(distance) }
        }
        return table
    }()

    /// Appends the lower case of a code point.
    static func appendLower(_ scalar: Int, to output: inout [UInt8]) {
        // The only character whose lower case is two.
        if scalar == 0x130 { return output.append(contentsOf: [0x69, 0xCC, 0x87]) }
        output.appendUTF8(scalar + Int(distances[scalar]))
    }
}
