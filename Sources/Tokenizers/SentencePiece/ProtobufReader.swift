/// Walks through the fields of a protocol buffer, without a schema and without copying.
enum ProtobufReader {
    /// Where in the file what is wrong.
    struct Damage: Error {
        var offset: Int
        var reason: String

        func because(_ reason: String) -> Damage { Damage(offset: offset, reason: reason) }
    }

    struct Field {
        enum Value {
            case integer(UInt64)
            case fixed64
            case message(ArraySlice<UInt8>)
            case fixed32(UInt32)
        }

        let number: UInt64
        let value: Value
        let offset: Int

        func damage(_ reason: String) -> Damage { Damage(offset: offset, reason: reason) }

        func integer() throws -> UInt64 {
            guard case .integer(let value) = value else { throw damage("field \(number) is not an integer") }
            return value
        }

        func message() throws -> ArraySlice<UInt8> {
            guard case .message(let bytes) = value else { throw damage("field \(number) has no length") }
            return bytes
        }

        func fixed32() throws -> UInt32 {
            guard case .fixed32(let value) = value else { throw damage("field \(number) is not of 32 bits") }
            return value
        }
    }

    /// Calls `body` for every field of a message, in order.
    /// - Throws: ``Damage``, or what `body` throws.
    static func forEachField(of message: ArraySlice<UInt8>, _ body: (Field) throws -> Void) throws {
        var position = message.startIndex
        func take(_ count: UInt64) throws -> ArraySlice<UInt8> {
            guard count <= UInt64(message.endIndex - position) else {
                throw Damage(offset: position, reason: "the file ends too early")
            }
            defer { position += Int(count) }
            return message[position..<position + Int(count)]
        }
        func variableInteger() throws -> UInt64 {
            var value: UInt64 = 0
            for shift in stride(from: UInt64(0), to: 70, by: 7) {
                guard position < message.endIndex else {
                    throw Damage(offset: position, reason: "the file ends too early")
                }
                let byte = message[position]
                position += 1
                value |= UInt64(byte & 0x7F) << shift
                if byte < 0x80 { return value }
            }
            throw Damage(offset: position, reason: "an integer has too many bytes")
        }
        while position < message.endIndex {
            let offset = position
            let tag = try variableInteger()
            let value: Field.Value
            switch tag & 7 {
            case 0: value = .integer(try variableInteger())
            case 1:
                _ = try take(8)
                value = .fixed64
            case 2: value = .message(try take(try variableInteger()))
            case 5: value = .fixed32(try take(4).reversed().reduce(0) { $0 << 8 | UInt32($1) })
            default: throw Damage(offset: offset, reason: "there is no such type of field")
            }
            guard tag >> 3 != 0, tag <= UInt64(UInt32.max) else {
                throw Damage(offset: offset, reason: "there is no such field")
            }
            try body(Field(number: tag >> 3, value: value, offset: offset))
        }
    }
}
