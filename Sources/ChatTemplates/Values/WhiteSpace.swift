/// White space as Python's `str.isspace` has it, in UTF-8.
enum WhiteSpace {
    /// How many bytes the white space at a position takes; 0 where there is none.
    static func length(_ bytes: [UInt8], at index: Int, before end: Int) -> Int {
        switch bytes[index] {
        case 9...13, 28...32: return 1
        case 0xC2 where index + 1 < end: return [0x85, 0xA0].contains(bytes[index + 1]) ? 2 : 0
        case 0xE1...0xE3 where index + 2 < end:
            let second = bytes[index + 1], third = bytes[index + 2]
            switch (bytes[index], second) {
            case (0xE1, 0x9A): return third == 0x80 ? 3 : 0
            case (0xE2, 0x80): return (0x80...0x8A).contains(third) || [0xA8, 0xA9, 0xAF].contains(third) ? 3 : 0
            case (0xE2, 0x81): return third == 0x9F ? 3 : 0
            case (0xE3, 0x80): return third == 0x80 ? 3 : 0
            default: return 0
            }
        default: return 0
        }
    }

    /// The first position of a range that no white space stands at.
    static func start(of bytes: [UInt8], in range: Range<Int>) -> Int {
        var index = range.lowerBound
        while index < range.upperBound {
            let length = length(bytes, at: index, before: range.upperBound)
            if length == 0 { break }
            index += length
        }
        return index
    }

    /// The position behind the last byte of a range that is no white space.
    static func end(of bytes: [UInt8], in range: Range<Int>) -> Int {
        var end = range.upperBound
        search: while end > range.lowerBound {
            for size in 1...3 where end - size >= range.lowerBound {
                if length(bytes, at: end - size, before: end) == size {
                    end -= size
                    continue search
                }
            }
            break
        }
        return end
    }
}
