import Foundation
import TextMetrics

/// The entries of a JSON document that is one list, or an object whose first key holds one: decoded one by one, so that
/// a large document needs little memory.
struct JSONEntries {
    private let file: DataFile
    private let expected: String
    /// A byte that was read too far.
    private var ahead: UInt8?
    private var count = 0

    /// Calls `body` with each entry and its number.
    ///
    /// - Parameter key: That of the list, where the document is an object.
    static func forEach<Entry: Decodable>(
        _ type: Entry.Type, in file: DataFile, under key: String? = nil, decoder: JSONDecoder = JSONDecoder(),
        expected: String,
        _ body: (Entry, DataLocation) throws -> Void
    ) throws {
        var entries = JSONEntries(file: file, expected: expected)
        for character in key.map({ "{\"\($0)\":[" }) ?? "[" { try entries.expect(character) }
        if try entries.isListEmpty() { return try entries.finish(key) }
        var isLast = false
        while !isLast {
            let entry: [UInt8]
            (entry, isLast) = try entries.next()
            let location = DataLocation(file: file.path, line: entries.count, countsEntries: true)
            try body(JSONLines.decode(type, entry[...], with: decoder, location, expected: expected), location)
        }
        try entries.finish(key)
    }

    private init(file: DataFile, expected: String) {
        self.file = file
        self.expected = expected
    }

    private mutating func byte() throws -> UInt8? {
        if let ahead {
            self.ahead = nil
            return ahead
        }
        return try DataFile.reading { () throws(InputError) in try file.reader.nextByte() }
    }

    private mutating func significantByte() throws -> UInt8? {
        while let byte = try byte() {
            if !DataFile.isSpace(byte) { return byte }
        }
        return nil
    }

    private mutating func expect(_ character: Character) throws {
        guard try significantByte() == character.asciiValue else { throw malformed("it does not begin like that") }
    }

    private mutating func isListEmpty() throws -> Bool {
        let byte = try significantByte()
        if byte == UInt8(ascii: "]") { return true }
        ahead = byte
        return false
    }

    /// The bytes of the next entry, and whether the list ends behind it.
    private mutating func next() throws -> (entry: [UInt8], isLast: Bool) {
        count += 1
        var entry: [UInt8] = [], depth = 0, isText = false, isEscaped = false
        while let byte = try byte() {
            if isText {
                if isEscaped {
                    isEscaped = false
                } else if byte == UInt8(ascii: "\\") {
                    isEscaped = true
                } else if byte == UInt8(ascii: "\"") {
                    isText = false
                }
            } else {
                switch byte {
                case UInt8(ascii: "\""): isText = true
                case UInt8(ascii: "["), UInt8(ascii: "{"): depth += 1
                case UInt8(ascii: "]") where depth == 0, UInt8(ascii: ",") where depth == 0:
                    try DataFile.reading { () throws(InputError) in try file.reader.count(kept: entry.count) }
                    return (entry, byte == UInt8(ascii: "]"))
                case UInt8(ascii: "]"), UInt8(ascii: "}"): depth -= 1
                default: break
                }
            }
            entry.append(byte)
            try DataFile.reading { () throws(InputError) in
                try file.reader.checkLength(entry.count, "entry \(count)")
            }
        }
        throw malformed("it ends in entry \(count)")
    }

    /// What may follow the list: nothing, or the rest of the object around it.
    private mutating func finish(_ key: String?) throws {
        var rest = Array("{\"\":0".utf8)
        while let byte = try significantByte() {
            guard key != nil else { throw malformed("there is text behind the list") }
            rest.append(byte)
            try DataFile.reading { () throws(InputError) in
                try file.reader.checkLength(rest.count, "behind entry \(count)")
            }
        }
        if key != nil, (try? JSONSerialization.jsonObject(with: Data(rest))) == nil {
            throw malformed("what follows entry \(count) is not valid JSON")
        }
    }

    private func malformed(_ problem: String) -> DataError {
        .malformedFile(file: file.path, problem: problem, expected: expected)
    }
}
