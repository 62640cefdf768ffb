import Foundation
import TextMetrics

/// Decodes rows of JSON and turns what goes wrong into a ``DataError`` with file and line.
package enum JSONLines {
    package static func forEach<Row: Decodable>(
        _ type: Row.Type, in file: DataFile, decoder: JSONDecoder = JSONDecoder(), expected: String,
        _ body: (Row, DataLocation) throws -> Void
    ) throws {
        try file.forEachLineOfBytes { line, location in
            try body(decode(type, line, with: decoder, location, expected: expected), location)
        }
    }

    /// Decodes one value; where a key stands twice, the last one counts.
    static func decode<Row: Decodable>(
        _ type: Row.Type, _ json: ArraySlice<UInt8>, with decoder: JSONDecoder, _ location: DataLocation,
        expected: String
    ) throws -> Row {
        do {
            return try decoder.decode(Row.self, from: JSONKeys.unique(json))
        } catch let error as DecodingError {
            throw DataError.malformed(location, found: describe(error, line: json), expected: expected)
        } catch let error as MissingField {
            throw DataError.missingField(location, field: error.name, found: excerpt(json), keys: error.keys)
        }
    }

    private static func excerpt(_ json: ArraySlice<UInt8>) -> String {
        String(validating: json, as: UTF8.self).map { DataError.excerpt($0) } ?? "bytes that are not UTF-8"
    }

    private static func describe(_ error: DecodingError, line: ArraySlice<UInt8>) -> String {
        func place(_ context: DecodingError.Context) -> String {
            let path = context.codingPath.map(step)
            return path.isEmpty ? "" : " at " + path.joined(separator: ", ")
        }
        let text = excerpt(line)
        return switch error {
        case .keyNotFound(let key, let context): "no \"\(key.stringValue)\"\(place(context)) in \(text)"
        case .typeMismatch(_, let context), .valueNotFound(_, let context):
            "a value of another type\(place(context)) in \(text)"
        default: "invalid JSON: \(text)"
        }
    }

    /// A step of a path. Dictionaries give keys such as "1" a number too; the names of list entries begin with "Index".
    private static func step(_ key: any CodingKey) -> String {
        if let index = key.intValue, key.stringValue.hasPrefix("Index ") { return "item \(index + 1)" }
        return "\"\(key.stringValue)\""
    }
}
