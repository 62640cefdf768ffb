import Foundation

/// A folder that one process writes to and no other: a lock with `flock` on a file in it.
///
/// The lock ends with the object, or with the process, however that ends: a file that a killed process left behind hinders
/// nobody. The file says who holds it. Where a file system has no locks, nothing is locked.
public final class FolderLock: Sendable {
    /// The name of the file.
    public static let fileName = "lock"

    private let descriptor: Int32
    private let path: String
    /// Folders that were made for the lock, the innermost first.
    private let made: [URL]

    /// Makes the folder if it is missing, and locks it.
    ///
    /// - Throws: ``CheckpointError/inUse(folder:holder:)`` where another process has it, at once;
    ///   ``CheckpointError/cannotWrite(file:reason:)``.
    public init(_ folder: URL) throws {
        var missing: [URL] = [], place = folder.standardizedFileURL
        while !FileManager.default.fileExists(atPath: place.path), place.path != "/" {
            missing.append(place)
            place.deleteLastPathComponent()
        }
        made = missing
        let path = folder.appendingPathComponent(Self.fileName).path
        self.path = path
        try ModelFolder.makeFolder(folder)
        while true {
            let descriptor = SystemCall.retried { open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o666) }
            guard descriptor >= 0 else { throw AtomicFile.Output.failure(errno, file: path) }
            if flock(descriptor, LOCK_EX | LOCK_NB) == 0 {
                // Whoever held it may have removed the file between the two calls: then this lock guards no name.
                guard Self.isNamed(descriptor, path) else {
                    close(descriptor)
                    continue
                }
            } else if errno == EWOULDBLOCK {
                defer { close(descriptor) }
                throw CheckpointError.inUse(folder: folder.path, holder: Self.holder(descriptor))
            } else if errno == EINTR {
                close(descriptor)
                continue
            }
            self.descriptor = descriptor
            break
        }
        let text = Array("process \(getpid()) on \(ProcessInfo.processInfo.hostName)\n".utf8)
        ftruncate(descriptor, 0)
        _ = pwrite(descriptor, text, text.count, 0)
    }

    deinit {
        // Removed while it is held: nobody else can hold it under this name.
        unlink(path)
        close(descriptor)
        for folder in made where rmdir(folder.path) != 0 { break }
    }

    private static func isNamed(_ descriptor: Int32, _ path: String) -> Bool {
        var held = stat(), named = stat()
        return fstat(descriptor, &held) == 0 && stat(path, &named) == 0 && held.st_ino == named.st_ino
            && held.st_dev == named.st_dev
    }

    private static func holder(_ descriptor: Int32) -> String {
        var text = [UInt8](repeating: 0, count: 200)
        let count = pread(descriptor, &text, text.count, 0)
        let line = String(decoding: text.prefix(max(0, count)), as: UTF8.self)
            .trimmingCharacters(in: .whitespacesAndNewlines)
        return line.isEmpty ? "another process" : line
    }
}
