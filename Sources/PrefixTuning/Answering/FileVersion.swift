import Foundation

/// What tells the contents of some files from what stood there before: a file that is replaced, written to, added or
/// removed makes another version.
package struct FileVersion: Hashable, Sendable {
    private struct Stamp: Hashable, Sendable {
        var device, inode, size: Int64
        /// Seconds and nanoseconds of the last writing, and of the last change of any kind: the first can be set at will.
        var written, changed: [Int]

        /// Nil where there is no such file.
        init?(_ file: String) {
            var status = stat()
            guard stat(file, &status) == 0 else { return nil }
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
    package init(_ files: [URL]) {
        stamps = files.reduce(into: [:]) { $0[$1.lastPathComponent] = Stamp($1.path) }
    }

    /// The version of the files of these names in a folder: a path is put together faster than a `URL`.
    package init(of names: [String], in folder: String) {
        stamps = names.reduce(into: [:]) { $0[$1] = Stamp("\(folder)/\($1)") }
    }

    /// Bytes of all of them.
    package var byteCount: Int { stamps.values.reduce(0) { $0 + Int($1.size) } }

    /// When the last of them was written, in seconds since 1970; 0 where there is none.
    package var written: Int { stamps.values.map { $0.written[0] }.max() ?? 0 }

    /// The version as text: equal for equal versions, and to be kept in a file.
    package var text: String {
        stamps.sorted { $0.key < $1.key }.map { name, stamp in
            "\(name):\(stamp.size):\(stamp.inode):\(stamp.written[0]).\(stamp.written[1])"
        }.joined(separator: ";")
    }
}
