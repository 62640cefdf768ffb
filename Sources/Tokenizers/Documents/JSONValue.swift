import Foundation

/// A JSON document as the files of tokenizers and models need it.
///
/// Foundation's decoders key dictionaries by `String`, whose equality is canonical equivalence: two vocabulary entries
/// such as "é" (one scalar) and "e" + U+0301 would silently become one. Here strings stay the bytes they are, and
/// objects keep their order.
package enum JSONValue: Sendable, Equatable {
    case null
    case bool(Bool)
    case number(Double)
    case string([UInt8])
    case array([JSONValue])
    case object([Member])

    package struct Member: Sendable, Equatable {
        package var key: [UInt8]
        package var value: JSONValue
        /// The byte of the document that the value begins at, for messages; 0 where it was read from none.
        package var position: Int

        /// A member that stands in no document.
        package init(key: [UInt8], value: JSONValue) { self.init(key: key, value: value, position: 0) }

        init(key: [UInt8], value: JSONValue, position: Int) {
            self.key = key
            self.value = value
            self.position = position
        }

        /// Where they were read from does not count.
        package static func == (a: Member, b: Member) -> Bool { a.key == b.key && a.value == b.value }
    }

    package static func text(_ text: String) -> JSONValue { .string(Array(text.utf8)) }

    static func object(_ members: KeyValuePairs<String, JSONValue>) -> JSONValue {
        .object(members.map { Member(key: Array($0.key.utf8), value: $0.value) })
    }

    /// The value of the last member of that name, as Python and Rust take it; nil where there is none.
    package subscript(name: String) -> JSONValue? {
        guard case .object(let members) = self else { return nil }
        return members.last { $0.key.elementsEqual(name.utf8) }?.value
    }

    package var isNull: Bool { self == .null }

    package var string: String? {
        guard case .string(let bytes) = self else { return nil }
        return String(decoding: bytes, as: UTF8.self)
    }

    package var bool: Bool? {
        guard case .bool(let value) = self else { return nil }
        return value
    }

    /// A whole number that fits a token id, else nil.
    var identifier: Int32? {
        guard case .number(let value) = self else { return nil }
        return Int32(exactly: value)
    }

    package var array: [JSONValue]? {
        guard case .array(let elements) = self else { return nil }
        return elements
    }

    package var members: [Member]? {
        guard case .object(let members) = self else { return nil }
        return members
    }

    /// The document as compact JSON; characters beyond ASCII are written as themselves.
    package func serialized() -> [UInt8] {
        var output: [UInt8] = []
        append(to: &output)
        return output
    }

    private func append(to output: inout [UInt8]) {
        switch self {
        case .null: output += Array("null".utf8)
        case .bool(let value): output += Array((value ? "true" : "false").utf8)
        case .number(let value):
            let words = value.isFinite ? nil : value.isNaN ? "NaN" : value > 0 ? "Infinity" : "-Infinity"
            output += Array((words ?? Int64(exactly: value).map { String($0) } ?? String(value)).utf8)
        case .string(let bytes): Self.append(bytes, to: &output)
        case .array(let elements):
            output.append(UInt8(ascii: "["))
            for (index, element) in elements.enumerated() {
                if index > 0 { output.append(UInt8(ascii: ",")) }
                element.append(to: &output)
            }
            output.append(UInt8(ascii: "]"))
        case .object(let members):
            output.append(UInt8(ascii: "{"))
            for (index, member) in members.enumerated() {
                if index > 0 { output.append(UInt8(ascii: ",")) }
                Self.append(member.key, to: &output)
                output.append(UInt8(ascii: ":"))
                member.value.append(to: &output)
            }
            output.append(UInt8(ascii: "}"))
        }
    }

    private static func append(_ string: [UInt8], to output: inout [UInt8]) {
        let hexadecimal = Array("0123456789abcdef".utf8)
        output.append(UInt8(ascii: "\""))
        for byte in string {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): output += [UInt8(ascii: "\\"), byte]
            case 0..<0x20: output += Array("\\u00".utf8) + [hexadecimal[Int(byte >> 4)], hexadecimal[Int(byte & 15)]]
            default: output.append(byte)
            }
        }
        output.append(UInt8(ascii: "\""))
    }
}
