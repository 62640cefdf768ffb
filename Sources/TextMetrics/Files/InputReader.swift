import Foundation

/// How far a reader goes before it takes a file for an attack or an accident.
package struct InputLimits: Sendable {
    /// Bytes of a line, of a record of CSV, or of an entry of a list.
    package var line = 16 << 20
    /// Bytes that a gzip file or a pipe may give; plain files may have any size.
    package var total = 8_000_000_000
    /// Unpacked bytes for each packed one. Deflate can do 1,032; data does 3 to 15.
    package var ratio = 1000
    /// What a line costs in memory beside its bytes.
    package var lineCost = 256

    /// The limits that all readers have.
    package init() {}
}

/// A file, a pipe or standard input, unpacked where it is gzip, line by line: what was read is not kept.
///
/// Lines end with LF, CR LF or CR, as in Python's text files. A byte order mark at the beginning is left out.
package final class InputReader {
    /// The path, or "standard input": for messages.
    package let name: String
    /// Number of the line that was given last, from 1.
    package private(set) var line = 0

    static let pieceSize = 1 << 16

    private var source: any ByteSource
    private let gzip: GzipSource?
    private let isRegular: Bool
    let limits: InputLimits
    private var buffer: [UInt8] = []
    private var position = 0
    private var isAtEnd = false
    private var total = 0
    /// What the lines cost in memory so far, roughly.
    private var cost = 0

    /// Opens a file.
    package convenience init(path: String, limits: InputLimits = InputLimits()) throws(InputError) {
        let file = try FileSource(path)
        try self.init(file, name: file.name, isRegular: file.isRegular, limits: limits)
    }

    /// Reads what is in memory already; `name` is for messages.
    package convenience init(
        name: String, contents: [UInt8], limits: InputLimits = InputLimits()
    ) throws(InputError) {
        try self.init(MemorySource(contents), name: name, isRegular: true, limits: limits)
    }

    private init(_ raw: any ByteSource, name: String, isRegular: Bool, limits: InputLimits) throws(InputError) {
        self.name = name
        self.isRegular = isRegular
        self.limits = limits
        source = raw
        var beginning: [UInt8] = []
        // A pipe may give a byte at a time.
        while beginning.count < 2 {
            let piece = try Self.piece(of: &source)
            if piece.isEmpty { break }
            beginning += piece
        }
        if beginning.starts(with: [0x1F, 0x8B]) {
            let unpacked = try GzipSource(source, beginning: beginning, name: name)
            gzip = unpacked
            source = unpacked
        } else {
            gzip = nil
            buffer = beginning
            total = beginning.count
        }
        let start = try self.beginning(128)
        if start.starts(with: Self.gitPointer) { throw .gitPointer(file: name) }
        if start.starts(with: [0xEF, 0xBB, 0xBF]) { position += 3 }
    }

    private static let gitPointer = Array("version https://git-lfs.github.com/spec/".utf8)

    /// Up to `count` bytes that come next, without taking them.
    package func beginning(_ count: Int) throws(InputError) -> ArraySlice<UInt8> {
        while buffer.count - position < count, !isAtEnd { try fill() }
        return buffer[position...].prefix(count)
    }

    /// The line that comes next, without taking it and without what ends it.
    package func upcomingLine() throws(InputError) -> ArraySlice<UInt8> {
        while true {
            if let end = lineEnd(from: position) { return buffer[position..<end] }
            guard !isAtEnd else { return buffer[position...] }
            try checkLength(buffer.count - position, "line \(line + 1)")
            try fill()
        }
    }

    /// The next line, or nil at the end.
    ///
    /// - Parameter keepsEnd: Whether what ends it is given, too.
    package func nextLine(keepingEnd keepsEnd: Bool = false) throws(InputError) -> ArraySlice<UInt8>? {
        var searched = 0
        while true {
            if let end = lineEnd(from: position + searched) {
                // Only the next byte tells CR from CR LF.
                if buffer[end] == 0x0D, end + 1 == buffer.count, !isAtEnd {
                    searched = end - position
                    try fill()
                    continue
                }
                let isPair = buffer[end] == 0x0D && end + 1 < buffer.count && buffer[end + 1] == 0x0A
                return try take(upTo: end, endLength: isPair ? 2 : 1, keepsEnd)
            }
            searched = buffer.count - position
            guard !isAtEnd else { return searched == 0 ? nil : try take(upTo: buffer.count, endLength: 0, keepsEnd) }
            try checkLength(searched, "line \(line + 1)")
            try fill()
        }
    }

    /// The next byte, or nil at the end.
    package func nextByte() throws(InputError) -> UInt8? {
        while position == buffer.count {
            guard !isAtEnd else { return nil }
            try fill()
        }
        defer { position += 1 }
        return buffer[position]
    }

    /// Throws where one piece of text has become longer than any should.
    package func checkLength(_ length: Int, _ place: @autoclosure () -> String) throws(InputError) {
        guard length > limits.line || length > (1 << 20) + 16 * (gzip?.consumed ?? length) else { return }
        throw .tooLong(file: name, place: place(), limit: min(limits.line, length))
    }

    /// Counts what is kept of a packed file: a small one must not become a large heap.
    package func count(kept length: Int) throws(InputError) {
        guard let gzip else { return }
        cost += limits.lineCost + length
        if cost > (64 << 20) + 64 * gzip.consumed {
            throw .unpacksTooFar(file: name, packed: gzip.consumed, unpacked: total)
        }
    }

    private func take(upTo end: Int, endLength: Int, _ keepsEnd: Bool) throws(InputError) -> ArraySlice<UInt8> {
        line += 1
        let slice = buffer[position..<(keepsEnd ? end + endLength : end)]
        position = end + endLength
        try checkLength(slice.count, "line \(line)")
        try count(kept: slice.count)
        return slice
    }

    private func lineEnd(from start: Int) -> Int? {
        buffer.withUnsafeBytes { bytes in
            guard start < bytes.count, let base = bytes.baseAddress else { return nil }
            func find(_ byte: Int32, before end: Int) -> Int? {
                memchr(base + start, byte, end - start).map { base.distance(to: UnsafeRawPointer($0)) }
            }
            let feed = find(0x0A, before: bytes.count)
            return find(0x0D, before: feed ?? bytes.count) ?? feed
        }
    }

    private func fill() throws(InputError) {
        if position > 0 {
            buffer.removeSubrange(..<position)
            position = 0
        }
        let piece = try Self.piece(of: &source)
        isAtEnd = piece.isEmpty
        buffer += piece
        total += piece.count
        if let gzip, total > (1 << 20) + limits.ratio * gzip.consumed {
            throw .unpacksTooFar(file: name, packed: gzip.consumed, unpacked: total)
        }
        if gzip != nil || !isRegular, total > limits.total { throw .endless(file: name, limit: limits.total) }
    }

    private static func piece(of source: inout any ByteSource) throws(InputError) -> [UInt8] {
        var failure: InputError?
        let piece = [UInt8](unsafeUninitializedCapacity: pieceSize) { buffer, count in
            do throws(InputError) {
                count = try source.read(into: UnsafeMutableRawBufferPointer(buffer))
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        return piece
    }
}
