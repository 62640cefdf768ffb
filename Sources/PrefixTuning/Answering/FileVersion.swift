import Foundation

/// What tells the contents of some files from what stood there before: a file that is replaced, written to, added or
/// removed makes another version.
struct FileVersion: Hashable, Sendable {
    private struct Stamp: Hashable, Sendable {
        var device, inode, size: Int64
        /// Seconds and nanoseconds of the last writing, and of the last change of any kind: the first can be set at will.
        var written, changed: [Int]

        /// Nil where there is no such file.
        init?(_ file: URL) {
            var status = stat()
            guard stat(file.path, &status) == 0 else { return nil }
            device = Int64(status.st_dev)
            inode = Int64(bitPattern: UInt64(status.st_ino))
            size = Int64(status.st_size)
            #if canImport(Darwin)
                let (writing, change) = (status.st_mtimespec, status.st_ctimespec)
            #else
                let (writing, change) = (status.st_mtim, status.st_ctim)
            #endif
            written = [Int(writing.tv_sec), Int(writing.tv_nsec)]
            changed = [Int(change.tv_sec), Int(change.tv_nsec)]
        }
    }

    private let stamps: [String: Stamp]

    /// The version of these files, of which any may be missing.
    init(_ files: [URL]) {
        stamps = files.reduce(into: [:]) { $0[$1.lastPathComponent] = Stamp($1) }
    }
}
