extension ChatValue {
    /// Reads a document of JSON.
    ///
    /// - Parameter json: UTF-8. Python's `NaN` and `Infinity` are numbers, as its `json` takes them.
    /// - Throws: ``ChatTemplateError/json(position:reason:)``.
    public init(json: some Sequence<UInt8>) throws {
        var reader = JSONReader(Array(json))
        self = try reader.document()
    }

    /// Reads a document of JSON.
    ///
    /// - Throws: ``ChatTemplateError/json(position:reason:)``.
    public init(json: String) throws { try self.init(json: json.utf8) }
}

/// Reads JSON in one pass.
struct JSONReader {
    private let bytes: [UInt8]
    private var position = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    mutating func document() throws -> ChatValue {
        let value = try value(depth: 1)
        skipBlanks()
        guard position == bytes.count else { throw error("something follows the value") }
        return value
    }

    private func error(_ reason: String) -> ChatTemplateError { .json(position: position, reason: reason) }

    private mutating func skipBlanks() {
        while let byte = peek, [0x20, 0x09, 0x0A, 0x0D].contains(byte) { position += 1 }
    }

    private var peek: UInt8? { position < bytes.count ? bytes[position] : nil }

    private mutating func skip(_ byte: Character) -> Bool {
        guard peek == byte.asciiValue else { return false }
        position += 1
        return true
    }

    private mutating func skip(word: String) -> Bool {
        guard bytes[position...].starts(with: word.utf8) else { return false }
        position += word.utf8.count
        return true
    }

    private mutating func value(depth: Int) throws -> ChatValue {
        guard depth <= Bounds.depth else { throw error("more than \(Bounds.depth) levels lie in each other") }
        skipBlanks()
        if skip("{") { return try object(depth: depth) }
        if skip("[") { return try array(depth: depth) }
        if peek == UInt8(ascii: "\"") { return .string(try string()) }
        for (word, value) in [("null", ChatValue.null), ("true", .bool(true)), ("false", .bool(false))]
        where skip(word: word) { return value }
        for (word, value) in [("NaN", Double.nan), ("Infinity", .infinity), ("-Infinity", -.infinity)]
        where skip(word: word) { return .double(value) }
        return try number()
    }

    private mutating func object(depth: Int) throws -> ChatValue {
        var members: [Member] = []
        skipBlanks()
        if skip("}") { return .object(members) }
        while true {
            skipBlanks()
            guard peek == UInt8(ascii: "\"") else { throw error("a name in quotes is missing") }
            let name = try string()
            skipBlanks()
            guard skip(":") else { throw error("\":\" is missing") }
            members.append(Member(name, try value(depth: depth + 1)))
            skipBlanks()
            if skip("}") { return .object(members) }
            guard skip(",") else { throw error("\",\" or \"}\" is missing") }
        }
    }

    private typealias Member = ChatValue.Member

    private mutating func array(depth: Int) throws -> ChatValue {
        var elements: [ChatValue] = []
        skipBlanks()
        if skip("]") { return .array(elements) }
        while true {
            elements.append(try value(depth: depth + 1))
            skipBlanks()
            if skip("]") { return .array(elements) }
            guard skip(",") else { throw error("\",\" or \"]\" is missing") }
        }
    }

    private mutating func number() throws -> ChatValue {
        let start = position
        while let byte = peek, "+-.eE0123456789".utf8.contains(byte) { position += 1 }
        let text = String(decoding: bytes[start..<position], as: UTF8.self), digits = text.drop { $0 == "-" }
        position = start
        guard let first = digits.first, first.isNumber, text.first != "+", !text.hasPrefix("--"),
            first != "0" || digits.count == 1 || !(digits.dropFirst().first?.isNumber ?? false), text.last != "."
        else { throw error("a value is missing") }
        defer { position = start + text.utf8.count }
        if let value = Int(text) { return .integer(value) }
        guard text.contains(where: { ".eE".contains($0) }) else {
            throw error("\(text) is beyond the integers of 64 bits")
        }
        guard let value = Double(text) else { throw error("\(text) is no number") }
        return .double(value)
    }

    private mutating func string() throws -> String {
        position += 1
        var text: [UInt8] = []
        while let byte = peek {
            position += 1
            switch byte {
            case UInt8(ascii: "\""):
                guard let text = String(validating: text, as: UTF8.self) else {
                    throw error("a text that is not UTF-8")
                }
                return text
            case UInt8(ascii: "\\"): text += String(try escape()).utf8
            case 0..<0x20: throw error("a control character that is not escaped")
            default: text.append(byte)
            }
        }
        throw error("the quote that ends a text is missing")
    }

    /// What a backslash that has been read begins; half a pair of surrogates is U+FFFD.
    private mutating func escape() throws -> Unicode.Scalar {
        guard let byte = peek else { throw error("a text ends in a backslash") }
        position += 1
        switch byte {
        case UInt8(ascii: "b"): return "\u{8}"
        case UInt8(ascii: "f"): return "\u{C}"
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return Unicode.Scalar(byte)
        case UInt8(ascii: "u"):
            let first = try unit()
            if (0xD800..<0xDC00).contains(first), skip(word: "\\u") {
                let behind = position, second = try unit()
                if (0xDC00..<0xE000).contains(second) {
                    return Unicode.Scalar(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00)) ?? "\u{FFFD}"
                }
                position = behind - 2
            }
            return Unicode.Scalar(first) ?? "\u{FFFD}"
        default: throw error("\"\\\(Character(Unicode.Scalar(byte)))\" is no escape")
        }
    }

    private mutating func unit() throws -> UInt32 {
        let digits = bytes[position...].prefix(4)
        guard digits.count == 4, digits.allSatisfy({ Character(Unicode.Scalar($0)).isHexDigit }),
            let value = UInt32(String(decoding: digits, as: UTF8.self), radix: 16)
        else { throw error("four hexadecimal digits are missing") }
        position += 4
        return value
    }
}
