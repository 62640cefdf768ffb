import Foundation
import TextMetrics

/// A data file while it is read: plain or gzip-compressed, told apart by the first two bytes; a pipe, or standard input
/// (`/dev/stdin`), too.
///
/// The contents pass by once, line by line, and are not kept.
public struct DataFile {
    /// The path, or "standard input": for messages.
    public let path: String

    package let reader: InputReader

    /// How it begins, unpacked, without a byte order mark: enough to tell layouts apart.
    package let beginning: [UInt8]

    /// Opens a file.
    ///
    /// - Throws: ``DataError/input(_:)``, or ``DataError/empty(file:)`` where there is nothing but white space.
    public init(_ url: URL) throws {
        try self.init { () throws(InputError) in try InputReader(path: url.path) }
    }

    /// Unpacks contents that are in memory already.
    init(path: String, data: Data, limits: InputLimits = InputLimits()) throws {
        try self.init { () throws(InputError) in
            try InputReader(name: path, contents: Array(data), limits: limits)
        }
    }

    private init(_ open: () throws(InputError) -> InputReader) throws {
        do throws(InputError) {
            reader = try open()
            beginning = Array(try reader.beginning(Self.beginningSize))
        } catch {
            throw DataError.input(error)
        }
        path = reader.name
        if let kind = Self.kinds.first(where: { beginning.starts(with: $0.signature.utf8) })?.name {
            throw DataError.input(.notText(file: path, kind: kind))
        }
        if beginning.count < Self.beginningSize, firstByte == nil { throw DataError.empty(file: path) }
    }

    private static let beginningSize = 1 << 14

    /// What tables are often kept in, by how it begins.
    private static let kinds = [
        (signature: "PK\u{3}\u{4}", name: "a zip archive, as spreadsheets (.xlsx, .ods) are"),
        (signature: "PAR1", name: "a Parquet file"), (signature: "ARROW1", name: "an Arrow file"),
        (signature: "SQLite format 3", name: "an SQLite database"), (signature: "%PDF-", name: "a PDF"),
    ]

    /// Whether a file's name ends as one of these, compressed or not, in small letters or capitals.
    package static func isNamed(_ path: String, _ endings: [String]) -> Bool {
        let name = path.lowercased(), stem = name.hasSuffix(".gz") ? name.dropLast(3) : name[...]
        return endings.contains { stem.hasSuffix($0) }
    }

    /// The first byte that is not white space.
    var firstByte: UInt8? { beginning.first { !Self.isSpace($0) } }

    /// Calls `body` with each line and its place. Lines end with LF, CR LF or CR; the last one need not. Lines of nothing
    /// but white space may stand at the end.
    ///
    /// - Throws: ``DataError/emptyLine(_:)`` for such a line before others, ``DataError/notUTF8(_:)``,
    ///   ``DataError/empty(file:)``, ``DataError/input(_:)``, and what `body` throws.
    public func forEachLine(_ body: (String, DataLocation) throws -> Void) throws {
        try forEachLineOfBytes { line, location in try body(Self.text(line, location), location) }
    }

    func forEachLineOfBytes(_ body: (ArraySlice<UInt8>, DataLocation) throws -> Void) throws {
        var blank: DataLocation?, isEmpty = true
        while let line = try nextLine() {
            let location = location
            guard line.contains(where: { !Self.isSpace($0) }) else {
                blank = blank ?? location
                continue
            }
            if let blank { throw DataError.emptyLine(blank) }
            isEmpty = false
            try body(line, location)
        }
        if isEmpty { throw DataError.empty(file: path) }
    }

    /// The place of the line that was read last.
    package var location: DataLocation { DataLocation(file: path, line: reader.line) }

    /// The next line, whatever is in it.
    package func nextLine(keepingEnd: Bool = false) throws -> ArraySlice<UInt8>? {
        try Self.reading {
            () throws(InputError) in
            let line = try reader.nextLine(keepingEnd: keepingEnd)
            // Raw zeros are in no text of ours; UTF-16 is full of them.
            if let line,
                line.withUnsafeBytes({ bytes in
                    bytes.baseAddress.map { memchr($0, 0, bytes.count) != nil } ?? false
                })
            {
                throw .binary(file: path, line: reader.line)
            }
            return line
        }
    }

    /// Everything that is left.
    ///
    /// - Throws: ``DataError/input(_:)`` where it is more than the longest line may be.
    func contents() throws -> [UInt8] {
        var contents: [UInt8] = []
        while let line = try nextLine(keepingEnd: true) {
            contents += line
            try Self.reading { () throws(InputError) in try reader.checkLength(contents.count, "line \(reader.line)") }
        }
        return contents
    }

    package static func text(_ bytes: ArraySlice<UInt8>, _ location: DataLocation) throws -> String {
        guard let text = String(validating: bytes, as: UTF8.self) else { throw DataError.notUTF8(location) }
        return text
    }

    /// Runs what reads, so that it throws a ``DataError``.
    static func reading<Value>(_ body: () throws(InputError) -> Value) throws -> Value {
        do throws(InputError) { return try body() } catch { throw DataError.input(error) }
    }

    static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }
}
