import Foundation

/// The parts of a body of the type `multipart/form-data` (RFC 7578).
struct MultipartBody {
    /// A part.
    struct Part {
        /// The field's name.
        let name: String
        /// The file's name, where it is one; without folders.
        let fileName: String?
        /// Its contents.
        let data: Data
    }

    /// The parts, in order.
    let parts: [Part]

    /// Parts of one body at most.
    static let limit = 32

    /// Reads a body.
    ///
    /// - Parameter contentType: The header, which tells the border between parts.
    /// - Throws: ``ServingError``.
    init(_ data: Data, contentType: String) throws(ServingError) {
        guard let boundary = Self.parameter("boundary", of: contentType), (1...70).contains(boundary.utf8.count) else {
            throw .mediaType(found: "multipart without a boundary", expected: "multipart/form-data; boundary=…")
        }
        let border = Data("--\(boundary)".utf8), lineEnd = Data("\r\n".utf8), headEnd = Data("\r\n\r\n".utf8)
        var parts: [Part] = []
        guard var place = data.range(of: border)?.upperBound else { throw Self.damaged("it has no part") }
        while !data[place...].starts(with: Data("--".utf8)) {
            guard data[place...].starts(with: lineEnd), parts.count < Self.limit else {
                throw Self.damaged(
                    parts.count < Self.limit ? "a border is followed by other bytes" : "it has too many parts")
            }
            place += lineEnd.count
            let window = data[place..<min(data.endIndex, place + 8192)]
            guard let head = window.range(of: headEnd) else { throw Self.damaged("the head of a part does not end") }
            guard let end = data.range(of: lineEnd + border, in: head.upperBound..<data.endIndex) else {
                throw Self.damaged("it ends within a part")
            }
            let headers = String(decoding: data[place..<head.lowerBound], as: UTF8.self)
            let disposition = headers.split(separator: "\r\n").first {
                $0.lowercased().hasPrefix("content-disposition:")
            }
            guard let disposition, let name = Self.parameter("name", of: String(disposition)) else {
                throw Self.damaged("a part has no name")
            }
            let file = Self.parameter("filename", of: String(disposition))
            parts.append(
                Part(
                    name: name,
                    fileName: file.map { String($0.split(whereSeparator: { "/\\".contains($0) }).last ?? "") },
                    data: data[head.upperBound..<end.lowerBound]))
            place = end.upperBound
        }
        self.parts = parts
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
