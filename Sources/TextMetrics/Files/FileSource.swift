import Foundation
import Synchronization

/// Bytes that come in their order, once.
protocol ByteSource {
    /// Fills the beginning of `buffer`; 0 only at the end.
    mutating func read(into buffer: UnsafeMutableRawBufferPointer) throws(InputError) -> Int
}

/// A file, a pipe or a device as the system reads it: no mapping, so that a file that shrinks meanwhile merely ends.
final class FileSource: ByteSource {
    /// The path, or "standard input": for messages.
    let name: String
    /// Whether it has a size; pipes and devices have none.
    let isRegular: Bool
    private let descriptor: Int32

    /// Pipes that the shell opened and that were read: they cannot be read again.
    private static let taken = Mutex<Set<Int>>([])

    /// - Parameter path: `/dev/stdin` is standard input from where it stands, also where it is a file.
    init(_ path: String) throws(InputError) {
        let inherited = Self.inheritedDescriptor(path)
        let name = inherited == 0 ? "standard input" : path
        self.name = name
        var opened: Int32
        repeat {
            opened = inherited == 0 ? fcntl(0, F_DUPFD_CLOEXEC, 3) : open(path, O_RDONLY | O_CLOEXEC)
        } while opened < 0 && errno == EINTR
        guard opened >= 0 else { throw .unreadable(file: name, reason: Self.reason(errno)) }
        descriptor = opened
        var status = stat()
        let kind = fstat(opened, &status) == 0 ? status.st_mode & S_IFMT : S_IFREG
        isRegular = kind == S_IFREG
        guard kind != S_IFDIR else { throw .unreadable(file: name, reason: "it is a folder") }
        if let inherited, inherited == 0 || !isRegular {
            guard Self.taken.withLock({ $0.insert(inherited).inserted }) else { throw .readTwice(file: name) }
        }
    }

    deinit { close(descriptor) }

    func read(into buffer: UnsafeMutableRawBufferPointer) throws(InputError) -> Int {
        while true {
            #if canImport(Darwin)
                let count = Darwin.read(descriptor, buffer.baseAddress, buffer.count)
            #else
                let count = Glibc.read(descriptor, buffer.baseAddress, buffer.count)
            #endif
            if count >= 0 { return count }
            switch errno {
            case EINTR: continue
            case EAGAIN:
                // Someone else made the pipe non-blocking; wait for the next bytes.
                var waiting = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
                poll(&waiting, 1, -1)
            default: throw .unreadable(file: name, reason: Self.reason(errno))
            }
        }
    }

    /// The number in `/dev/stdin` and `/dev/fd/63`.
    private static func inheritedDescriptor(_ path: String) -> Int? {
        if path == "/dev/stdin" { return 0 }
        for folder in ["/dev/fd/", "/proc/self/fd/"] where path.hasPrefix(folder) {
            return Int(path.dropFirst(folder.count))
        }
        return nil
    }

    private static func reason(_ code: Int32) -> String {
        switch code {
        case ENOENT: "there is no such file"
        case EACCES, EPERM: "access is denied"
        case ENOTDIR: "a part of its path is a file, not a folder"
        default: String(cString: strerror(code))
        }
    }
}

/// Bytes that are in memory already.
struct MemorySource: ByteSource {
    private var rest: ArraySlice<UInt8>

    init(_ bytes: [UInt8]) { rest = bytes[...] }

    mutating func read(into buffer: UnsafeMutableRawBufferPointer) throws(InputError) -> Int {
        let part = rest.prefix(buffer.count)
        buffer.copyBytes(from: part)
        rest = rest.dropFirst(part.count)
        return part.count
    }
}
