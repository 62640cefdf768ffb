import Foundation

/// A file that grows at its end. What was appended survives the process; what was synchronised, a loss of power too.
package final class AppendedFile {
    private let descriptor: Int32
    private let file: String

    /// Opens a file, made where there is none.
    ///
    /// - Throws: ``CheckpointError/cannotWrite(file:reason:)``.
    package init(_ url: URL) throws {
        file = url.path
        descriptor = SystemCall.retried { open(url.path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o666) }
        guard descriptor >= 0 else { throw AtomicFile.Output.failure(errno, file: file) }
    }

    /// Cuts off what follows the first bytes.
    ///
    /// - Throws: ``CheckpointError/cannotWrite(file:reason:)``.
    package func truncate(to size: Int) throws {
        guard SystemCall.retried({ ftruncate(descriptor, off_t(size)) }) == 0 else {
            throw AtomicFile.Output.failure(errno, file: file)
        }
    }

    deinit { close(descriptor) }

    /// Appends bytes. Where the disk is full, a part of them may be there.
    ///
    /// - Throws: ``CheckpointError/cannotWrite(file:reason:)``.
    package func append(_ bytes: some Sequence<UInt8>) throws {
        let code = Array(bytes).withUnsafeBytes { SystemCall.writeAll(descriptor, $0) }
        guard code == 0 else { throw AtomicFile.Output.failure(code, file: file) }
    }

    /// Makes what was appended durable.
    ///
    /// - Throws: ``CheckpointError/cannotWrite(file:reason:)``.
    package func synchronize() throws {
        guard SystemCall.retried({ fsync(descriptor) }) == 0 else { throw AtomicFile.Output.failure(errno, file: file) }
    }
}
