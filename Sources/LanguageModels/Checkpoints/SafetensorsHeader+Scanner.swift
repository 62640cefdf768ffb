/// Reads the JSON of a safetensors header.
///
/// A general JSON parser would hide what matters here: a key that occurs twice. The header's grammar is small, depth
/// is fixed, and every step is bounded by the header's length, so hostile input can only end in an error.
struct SafetensorsHeaderScanner {
    struct Tensor {
        var key: String
        var type: String
        var shape: [Int]
        var start: Int
        var end: Int
    }

    struct Contents {
        var tensors: [Tensor] = []
        var metadata: [String: String] = [:]
    }

    struct Failure: Error {
        var position: Int
        var problem: String
    }

    private let bytes: UnsafeRawBufferPointer
    private var position = 0

    init(_ bytes: UnsafeRawBufferPointer) {
        self.bytes = bytes
    }

    mutating func scan() throws(Failure) -> Contents {
        var contents = Contents()
        var keys: Set<String> = []
        try object { (scanner, key) throws(Failure) in
            guard keys.insert(key).inserted else { throw scanner.failure("key \"\(key)\" occurs twice") }
            if key == "__metadata__" {
                contents.metadata = try scanner.metadata()
            } else {
                contents.tensors.append(try scanner.tensor(key))
            }
        }
        skipSpace()
        guard position == bytes.count else { throw failure("something follows the closing brace") }
        return contents
    }

    private mutating func metadata() throws(Failure) -> [String: String] {
        var result: [String: String] = [:]
        try object { (scanner, key) throws(Failure) in
            let value = try scanner.string()
            guard result.updateValue(value, forKey: key) == nil else {
                throw scanner.failure("metadata key \"\(key)\" occurs twice")
            }
        }
        return result
    }

    private mutating func tensor(_ key: String) throws(Failure) -> Tensor {
        var type: String?
        var shape: [Int]?
        var offsets: [Int]?
        try object { (scanner, field) throws(Failure) in
            switch field {
            case "dtype" where type == nil: type = try scanner.string()
            case "shape" where shape == nil: shape = try scanner.integers()
            case "data_offsets" where offsets == nil: offsets = try scanner.integers()
            default: throw scanner.failure("tensor \"\(key)\" has an unknown or repeated field \"\(field)\"")
            }
        }
        guard let type, let shape, let offsets, offsets.count == 2 else {
            throw failure("tensor \"\(key)\" lacks dtype, shape or a pair of data_offsets")
        }
        return Tensor(key: key, type: type, shape: shape, start: offsets[0], end: offsets[1])
    }

    // MARK: Grammar

    private func failure(_ problem: String) -> Failure { Failure(position: position, problem: problem) }

    private mutating func skipSpace() {
        while position < bytes.count, [0x20, 0x09, 0x0A, 0x0D].contains(bytes[position]) { position += 1 }
    }

    private mutating func accept(_ character: Unicode.Scalar) -> Bool {
        skipSpace()
        guard position < bytes.count, bytes[position] == UInt8(ascii: character) else { return false }
        position += 1
        return true
    }

    private mutating func expect(_ character: Unicode.Scalar) throws(Failure) {
        guard accept(character) else {
            throw failure("\"\(character)\" was expected, but there is \(found)")
        }
    }

    private var found: String {
        guard position < bytes.count else { return "nothing more" }
        let byte = bytes[position]
        return (0x21..<0x7F).contains(byte) ? "\"\(Unicode.Scalar(byte))\"" : "byte \(byte)"
    }

    private mutating func object(
        _ member: (inout SafetensorsHeaderScanner, String) throws(Failure) -> Void
    ) throws(Failure) {
        try expect("{")
        if accept("}") { return }
        repeat {
            let key = try string()
            try expect(":")
            try member(&self, key)
        } while accept(",")
        try expect("}")
    }

    private mutating func integers() throws(Failure) -> [Int] {
        try expect("[")
        if accept("]") { return [] }
        var result: [Int] = []
        repeat { result.append(try integer()) } while accept(",")
        try expect("]")
        return result
    }

    private mutating func integer() throws(Failure) -> Int {
        skipSpace()
        if position < bytes.count, bytes[position] == UInt8(ascii: "-") { throw failure("a number is negative") }
        let start = position
        var value = 0
        while position < bytes.count, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(bytes[position]) {
            let (tens, tooMany) = value.multipliedReportingOverflow(by: 10)
            let (sum, tooLarge) = tens.addingReportingOverflow(Int(bytes[position] - UInt8(ascii: "0")))
            guard !tooMany, !tooLarge else { throw failure("a number is too large") }
            value = sum
            position += 1
        }
        guard position > start else { throw failure("a whole number was expected, but there is \(found)") }
        return value
    }

    private mutating func string() throws(Failure) -> String {
        try expect("\"")
        var utf8: [UInt8] = []
        while true {
            guard position < bytes.count else { throw failure("a string does not end") }
            let byte = bytes[position]
            position += 1
            switch byte {
            case UInt8(ascii: "\""):
                guard let text = String(validating: utf8, as: UTF8.self) else { throw failure("a string is not UTF-8") }
                return text
            case UInt8(ascii: "\\"): utf8 += try escape().utf8
            case 0..<0x20: throw failure("a string holds a control character")
            default: utf8.append(byte)
            }
        }
    }

    private mutating func escape() throws(Failure) -> String {
        guard position < bytes.count else { throw failure("a string does not end") }
        let letter = bytes[position]
        position += 1
        switch letter {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return String(Unicode.Scalar(letter))
        case UInt8(ascii: "b"): return "\u{8}"
        case UInt8(ascii: "f"): return "\u{C}"
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "u"): return try unicodeEscape()
        default: throw failure("a string holds an unknown escape")
        }
    }

    /// `\uXXXX`, where characters beyond the first plane come as a pair of surrogates.
    private mutating func unicodeEscape() throws(Failure) -> String {
        var units = [try hexadecimal()]
        if UTF16.isLeadSurrogate(units[0]) {
            guard position + 1 < bytes.count, bytes[position] == UInt8(ascii: "\\"),
                bytes[position + 1] == UInt8(ascii: "u")
            else { throw failure("a string holds half a surrogate pair") }
            position += 2
            units.append(try hexadecimal())
        }
        guard let text = String(validating: units, as: UTF16.self) else {
            throw failure("a string holds half a surrogate pair")
        }
        return text
    }

    private mutating func hexadecimal() throws(Failure) -> UInt16 {
        guard position + 4 <= bytes.count,
            let digits = String(validating: bytes[position..<position + 4], as: UTF8.self),
            digits.utf8.allSatisfy({ $0 != UInt8(ascii: "+") && $0 != UInt8(ascii: "-") }),
            let unit = UInt16(digits, radix: 16)
        else { throw failure("a \\u escape needs four hexadecimal digits") }
        position += 4
        return unit
    }
}
