import Foundation

/// The contents of a data file: plain or gzip-compressed, told apart by the first two bytes.
public struct DataFile: Sendable {
    /// The path, for messages.
    public let path: String

    /// The contents, unpacked, without a byte order mark.
    public let bytes: [UInt8]

    /// Reads a whole file.
    ///
    /// - Throws: ``DataError/unreadable(file:reason:)``, ``DataError/corruptGzip(file:reason:)``, or
    ///   ``DataError/empty(file:)`` where there is nothing but white space.
    public init(_ url: URL) throws {
        let data: Data
        do {
            data = try Data(contentsOf: url, options: .mappedIfSafe)
        } catch {
            var isFolder: ObjCBool = false
            let exists = FileManager.default.fileExists(atPath: url.path, isDirectory: &isFolder)
            let reason = !exists ? "there is no such file" : isFolder.boolValue ? "it is a folder" : "access is denied"
            throw DataError.unreadable(file: url.path, reason: reason)
        }
        try self.init(path: url.path, data: data)
    }

    /// Unpacks contents that are in memory already.
    init(path: String, data: Data) throws {
        self.path = path
        var contents = Gzip.isGzip(data) ? try Gzip.unpack(data, file: path) : Array(data)
        if contents.starts(with: [0xEF, 0xBB, 0xBF]) { contents.removeFirst(3) }
        guard contents.contains(where: { !Self.isSpace($0) }) else { throw DataError.empty(file: path) }
        bytes = contents
    }

    /// The first byte that is not white space.
    var firstByte: UInt8? { bytes.first { !Self.isSpace($0) } }

    /// Calls `body` with each line and its place. Lines end with LF or CR LF; the last one need not.
    ///
    /// - Throws: ``DataError/emptyLine(_:)`` for lines of nothing but white space, ``DataError/notUTF8(_:)``, and what
    ///   `body` throws.
    public func forEachLine(_ body: (String, DataLocation) throws -> Void) throws {
        try forEachLineOfBytes { line, location in
            guard let text = String(validating: line, as: UTF8.self) else { throw DataError.notUTF8(location) }
            try body(text, location)
        }
    }

    func forEachLineOfBytes(_ body: (ArraySlice<UInt8>, DataLocation) throws -> Void) throws {
        var start = 0
        var number = 0
        while start < bytes.count {
            let end = bytes[start...].firstIndex(of: UInt8(ascii: "\n")) ?? bytes.count
            var line = bytes[start..<end]
            if line.last == UInt8(ascii: "\r") { line.removeLast() }
            number += 1
            let location = DataLocation(file: path, line: number)
            guard line.contains(where: { !Self.isSpace($0) }) else { throw DataError.emptyLine(location) }
            try body(line, location)
            start = end + 1
        }
    }

    private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }
}
