import Foundation

/// The checksum that an ETag of the hub promises, computed as bytes come in.
struct ContentDigest {
    /// Nil where the ETag promises none.
    private let digest: MessageDigest?

    /// The right function for an ETag: SHA-256 for files in large-file storage (64 hex digits), git's blob SHA-1 for others
    /// (40 hex digits), none for ETags of another kind.
    ///
    /// - Parameter size: Of the whole file; git's checksum begins with it, so that one needs it.
    init(etag: String, size: Int?) {
        let isHex = etag.utf8.allSatisfy { (48...57).contains($0) || (97...102).contains($0) }
        switch (isHex, etag.utf8.count, size) {
        case (true, 64, _): digest = MessageDigest(.sha256)
        case (true, 40, .some(let size)): digest = Self.gitDigest(size)
        default: digest = nil
        }
    }

    /// Takes the next bytes.
    mutating func update(_ data: some DataProtocol) { digest?.update(data) }

    /// The checksum in hex, or nil where the ETag promises none.
    func finalize() -> String? { digest.map { Self.hex($0.finalize()) } }

    /// The checksum of a file in large-file storage.
    static func sha256(_ data: some DataProtocol) -> String {
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
