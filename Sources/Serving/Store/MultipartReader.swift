import Foundation

/// Reads a body of the type `multipart/form-data` (RFC 7578) as it comes, in pieces of any size: no more of it is held than a
/// border or the head of a part is long.
struct MultipartReader {
    /// What has come.
    enum Event {
        /// A part begins.
        ///
        /// - Parameters:
        ///   - name: The field's name.
        ///   - fileName: The file's name, where it is one; without folders.
        case begin(name: String, fileName: String?)
        /// Some of its contents.
        case bytes(ArraySlice<UInt8>)
        /// It is complete.
        case end
    }

    /// Parts of one body at most, and bytes of the head of one.
    static let limit = 32, headLimit = 8192

    private enum Place { case before, behindBorder, head, contents, behindAll }

    private let border: [UInt8]
    private let inner: [UInt8]
    private var held: [UInt8] = []
    /// How many bytes of it are done with.
    private var done = 0
    private var place = Place.before
    private var count = 0

    /// A reader of a body that has not come yet.
    ///
    /// - Parameter contentType: The header, which tells the border between parts.
    /// - Throws: ``ServingError``.
    init(contentType: String) throws(ServingError) {
        guard let boundary = Self.parameter("boundary", of: contentType), (1...70).contains(boundary.utf8.count) else {
            throw .mediaType(found: "multipart without a boundary", expected: "multipart/form-data; boundary=…")
        }
        border = Array("--\(boundary)".utf8)
        inner = Array("\r\n".utf8) + border
    }

    /// Takes the next bytes.
    ///
    /// - Parameter take: Told what they complete, in order.
    /// - Throws: ``ServingError`` where they belong to no such body, and what `take` throws.
    mutating func append(_ bytes: some Sequence<UInt8>, _ take: (Event) throws -> Void) throws {
        held.append(contentsOf: bytes)
        defer {
            held.removeFirst(done)
            done = 0
        }
        while try advance(take) {}
    }

    /// Goes on by one border, one head, or as much of contents as is certain.
    ///
    /// - Returns: Whether what is held may complete more.
    private mutating func advance(_ take: (Event) throws -> Void) throws -> Bool {
        switch place {
        case .before:
            guard let found = find(border) else {
                done = max(done, held.count - border.count + 1)
                return false
            }
            done = found + border.count
            place = .behindBorder
        case .behindBorder:
            guard held.count - done >= 2 else { return false }
            let next = (held[done], held[done + 1])
            if next == (UInt8(ascii: "-"), UInt8(ascii: "-")) {
                place = .behindAll
                return true
            }
            guard next == (13, 10) else { throw Self.damaged("a border is followed by other bytes") }
            guard count < Self.limit else { throw Self.damaged("it has too many parts") }
            count += 1
            done += 2
            place = .head
        case .head:
            guard let end = find(Array("\r\n\r\n".utf8), within: Self.headLimit) else {
                guard held.count - done < Self.headLimit else { throw Self.damaged("the head of a part does not end") }
                return false
            }
            try take(Self.beginning(held[done..<end]))
            done = end + 4
            place = .contents
        case .contents:
            let found = find(inner), certain = found ?? max(done, held.count - inner.count + 1)
            if certain > done { try take(.bytes(held[done..<certain])) }
            done = certain
            guard found != nil else { return false }
            try take(.end)
            done += inner.count
            place = .behindBorder
        case .behindAll:
            done = held.count
            return false
        }
        return true
    }

    /// Says that nothing more comes.
    ///
    /// - Throws: ``ServingError`` where something is missing.
    func finish() throws(ServingError) {
        switch place {
        case .behindAll: return
        case .before: throw Self.damaged("it has no part")
        default: throw Self.damaged("it ends within a part")
        }
    }

    /// Where some bytes stand next.
    private func find(_ pattern: [UInt8], within limit: Int = .max) -> Int? {
        let last = min(held.count - done, limit) + done - pattern.count
        guard done <= last else { return nil }
        return held.withUnsafeBytes { bytes in
            guard let base = bytes.baseAddress else { return nil }
            var place = done
            while place <= last, let hit = memchr(base + place, Int32(pattern[0]), last - place + 1) {
                place = base.distance(to: UnsafeRawPointer(hit))
                if memcmp(base + place, pattern, pattern.count) == 0 { return place }
                place += 1
            }
            return nil
        }
    }

    private static func beginning(_ head: ArraySlice<UInt8>) throws(ServingError) -> Event {
        let headers = String(decoding: head, as: UTF8.self)
        let disposition = headers.split(separator: "\r\n").first { $0.lowercased().hasPrefix("content-disposition:") }
        guard let disposition, let name = parameter("name", of: String(disposition)) else {
            throw damaged("a part has no name")
        }
        let file = parameter("filename", of: String(disposition))
        return .begin(
            name: name, fileName: file.map { String($0.split(whereSeparator: { "/\\".contains($0) }).last ?? "") })
    }

    private static func damaged(_ reason: String) -> ServingError {
        .wrongType(field: "the body", found: "damaged", expected: "multipart/form-data: \(reason)")
    }

    /// A parameter of a header, in quotes or not.
    static func parameter(_ name: String, of header: String) -> String? {
        for piece in header.split(separator: ";").dropFirst() {
            let piece = piece.trimmingCharacters(in: .whitespaces)
            guard piece.lowercased().hasPrefix(name + "=") else { continue }
            let value = piece.dropFirst(name.count + 1)
            if value.hasPrefix("\""), value.hasSuffix("\""), value.count >= 2 {
                return String(value.dropFirst().dropLast())
            }
            return String(value)
        }
        return nil
    }
}
