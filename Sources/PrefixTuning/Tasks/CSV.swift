/// Comma-separated values as RFC 4180 has them: fields may stand in quotes, quotes inside are doubled, and quoted
/// fields may hold commas and line ends.
enum CSV {
    static func firstRecord(of file: DataFile) -> [String]? {
        struct Found: Error {
            var fields: [String]
        }
        do {
            try forEachRecord(of: file) { fields, _ in throw Found(fields: fields) }
        } catch let found as Found {
            return found.fields
        } catch {
            return nil
        }
        return nil
    }

    /// Calls `body` with the fields of each record and the line that it begins on.
    static func forEachRecord(of file: DataFile, _ body: ([String], DataLocation) throws -> Void) throws {
        let quote = UInt8(ascii: "\"")
        let bytes = file.bytes
        var position = 0
        var line = 1
        while position < bytes.count {
            let location = DataLocation(file: file.path, line: line)
            var fields: [String] = []
            var endsRecord = false
            while !endsRecord {
                var field: [UInt8] = []
                if position < bytes.count, bytes[position] == quote {
                    position += 1
                    while true {
                        guard position < bytes.count else {
                            throw DataError.malformed(location, found: "a quoted field without an end", expected: "\"")
                        }
                        let byte = bytes[position]
                        position += 1
                        if byte == quote {
                            guard position < bytes.count, bytes[position] == quote else { break }
                            position += 1
                        }
                        if byte == UInt8(ascii: "\n") { line += 1 }
                        field.append(byte)
                    }
                }
                while position < bytes.count, bytes[position] != UInt8(ascii: ","),
                    bytes[position] != UInt8(ascii: "\n")
                {
                    if bytes[position] != UInt8(ascii: "\r") { field.append(bytes[position]) }
                    position += 1
                }
                guard let text = String(validating: field, as: UTF8.self) else { throw DataError.notUTF8(location) }
                fields.append(text)
                endsRecord = position >= bytes.count || bytes[position] == UInt8(ascii: "\n")
                position += 1
            }
            guard fields != [""] else { throw DataError.emptyLine(location) }
            try body(fields, location)
            line += 1
        }
    }
}
