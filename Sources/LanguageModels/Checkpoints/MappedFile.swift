import Foundation
import Tokenizers

/// A regular file mapped into memory, read-only.
///
/// The mapping lives as long as the object. Another process that shortens the file meanwhile ends this one with a bus
/// error; files replaced by renaming, as ``AtomicFile`` and every hub client do, keep their old contents.
final class MappedFile: Sendable {
    let path: String
    nonisolated(unsafe) let bytes: UnsafeRawBufferPointer

    init(_ url: URL) throws(CheckpointError) {
        path = url.path
        func unreadable(_ reason: String) -> CheckpointError { .unreadable(file: url.path, reason: reason) }

        // Without O_NONBLOCK, opening a named pipe would wait for a writer.
        let descriptor = open(url.path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)
        guard descriptor >= 0 else { throw unreadable(String(cString: strerror(errno))) }
        defer { close(descriptor) }

        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw unreadable(String(cString: strerror(errno))) }
        guard status.st_mode & S_IFMT == S_IFREG else { throw unreadable("it is not a regular file") }
        guard status.st_size > 0 else { throw unreadable("it is empty") }

        let size = Int(status.st_size)
        guard let start = mmap(nil, size, PROT_READ, MAP_PRIVATE, descriptor, 0), start != MAP_FAILED else {
            let reason = errno
            if reason == ENOMEM { throw .outOfMemory(file: url.path, bytes: size) }
            throw unreadable("it cannot be mapped into memory: " + String(cString: strerror(reason)))
        }
        bytes = UnsafeRawBufferPointer(start: start, count: size)
        if LargeFilePointer.isRecognized(bytes) { throw .pointer(file: url.path) }
    }

    deinit {
        munmap(UnsafeMutableRawPointer(mutating: bytes.baseAddress), bytes.count)
    }

    /// Lets the system drop the pages of a byte range from this process; they are read again when touched.
    func releasePages(of range: Range<Int>) {
        guard !range.isEmpty, let start = bytes.baseAddress else { return }
        let page = Int(sysconf(Int32(_SC_PAGESIZE)))
        let first = range.lowerBound / page * page
        madvise(UnsafeMutableRawPointer(mutating: start + first), range.upperBound - first, MADV_DONTNEED)
    }
}
