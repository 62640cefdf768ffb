import Foundation

/// A lock between processes on a file, with `flock`, as the Python client's: both wait for each other.
final class FileLock: Sendable {
    private let descriptor: Int32

    /// Waits until the lock is free.
    ///
    /// - Parameters:
    ///   - path: The lock file; made where there is none, and left there, since removing it would split those who wait.
    ///   - waiting: Called once after two seconds of waiting.
    /// - Throws: ``HubError/cannotWrite(file:reason:)``, `CancellationError`.
    init(_ path: String, waiting: @Sendable () -> Void = {}) async throws {
        var pauses = 0
        while true {
            let descriptor = try Self.open(path)
            if flock(descriptor, LOCK_EX | LOCK_NB) == 0 {
                var status = stat()
                // The file may have been removed between the two calls: then this lock guards no name.
                if fstat(descriptor, &status) == 0, status.st_nlink > 0 {
                    self.descriptor = descriptor
                    return
                }
                close(descriptor)
                continue
            }
            let code = errno
            close(descriptor)
            // A file system without locks: the checksum of what is downloaded still guards the cache.
            if code == ENOSYS || code == ENOTSUP {
                self.descriptor = -1
                return
            }
            guard code == EWOULDBLOCK || code == EINTR else { throw HubError.writing(path, code: code) }
            pauses += 1
            if pauses == 40 { waiting() }
            try await Task.sleep(for: .milliseconds(50))
        }
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    /// Opens the file; a new one is writable for the group, as the Python client makes it: users may share a cache.
    private static func open(_ path: String) throws -> Int32 {
        let flags = O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW
        let created = Foundation.open(path, flags | O_EXCL, 0o664)
        if created >= 0 {
            fchmod(created, 0o664)
            return created
        }
        let descriptor = Foundation.open(path, flags, 0o664)
        guard descriptor >= 0 else { throw HubError.writing(path) }
        return descriptor
    }

    /// Runs `body` with the lock held.
    func hold<Result>(_ body: () async throws -> Result) async rethrows -> Result {
        let result = try await body()
        withExtendedLifetime(self) {}
        return result
    }
}
