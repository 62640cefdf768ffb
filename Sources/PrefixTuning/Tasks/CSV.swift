import Foundation
import TextMetrics

/// Comma-separated values as RFC 4180 has them: fields may stand in quotes, quotes inside are doubled, and quoted
/// fields may hold commas and line ends. The same with semicolons or tabs, as spreadsheets write it.
enum CSV {
    static let comma = UInt8(ascii: ",")

    /// The fields of the first record, as far as the beginning of the file tells; nil where it is none.
    static func firstRecord(of file: DataFile, separator: UInt8 = comma) -> [String]? {
        let line = file.beginning.prefix { $0 != UInt8(ascii: "\n") && $0 != UInt8(ascii: "\r") }
        guard let first = try? DataFile(path: file.path, data: Data(line)), let bytes = try? first.nextLine(),
            var record = try? Record(bytes, in: first, separator)
        else { return nil }
        return try? record.fields()
    }

    /// Calls `body` with the fields of each record and the line that it begins on. Empty lines may stand at the end.
    static func forEachRecord(
        of file: DataFile, separator: UInt8 = comma, _ body: ([String], DataLocation) throws -> Void
    ) throws {
        var blank: DataLocation?
        while let line = try file.nextLine(keepingEnd: true) {
            let location = file.location
            var record = try Record(line, in: file, separator)
            let fields = try record.fields()
            if fields == [""] {
                blank = blank ?? location
                continue
            }
            if let blank { throw DataError.emptyLine(blank) }
            try body(fields, location)
        }
    }

    /// A record, which begins as one line and takes more where a quoted field goes on.
    private struct Record {
        private var bytes: [UInt8]
        private var position = 0
        private let file: DataFile
        private let start: DataLocation
        private let separator: UInt8

        init(_ line: ArraySlice<UInt8>, in file: DataFile, _ separator: UInt8) throws {
            bytes = Array(line)
            self.file = file
            start = file.location
            self.separator = separator
        }

        mutating func fields() throws -> [String] {
            var fields: [String] = []
            while true {
                fields.append(try field())
                guard position < bytes.count, bytes[position] == separator else { return fields }
                position += 1
            }
        }

        /// One field, up to the separator or the line end behind it.
        private mutating func field() throws -> String {
            var field: [UInt8] = []
            if position < bytes.count, bytes[position] == UInt8(ascii: "\"") {
                position += 1
                try quoted(&field)
            }
            while position < bytes.count, bytes[position] != separator, !isLineEnd(bytes[position]) {
                field.append(bytes[position])
                position += 1
            }
            return try DataFile.text(field[...], start)
        }

        private mutating func quoted(_ field: inout [UInt8]) throws {
            while true {
                if position == bytes.count, try !takesNextLine() {
                    throw DataError.malformed(start, found: "a quoted field without an end", expected: "\"")
                }
                let byte = bytes[position]
                position += 1
                if byte == UInt8(ascii: "\"") {
                    guard position < bytes.count, bytes[position] == byte else { return }
                    position += 1
                }
                field.append(byte)
            }
        }

        private mutating func takesNextLine() throws -> Bool {
            guard let line = try file.nextLine(keepingEnd: true) else { return false }
            bytes += line
            try DataFile.reading { () throws(InputError) in
                try file.reader.checkLength(bytes.count, "the record that begins in line \(start.line)")
            }
            return true
        }

        private func isLineEnd(_ byte: UInt8) -> Bool { byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\r") }
    }
}
