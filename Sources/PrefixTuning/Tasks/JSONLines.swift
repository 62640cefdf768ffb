import Foundation

/// Decodes rows of JSON and turns what goes wrong into a ``DataError`` with file and line.
package enum JSONLines {
    package static func forEach<Row: Decodable>(
        _ type: Row.Type, in file: DataFile, expected: String, _ body: (Row, DataLocation) throws -> Void
    ) throws {
        let decoder = JSONDecoder()
        try file.forEachLineOfBytes { line, location in
            let row: Row
            do {
                row = try decoder.decode(Row.self, from: Data(line))
            } catch let error as DecodingError {
                throw DataError.malformed(location, found: describe(error, line: line), expected: expected)
            }
            try body(row, location)
        }
    }

    /// Decodes the whole file as one JSON document.
    package static func document<Document: Decodable>(
        _ type: Document.Type, in file: DataFile, expected: String
    ) throws -> Document {
        do {
            return try JSONDecoder().decode(Document.self, from: Data(file.bytes))
        } catch let error as DecodingError {
            throw DataError.malformedFile(
                file: file.path, problem: describe(error, line: file.bytes.prefix(200)), expected: expected)
        }
    }

    private static func describe(_ error: DecodingError, line: ArraySlice<UInt8>) -> String {
        func place(_ context: DecodingError.Context) -> String {
            let path = context.codingPath.map { $0.intValue.map { "item \($0 + 1)" } ?? "\"\($0.stringValue)\"" }
            return path.isEmpty ? "" : " at " + path.joined(separator: ", ")
        }
        let text = String(validating: line, as: UTF8.self).map { DataError.excerpt($0) } ?? "bytes that are not UTF-8"
        return switch error {
        case .keyNotFound(let key, let context): "no \"\(key.stringValue)\"\(place(context)) in \(text)"
        case .typeMismatch(_, let context), .valueNotFound(_, let context):
            "a value of another type\(place(context)) in \(text)"
        default: "invalid JSON: \(text)"
        }
    }
}
