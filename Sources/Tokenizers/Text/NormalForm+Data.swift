extension NormalForm {
    struct Tables: Sendable {
        /// Where in `parts` a code point's parts are: their number, and they; 0 where it has none.
        var canonical = ScalarTable(absent: 0)
        /// Only what differs from `canonical`.
        var compatibility = ScalarTable(absent: 0)
        var parts: [Int32] = [0]
        var combiningClasses = ScalarTable(absent: 0)
        /// By first and second code point.
        var compositions: [UInt64: Int32] = [:]

        init() {
            canonical = read(NormalForm.canonicalDecompositions)
            compatibility = read(NormalForm.compatibilityDecompositions)
            var runs = Base36Numbers(NormalForm.combiningRuns)
            var start = 0
            while let gap = runs.next(), let count = runs.next(), let combiningClass = runs.next() {
                start += gap
                for scalar in start..<start + count { combiningClasses[scalar] = Int32(combiningClass) }
            }
            var pairs = Base36Numbers(NormalForm.compositions)
            var scalar = 0
            while let gap = pairs.next(), let first = pairs.next(), let second = pairs.next() {
                scalar += gap
                compositions[NormalForm.key(first, second)] = Int32(scalar)
            }
        }

        private mutating func read(_ text: String) -> ScalarTable {
            var table = ScalarTable(absent: 0)
            var numbers = Base36Numbers(text)
            var scalar = 0
            while let gap = numbers.next(), let count = numbers.next() {
                scalar += gap
                table[scalar] = Int32(parts.count)
                parts.append(Int32(count))
                for _ in 0..<count { parts.append(Int32(numbers.next() ?? 0)) }
            }
            return table
        }
    }

    static let tables = Tables()

    private static func key(_ first: Int, _ second: Int) -> UInt64 { UInt64(first) << 32 | UInt64(second) }

    static func combiningClass(of scalar: Int) -> UInt8 {
        UInt8(truncatingIfNeeded: tables.combiningClasses[scalar])
    }

    static func composition(_ first: Int, _ second: Int) -> Int? {
        Hangul.composition(first, second) ?? tables.compositions[key(first, second)].map { Int($0) }
    }

    /// Per code point, whether a form may change or move it, or join it with what stands before it: 0 where not.
    static func properties(of form: NormalForm) -> [UInt8] {
        switch (form.composes, form.isCompatible) {
        case (true, false): composedProperties
        case (false, false): decomposedProperties
        case (true, true): composedCompatibleProperties
        case (false, true): decomposedCompatibleProperties
        }
    }

    private static let composedProperties = computeProperties(.nfc)
    private static let decomposedProperties = computeProperties(.nfd)
    private static let composedCompatibleProperties = computeProperties(.nfkc)
    private static let decomposedCompatibleProperties = computeProperties(.nfkd)

    private static func computeProperties(_ form: NormalForm) -> [UInt8] {
        var result = [UInt8](repeating: 0, count: 0x110000)
        for scalar in result.indices where scalar >= 0xA0 {
            let isCompatible = form.isCompatible && tables.compatibility[scalar] != 0
            let isSyllable = !form.composes && Hangul(scalar) != nil
            if tables.combiningClasses[scalar] != 0 || isCompatible || isSyllable { result[scalar] = 1 }
            if tables.canonical[scalar] != 0 && !form.composes { result[scalar] = 1 }
        }
        guard form.composes else { return result }
        for scalar in result.indices where tables.canonical[scalar] != 0 {
            // What is composed stays as it is, unless it is one of the characters that never come back.
            let start = Int(tables.canonical[scalar])
            let parts = tables.parts[start + 1...start + Int(tables.parts[start])].map { Int($0) }
            let joined = parts.dropFirst().reduce(Optional(parts[0])) { first, second in
                first.flatMap { composition($0, second) }
            }
            if joined != scalar { result[scalar] = 1 }
        }
        for pair in tables.compositions.keys { result[Int(pair & 0xFFFF_FFFF)] = 1 }
        for scalar in Hangul.joiningRange { result[scalar] = 1 }
        return result
    }
}

/// Hangul syllables are taken apart and put together by arithmetic (Unicode, section 3.12).
struct Hangul {
    private static let first = 0xAC00, leading = 0x1100, vowel = 0x1161, trailing = 0x11A7
    private static let vowelCount = 21, trailingCount = 28, count = 11_172
    /// The vowels and final consonants, which join what stands before them.
    static let joiningRange = vowel..<trailing + trailingCount

    let parts: [Int]

    /// Nil where the code point is no syllable.
    init?(_ scalar: Int) {
        let index = scalar - Self.first
        guard index >= 0, index < Self.count else { return nil }
        let pair = Self.vowelCount * Self.trailingCount
        parts =
            [Self.leading + index / pair, Self.vowel + index % pair / Self.trailingCount]
            + (index % Self.trailingCount == 0 ? [] : [Self.trailing + index % Self.trailingCount])
    }

    static func composition(_ one: Int, _ other: Int) -> Int? {
        if one >= leading, one < leading + 19, other >= vowel, other < vowel + vowelCount {
            return first + ((one - leading) * vowelCount + other - vowel) * trailingCount
        }
        let index = one - first
        if index >= 0, index < count, index % trailingCount == 0, other > trailing, other < trailing + trailingCount {
            return one + other - trailing
        }
        return nil
    }
}
