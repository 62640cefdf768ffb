import Foundation

/// A file of a repository at a commit.
struct TreeEntry: Sendable, Equatable {
    /// Its path, with `/`.
    var path: String
    /// Bytes; nil where the listing does not say.
    var size: Int?
    /// Git's name for the contents, or for the pointer to them.
    var blob: String?
    /// SHA-256 of contents in large-file storage.
    var sha256: String?
    /// Name of the contents in the Python client's own storage protocol; kept for it.
    var xetHash: String?

    /// The most bytes that a file is believed to have: a petabyte. Above, sums of sizes could overflow.
    static let largestSize = 1 << 50

    /// What its contents must add up to, as the listing says; nil where it does not.
    var checksum: Checksum? {
        // A large file's git name is that of the pointer to it.
        sha256 == nil ? Checksum(.gitBlob, blob) : Checksum(.sha256, sha256)
    }

    /// Whether its size can be one.
    var hasPossibleSize: Bool { size.map { (0...Self.largestSize).contains($0) } ?? true }

    /// Whether the path stays below the folder that it is relative to, on any system.
    static func isSafe(_ path: String) -> Bool {
        let parts = path.split(omittingEmptySubsequences: false) { $0 == "/" || $0 == "\\" }
        return parts.allSatisfy { !$0.isEmpty && $0 != "." && $0 != ".." }
            && path.unicodeScalars.allSatisfy { $0.value >= 32 && $0.value != 127 } && path.utf8.count <= 1024
    }
}

/// `trees/<commit>.json` of the Python client: the files of a commit, which never change.
struct TreeFile: Codable {
    struct File: Codable {
        var size: Int
        var blob_id: String
        var lfs_sha256: String?
        var lfs_size: Int?
        var xet_hash: String?
    }

    var format_version: Int
    var files: [String: File]

    /// nil where a size or a name is unknown: the file has no place for that.
    init?(_ entries: [TreeEntry]) {
        format_version = 1
        files = [:]
        for entry in entries {
            guard let size = entry.size, let blob = entry.blob else { return nil }
            files[entry.path] = File(
                size: size, blob_id: blob, lfs_sha256: entry.sha256, lfs_size: entry.sha256 == nil ? nil : size,
                xet_hash: entry.xetHash)
        }
    }

    /// The files, by path.
    var entries: [TreeEntry] {
        files.sorted { $0.key < $1.key }.map {
            TreeEntry(
                path: $0.key, size: $0.value.lfs_size ?? $0.value.size, blob: $0.value.blob_id,
                sha256: $0.value.lfs_sha256, xetHash: $0.value.xet_hash)
        }
    }
}
