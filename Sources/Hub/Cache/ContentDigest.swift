import Crypto
import Foundation

/// The checksum that an ETag of the hub promises, computed as bytes come in.
struct ContentDigest {
    private enum Function {
        case sha256(SHA256)
        case git(Insecure.SHA1)
        case none
    }

    private var function: Function

    /// The right function for an ETag: SHA-256 for files in large-file storage (64 hex digits), git's blob SHA-1 for others
    /// (40 hex digits), none for ETags of another kind.
    ///
    /// - Parameter size: Of the whole file; git's checksum begins with it, so that one needs it.
    init(etag: String, size: Int?) {
        let isHex = etag.utf8.allSatisfy { (48...57).contains($0) || (97...102).contains($0) }
        switch (isHex, etag.utf8.count, size) {
        case (true, 64, _): function = .sha256(SHA256())
        case (true, 40, .some(let size)): function = .git(Self.gitHeader(size))
        default: function = .none
        }
    }

    /// Takes the next bytes.
    mutating func update(_ data: some DataProtocol) {
        switch function {
        case .sha256(var hash):
            function = .none
            hash.update(data: data)
            function = .sha256(hash)
        case .git(var hash):
            function = .none
            hash.update(data: data)
            function = .git(hash)
        case .none: break
        }
    }

    /// The checksum in hex, or nil where the ETag promises none.
    func finalize() -> String? {
        switch function {
        case .sha256(let hash): Self.hex(hash.finalize())
        case .git(let hash): Self.hex(hash.finalize())
        case .none: nil
        }
    }

    /// The checksum of a file in large-file storage.
    static func sha256(_ data: some DataProtocol) -> String { hex(SHA256.hash(data: data)) }

    /// The name that git gives to a file's contents.
    static func gitBlob(_ data: Data) -> String {
        var hash = gitHeader(data.count)
        hash.update(data: data)
        return hex(hash.finalize())
    }

    private static func gitHeader(_ size: Int) -> Insecure.SHA1 {
        var hash = Insecure.SHA1()
        hash.update(data: Data("blob \(size)\0".utf8))
        return hash
    }

    private static func hex(_ bytes: some Sequence<UInt8>) -> String {
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }
}
