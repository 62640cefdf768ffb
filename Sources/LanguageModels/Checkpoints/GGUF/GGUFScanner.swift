/// Goes through the bytes of a GGUF file, none of which is believed: every length is compared with what is left of the file before
/// anything is done with it.
struct GGUFScanner {
    let file: String
    let bytes: UnsafeRawBufferPointer
    private(set) var offset: Int

    init(_ bytes: UnsafeRawBufferPointer, from offset: Int = 0, file: String) {
        self.bytes = bytes
        self.offset = offset
        self.file = file
    }

    /// Bytes that are left.
    var rest: Int { bytes.count - offset }

    /// What is wrong with the file.
    func malformed(_ problem: String) -> CheckpointError { .malformedGGUF(file: file, problem: problem) }

    /// The next number, stored with its lowest byte first.
    mutating func number<N: FixedWidthInteger>(_ type: N.Type = N.self, _ what: String) throws -> N {
        let size = MemoryLayout<N>.size
        guard rest >= size else { throw malformed("it ends at byte \(bytes.count), in the middle of \(what)") }
        defer { offset += size }
        return N(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: N.self))
    }

    /// A count of things that take at least `size` bytes each.
    mutating func count(ofSize size: Int, _ what: String) throws -> Int {
        let stated = try number(UInt64.self, "the number of \(what)")
        guard stated <= UInt64(rest / size) else {
            throw malformed("it states \(stated) \(what), for which its \(bytes.count) bytes have no room")
        }
        return Int(stated)
    }

    /// A text: its length, then its bytes.
    mutating func text(_ what: String) throws -> Range<Int> {
        let length = try count(ofSize: 1, "bytes of \(what)")
        defer { offset += length }
        return offset..<offset + length
    }

    /// A text as a string, which names are.
    mutating func name(_ what: String, longest: Int) throws -> String {
        let range = try text(what)
        guard (1...longest).contains(range.count) else {
            throw malformed("\(what) has \(range.count) bytes, where 1 to \(longest) belong")
        }
        guard let name = String(validating: bytes[range], as: UTF8.self) else {
            throw malformed("\(what) is no valid UTF-8")
        }
        return name
    }

    /// A value of a type.
    ///
    /// - Parameter key: For messages.
    mutating func value(_ type: GGUFType, key: String) throws -> GGUFValue {
        let what = "the value of \"\(key)\""
        switch type {
        case .uint8: return .integer(Int(try number(UInt8.self, what)))
        case .int8: return .integer(Int(try number(Int8.self, what)))
        case .uint16: return .integer(Int(try number(UInt16.self, what)))
        case .int16: return .integer(Int(try number(Int16.self, what)))
        case .uint32: return .integer(Int(try number(UInt32.self, what)))
        case .int32: return .integer(Int(try number(Int32.self, what)))
        case .int64: return .integer(Int(try number(Int64.self, what)))
        case .uint64:
            let value = try number(UInt64.self, what)
            return Int(exactly: value).map { .integer($0) } ?? .number(Double(value))
        case .float32:
            // By way of text, so that 1e-5 is not 9.99999974737875e-06 where it is written again.
            let value = Float(bitPattern: try number(UInt32.self, what))
            return .number(Double("\(value)") ?? Double(value))
        case .float64: return .number(Double(bitPattern: try number(UInt64.self, what)))
        case .bool:
            let value = try number(UInt8.self, what)
            guard value <= 1 else { throw malformed("\(what) is the byte \(value), neither true nor false") }
            return .flag(value == 1)
        case .string:
            let range = try text(what)
            return .text(Array(bytes[range]))
        case .list: return .list(try list(key: key))
        }
    }

    /// A list, whose elements are passed over.
    private mutating func list(key: String) throws -> GGUFList {
        let number = try number(UInt32.self, "the type of the list \"\(key)\"")
        guard let element = GGUFType(rawValue: number) else {
            throw malformed("the list \"\(key)\" has elements of the unknown type \(number)")
        }
        guard element != .list else { throw malformed("\"\(key)\" is a list of lists") }
        let count = try count(ofSize: element.size, "elements of \"\(key)\"")
        let start = offset
        if element == .string {
            for _ in 0..<count { _ = try text("an element of \"\(key)\"") }
        } else {
            offset += count * element.size
        }
        return GGUFList(element: element, count: count, range: start..<offset)
    }
}
