import Foundation

/// Reads RFC 8259 JSON from bytes, strictly: no comments, no trailing commas, valid UTF-8, at most 64 levels.
package struct JSONParser {
    /// Whose reading of numbers counts.
    package enum Dialect: Sendable {
        /// Rust's `serde_json`, which reads `tokenizer.json`: finite numbers only.
        case rust
        /// Python's `json`, which reads configurations: it writes, and reads, NaN, Infinity and -Infinity, and takes a
        /// number beyond the largest for infinity.
        case python
    }

    private let bytes: [UInt8]
    private let file: String
    private let dialect: Dialect
    /// How many values the document may hold.
    private let largestCount: Int
    private var count = 0
    private var position = 0
    /// Where numbers lie that have no place on the line.
    private var nonFinite: [Range<Int>] = []
    private static let deepestNesting = 64

    /// Reads a document.
    ///
    /// - Parameter largestCount: How many values it may hold: what is read takes up to 32 times the memory of its text.
    /// - Throws: ``TokenizerError/malformed(file:place:reason:)`` with the byte offset.
    package static func parse(
        _ bytes: [UInt8], file: String, dialect: Dialect = .rust, largestCount: Int = .max
    ) throws -> JSONValue {
        try read(bytes, file: file, dialect: dialect, largestCount: largestCount).value
    }

    /// Where Python's NaN, Infinity and numbers beyond the largest lie in a document, in order, for who reads the rest of it with
    /// something that knows none of them.
    ///
    /// - Throws: ``TokenizerError/malformed(file:place:reason:)`` with the byte offset.
    package static func nonFiniteNumbers(in bytes: [UInt8], file: String) throws -> [Range<Int>] {
        try read(bytes, file: file, dialect: .python, largestCount: .max).nonFinite
    }

    private static func read(
        _ bytes: [UInt8], file: String, dialect: Dialect, largestCount: Int
    ) throws -> (value: JSONValue, nonFinite: [Range<Int>]) {
        guard String(validating: bytes, as: UTF8.self) != nil else {
            throw TokenizerError.malformed(file: file, place: "some byte", reason: "the text is not UTF-8")
        }
        var parser = JSONParser(bytes: bytes, file: file, dialect: dialect, largestCount: largestCount)
        // A byte order mark is legal to ignore (RFC 8259, section 8.1), and Windows editors write one.
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { parser.position = 3 }
        let value = try parser.value(depth: 0)
        parser.skipSpace()
        guard parser.position == bytes.count else { throw parser.failure("text after the end of the document") }
        return (value, parser.nonFinite)
    }

    private init(bytes: [UInt8], file: String, dialect: Dialect, largestCount: Int) {
        self.bytes = bytes
        self.file = file
        self.dialect = dialect
        self.largestCount = largestCount
    }

    private func failure(_ reason: String) -> TokenizerError {
        .malformed(file: file, place: "byte \(position)", reason: reason)
    }

    private var current: UInt8? { position < bytes.count ? bytes[position] : nil }

    private mutating func skipSpace() {
        while let byte = current, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { position += 1 }
    }

    private mutating func expect(_ character: Unicode.Scalar) throws {
        skipSpace()
        guard current == UInt8(ascii: character) else { throw failure("expected \"\(character)\"") }
        position += 1
    }

    /// Whether the next significant byte is `character`, which is then taken.
    private mutating func take(_ character: Unicode.Scalar) -> Bool {
        skipSpace()
        guard current == UInt8(ascii: character) else { return false }
        position += 1
        return true
    }

    private mutating func value(depth: Int) throws -> JSONValue {
        guard depth < Self.deepestNesting else {
            throw failure("nested deeper than \(Self.deepestNesting) levels")
        }
        guard count < largestCount else { throw failure("it holds more than \(largestCount) values") }
        count += 1
        skipSpace()
        let start = position, value = try anyValue(depth: depth)
        if case .number(let number) = value, !number.isFinite { nonFinite.append(start..<position) }
        return value
    }

    private mutating func anyValue(depth: Int) throws -> JSONValue {
        switch current {
        case UInt8(ascii: "{"): return try object(depth: depth)
        case UInt8(ascii: "["): return try array(depth: depth)
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try literal("true", .bool(true))
        case UInt8(ascii: "f"): return try literal("false", .bool(false))
        case UInt8(ascii: "n"): return try literal("null", .null)
        case UInt8(ascii: "N") where dialect == .python: return try literal("NaN", .number(.nan))
        case UInt8(ascii: "I") where dialect == .python: return try literal("Infinity", .number(.infinity))
        case UInt8(ascii: "-") where dialect == .python && bytes[position...].starts(with: "-I".utf8):
            return try literal("-Infinity", .number(-.infinity))
        case .some(let byte) where byte == UInt8(ascii: "-") || isDigit(byte): return .number(try number())
        case .some: throw failure("no value starts like this")
        case .none: throw failure("the document ends too early")
        }
    }

    private mutating func literal(_ word: StaticString, _ value: JSONValue) throws -> JSONValue {
        let end = position + word.utf8CodeUnitCount
        guard end <= bytes.count, bytes[position..<end].elementsEqual("\(word)".utf8) else {
            throw failure("expected \(word)")
        }
        position = end
        return value
    }

    private mutating func object(depth: Int) throws -> JSONValue {
        try expect("{")
        var members: [JSONValue.Member] = []
        if take("}") { return .object(members) }
        repeat {
            skipSpace()
            let key = try string()
            try expect(":")
            skipSpace()
            let start = position
            members.append(.init(key: key, value: try value(depth: depth + 1), position: start))
        } while take(",")
        try expect("}")
        return .object(members)
    }

    private mutating func array(depth: Int) throws -> JSONValue {
        try expect("[")
        var elements: [JSONValue] = []
        if take("]") { return .array(elements) }
        repeat { elements.append(try value(depth: depth + 1)) } while take(",")
        try expect("]")
        return .array(elements)
    }

    private func isDigit(_ byte: UInt8) -> Bool { byte >= 0x30 && byte <= 0x39 }

    private mutating func number() throws -> Double {
        let start = position
        while let byte = current, isDigit(byte) || "+-.eE".utf8.contains(byte) { position += 1 }
        let text = bytes[start..<position]
        let digits = text.first == UInt8(ascii: "-") ? text.dropFirst() : text
        // What JSON forbids and Swift allows: a leading zero or plus sign, a bare point at either end.
        let leadingZero = digits.count > 1 && digits.first == 0x30 && isDigit(digits[digits.startIndex + 1])
        guard let first = digits.first, isDigit(first), !leadingZero, text.last.map(isDigit) == true,
            let nearest = Double(String(decoding: text, as: UTF8.self))
        else { throw failure("not a number") }
        if dialect == .python { return nearest }
        let value = Self.value(of: digits)
        guard value.isFinite else { throw failure("not a number") }
        return digits.count < text.count ? -value : value
    }

    /// The value of a well-formed number, rounded as Hugging Face's library (by way of `serde_json`) rounds it: all
    /// digits that fit 64 bits, times or by one power of ten. That is one unit off the nearest number now and then, and
    /// with other scores, a unigram model would decide other ties.
    private static func value(of digits: ArraySlice<UInt8>) -> Double {
        var significand: UInt64 = 0
        var exponent = 0
        var isFull = false
        var position = digits.startIndex
        func digit() -> UInt64? {
            guard position < digits.endIndex, digits[position] >= 0x30, digits[position] <= 0x39 else { return nil }
            return UInt64(digits[position] - 0x30)
        }
        func takes(_ digit: UInt64) -> Bool {
            let (tens, isLarge) = significand.multipliedReportingOverflow(by: 10)
            let (sum, isLarger) = tens.addingReportingOverflow(digit)
            if isFull || isLarge || isLarger {
                isFull = true
            } else {
                significand = sum
            }
            return !isFull
        }
        while let next = digit() {
            if !takes(next) { exponent += 1 }
            position += 1
        }
        if position < digits.endIndex, digits[position] == UInt8(ascii: ".") {
            isFull = false
            position += 1
            while let next = digit() {
                if takes(next) { exponent -= 1 }
                position += 1
            }
        }
        if position < digits.endIndex {
            // "e" and the exponent itself, which may be absurdly long.
            let written = Int(String(decoding: digits[(position + 1)...], as: UTF8.self))
            let isNegative = digits[position + 1] == UInt8(ascii: "-")
            exponent += max(-100_000, min(100_000, written ?? (isNegative ? -100_000 : 100_000)))
        }
        var value = Double(significand)
        while exponent < -308 && value != 0 {
            value /= 1e308
            exponent += 308
        }
        if value == 0 || exponent == 0 { return value }
        guard exponent <= 308 else { return .infinity }
        return exponent > 0 ? value * powersOfTen[exponent] : value / powersOfTen[-exponent]
    }

    private static let powersOfTen = (0...308).map { Double("1e\($0)") ?? .infinity }

    private mutating func string() throws -> [UInt8] {
        guard current == UInt8(ascii: "\"") else { throw failure("expected a string") }
        position += 1
        var result: [UInt8] = []
        var start = position
        while let byte = current {
            switch byte {
            case UInt8(ascii: "\""):
                result += bytes[start..<position]
                position += 1
                return result
            case UInt8(ascii: "\\"):
                result += bytes[start..<position]
                position += 1
                result += try escaped()
                start = position
            case 0..<0x20: throw failure("a control character inside a string")
            default: position += 1
            }
        }
        throw failure("a string without an end")
    }

    private mutating func escaped() throws -> [UInt8] {
        guard let byte = current else { throw failure("a string without an end") }
        position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return [byte]
        case UInt8(ascii: "b"): return [0x08]
        case UInt8(ascii: "f"): return [0x0C]
        case UInt8(ascii: "n"): return [0x0A]
        case UInt8(ascii: "r"): return [0x0D]
        case UInt8(ascii: "t"): return [0x09]
        case UInt8(ascii: "u"): return Array(String(try escapedScalar()).utf8)
        default: throw failure("an unknown escape")
        }
    }

    private mutating func escapedScalar() throws -> Unicode.Scalar {
        let high = try fourDigits()
        if let scalar = Unicode.Scalar(high) { return scalar }
        guard high < 0xDC00, position + 1 < bytes.count, bytes[position] == UInt8(ascii: "\\"),
            bytes[position + 1] == UInt8(ascii: "u")
        else { throw failure("half of a surrogate pair") }
        position += 2
        let low = try fourDigits()
        guard (0xDC00..<0xE000).contains(low),
            let scalar = Unicode.Scalar(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00))
        else { throw failure("half of a surrogate pair") }
        return scalar
    }

    private mutating func fourDigits() throws -> UInt32 {
        var value: UInt32 = 0
        for _ in 0..<4 {
            guard let byte = current, let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
                throw failure("\\u needs four hexadecimal digits")
            }
            value = value << 4 | UInt32(digit)
            position += 1
        }
        return value
    }
}
