import Foundation

/// What somebody says that a file's contents add up to.
struct Checksum: Sendable, Equatable {
    /// How it is computed.
    enum Function: Sendable {
        /// SHA-256, of files in large-file storage.
        case sha256
        /// The name that git gives to contents: SHA-1 over their size and them.
        case gitBlob
    }

    let function: Function
    /// In lowercase hex.
    let hex: String

    /// Reads a checksum; nil where the text is none of that kind.
    init?(_ function: Function, _ text: String?) {
        guard let text = text?.lowercased(), text.utf8.count == (function == .sha256 ? 64 : 40),
            text.utf8.allSatisfy({ (48...57).contains($0) || (97...102).contains($0) })
        else { return nil }
        (self.function, hex) = (function, text)
    }

    /// The checksum that an ETag of a hub is: 64 digits for large files, 40 for others; nil for an ETag of another kind.
    init?(etag: String) {
        guard let found = Checksum(.sha256, etag) ?? Checksum(.gitBlob, etag) else { return nil }
        self = found
    }
}

/// The checksums that were promised of a file, computed as bytes come in.
package struct ContentDigest {
    private let digests: [(promised: Checksum, digest: MessageDigest)]

    /// - Parameter size: Of the whole file: git's checksum begins with it.
    init(_ promised: [Checksum], size: Int) {
        digests = promised.map { ($0, $0.function == .sha256 ? MessageDigest(.sha256) : Self.gitDigest(size)) }
    }

    /// Takes the next bytes.
    mutating func update(_ data: some DataProtocol) { for (_, digest) in digests { digest.update(data) } }

    /// The first checksum that is not as promised; nil where all agree.
    func mismatch() -> (expected: String, found: String)? {
        for (promised, digest) in digests {
            let found = Self.hex(digest.finalize())
            if found != promised.hex { return (promised.hex, found) }
        }
        return nil
    }

    /// The checksum of a file in large-file storage.
    package static func sha256(_ data: some DataProtocol) -> String {
        let digest = MessageDigest(.sha256)
        digest.update(data)
        return hex(digest.finalize())
    }

    /// The name that git gives to a file's contents.
    static func gitBlob(_ data: Data) -> String {
        let digest = gitDigest(data.count)
        digest.update(data)
        return hex(digest.finalize())
    }

    private static func gitDigest(_ size: Int) -> MessageDigest {
        let digest = MessageDigest(.sha1)
        digest.update(Data("blob \(size)\0".utf8))
        return digest
    }

    private static func hex(_ bytes: [UInt8]) -> String {
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }
}
