import Foundation
import Synchronization
import Tensors

/// Writes files so that a reader sees the old contents or the new ones, never a part.
///
/// The new contents go into a temporary file in the same folder, are synchronised to the disk, and then take the
/// place of the old ones by renaming. Whatever fails before that (no space, no permission, an error thrown by the
/// caller) removes the temporary file and leaves the old contents as they were.
///
/// ```swift
/// try AtomicFile.write(to: url) { file in
///     for row in rows { try file.write(row.utf8) }
/// }
/// ```
public enum AtomicFile {
    /// Writes what `body` writes. A symbolic link is followed: the file that it names is replaced.
    ///
    /// - Throws: ``CheckpointError/cannotWrite(file:reason:)``, and what `body` throws.
    public static func write(to url: URL, _ body: (inout Output) throws -> Void) throws {
        let target = url.resolvingSymlinksInPath()
        if isDevice(target) { return try writeThrough(to: target, body) }
        let folder = target.deletingLastPathComponent()
        let unique = "\(getpid())-" + String(UInt64.random(in: 0...UInt64.max), radix: 36)
        let temporary = folder.appendingPathComponent(".\(target.lastPathComponent).\(unique).tmp").path

        let descriptor = SystemCall.retried { open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666) }
        guard descriptor >= 0 else { throw Output.failure(errno, file: url.path) }
        unfinished.withLock { _ = $0.insert(temporary) }
        defer { unfinished.withLock { _ = $0.remove(temporary) } }
        var isOpen = true
        // Also where memory runs out in the middle of what `body` does.
        let rescue = Rescue {
            unlink(temporary)
            return nil
        }
        defer { withExtendedLifetime(rescue) {} }
        do {
            var output = Output(descriptor: descriptor, file: url.path)
            try body(&output)
            try output.flush()
            guard SystemCall.retried({ fsync(descriptor) }) == 0 else { throw Output.failure(errno, file: url.path) }
            isOpen = false
            // What was synchronised is there, also where a signal cuts closing short.
            guard close(descriptor) == 0 || errno == EINTR else { throw Output.failure(errno, file: url.path) }
            guard SystemCall.retried({ rename(temporary, target.path) }) == 0 else {
                throw Output.failure(errno, file: url.path)
            }
        } catch {
            if isOpen { close(descriptor) }
            unlink(temporary)
            throw error
        }
        try synchronize(folder: folder, for: url.path)
    }

    private static func writeThrough(to target: URL, _ body: (inout Output) throws -> Void) throws {
        let descriptor = SystemCall.retried { open(target.path, O_WRONLY | O_CLOEXEC) }
        guard descriptor >= 0 else { throw Output.failure(errno, file: target.path) }
        defer { close(descriptor) }
        var output = Output(descriptor: descriptor, file: target.path)
        try body(&output)
        try output.flush()
    }

    /// Temporary files that are being written.
    private static let unfinished = Mutex<Set<String>>([])

    /// Removes the temporary files of all that is being written: to be called where the process is about to end.
    public static func removeUnfinished() {
        unfinished.withLock { for path in $0 { unlink(path) } }
    }

    /// Writes `bytes`.
    ///
    /// - Throws: ``CheckpointError/cannotWrite(file:reason:)``.
    public static func write(_ bytes: some Sequence<UInt8>, to url: URL) throws {
        try write(to: url) { try $0.write(bytes) }
    }

    /// What to throw where the system refused to write to a file, with its reason and what to do.
    ///
    /// - Parameter code: `errno`.
    public static func failure(_ code: Int32, writing path: String) -> CheckpointError {
        Output.failure(code, file: path)
    }

    /// Whether something other than a file or a folder has this name: a device or a pipe. It is written to, not replaced:
    /// an administrator's `--output /dev/null` must not turn that into a file.
    public static func isDevice(_ url: URL) -> Bool {
        var status = stat()
        guard stat(url.path, &status) == 0 else { return false }
        return status.st_mode & S_IFMT != S_IFREG && status.st_mode & S_IFMT != S_IFDIR
    }

    /// Removes what a process that was killed in the middle of writing left in a folder.
    ///
    /// To be called where no other process writes there.
    public static func removeLeftovers(in folder: URL) {
        for name in (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
        where name.wholeMatch(of: /\..+\.[0-9]+-[0-9a-z]+\.tmp/) != nil || isFoundations(name) {
            _ = SystemCall.retried { unlink(folder.appendingPathComponent(name).path) }
        }
    }

    /// Whether Foundation's atomic writing, by which tokenizers are written, makes such names: `.NAME.UUID`.
    private static func isFoundations(_ name: String) -> Bool {
        let parts = name.split(separator: ".")
        return name.hasPrefix(".") && parts.count > 1 && parts.last.flatMap { UUID(uuidString: String($0)) } != nil
    }

    /// Makes the renaming itself durable. Not every file system can, and a folder may be one to write in but not to read;
    /// a disk that fails is another matter.
    private static func synchronize(folder: URL, for file: String) throws {
        let descriptor = SystemCall.retried { open(folder.path, O_RDONLY | O_CLOEXEC) }
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        guard SystemCall.retried({ fsync(descriptor) }) != 0, [EIO, ENOSPC, EDQUOT].contains(errno) else { return }
        throw CheckpointError.cannotWrite(
            file: file,
            reason:
                "\(String(cString: strerror(errno))) when its name was synchronised; it is complete, but may not outlive a "
                + "loss of power; check the disk")
    }
}

extension AtomicFile {
    /// Where the contents of a file go while it is written.
    public struct Output {
        private let descriptor: Int32
        private let file: String
        private var buffer: [UInt8] = []
        private var digester: Digester?
        private static let bufferSize = 1 << 16

        init(descriptor: Int32, file: String) {
            self.descriptor = descriptor
            self.file = file
            buffer.reserveCapacity(Self.bufferSize)
        }

        /// Appends bytes.
        ///
        /// - Throws: ``CheckpointError/cannotWrite(file:reason:)``.
        public mutating func write(_ bytes: some Sequence<UInt8>) throws {
            let done: Void? = try bytes.withContiguousStorageIfAvailable { try write(UnsafeRawBufferPointer($0)) }
            if done == nil { try write(Array(bytes)) }
        }

        /// The digest of what has been written since ``beginDigest()``.
        var digest: Digest? { digester?.digest }

        /// Begins to take the digest of what is written.
        mutating func beginDigest() { digester = Digester() }

        /// Appends bytes.
        ///
        /// - Throws: ``CheckpointError/cannotWrite(file:reason:)``.
        public mutating func write(_ bytes: UnsafeRawBufferPointer) throws {
            digester?.add(bytes)
            if buffer.count + bytes.count > Self.bufferSize { try flush() }
            if bytes.count < Self.bufferSize {
                buffer.append(contentsOf: bytes)
            } else {
                try writeThrough(bytes)
            }
        }

        mutating func flush() throws {
            try buffer.withUnsafeBytes(writeThrough)
            buffer.removeAll(keepingCapacity: true)
        }

        private func writeThrough(_ bytes: UnsafeRawBufferPointer) throws {
            let code = SystemCall.writeAll(descriptor, bytes)
            guard code == 0 else { throw Self.failure(code, file: file) }
        }

        static func failure(_ code: Int32, file: String) -> CheckpointError {
            let advice =
                switch code {
                case ENOSPC, EDQUOT: "free some space or choose another folder"
                case EACCES, EPERM, EROFS: "choose a folder that you may write in"
                case ENOENT: "create the folder first"
                case ENOTDIR: "a part of its path is a file, not a folder"
                default: "choose another place"
                }
            let reason = String(cString: strerror(code))
            return .cannotWrite(file: file, reason: "\(reason); \(advice); what was there before is unchanged")
        }
    }
}
