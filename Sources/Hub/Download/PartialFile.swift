import Foundation
import Synchronization

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// `blobs/<etag>.incomplete`: what has arrived of a file so far, with its checksum kept up to date.
///
/// It outlives the process: a download that was cut off goes on where it ended. (The Python client of today begins
/// again: on file systems without locks two of its processes could write to one such file. Here the checksum of the
/// whole, leftover included, turns that into an error, never into a wrong blob.)
final class PartialFile: Sendable {
    private struct State {
        var offset = 0
        var digest: ContentDigest
        var reply = Reply.none
    }

    private enum Reply {
        case none
        /// The bytes belong to the file.
        case contents
        /// The bytes say what went wrong.
        case failure(Data)
    }

    /// Where it lies.
    let path: String
    private let descriptor: Int32
    private let promised: [Checksum]
    private let size: Int?
    /// Bytes that were there at the beginning.
    let leftover: Int
    private let state: Mutex<State>

    /// Opens the file, and reads what an earlier process left of it.
    ///
    /// - Parameters:
    ///   - size: Of the whole file, if known.
    ///   - promised: What its contents must add up to.
    /// - Throws: ``HubError/cannotWrite(file:reason:)``.
    init(_ path: String, promised: [Checksum], size: Int?) throws {
        let descriptor = SystemCall.retried { open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o666) }
        guard descriptor >= 0 else { throw HubError.writing(path) }
        do {
            var (digest, offset) = try Self.read(descriptor, path, promised, size: size ?? 0)
            if let size, offset > size {
                try Self.empty(descriptor, path)
                (digest, offset) = (ContentDigest(promised, size: size), 0)
            }
            (self.path, self.descriptor, self.promised, self.size, leftover) = (
                path, descriptor, promised, size, offset
            )
            state = Mutex(State(offset: offset, digest: digest))
        } catch {
            close(descriptor)
            throw error
        }
    }

    /// Adds up what a file holds.
    private static func read(
        _ descriptor: Int32, _ path: String, _ promised: [Checksum], size: Int
    ) throws -> (ContentDigest, count: Int) {
        var digest = ContentDigest(promised, size: size), offset = 0
        var buffer = [UInt8](repeating: 0, count: 1 << 20)
        while true {
            let count = SystemCall.retried { pread(descriptor, &buffer, buffer.count, off_t(offset)) }
            guard count >= 0 else { throw HubError.writing(path) }
            guard count > 0 else { return (digest, offset) }
            digest.update(buffer[..<count])
            offset += count
        }
    }

    private static func empty(_ descriptor: Int32, _ path: String) throws {
        guard SystemCall.retried({ ftruncate(descriptor, 0) }) == 0 else { throw HubError.writing(path) }
    }

    deinit { close(descriptor) }

    /// Bytes that have arrived.
    var offset: Int { state.withLock { $0.offset } }

    /// What a server said instead of sending the file.
    var failure: Data { state.withLock { if case .failure(let data) = $0.reply { data } else { Data() } } }

    /// Forgets what has arrived.
    ///
    /// - Throws: ``HubError/cannotWrite(file:reason:)``.
    func restart() throws { try state.withLock { try restart(&$0) } }

    private func restart(_ state: inout State) throws {
        try Self.empty(descriptor, path)
        (state.offset, state.digest) = (0, ContentDigest(promised, size: size ?? 0))
    }

    /// Looks at the head of a reply: 206 goes on where the file ends, 200 begins again.
    func begin(_ response: HTTPURLResponse) throws {
        try state.withLock { state in
            switch response.statusCode {
            case 206:
                let range = response.value(forHTTPHeaderField: "Content-Range") ?? ""
                guard range.hasPrefix("bytes \(state.offset)-") else {
                    throw HubError.malformedReply(
                        url: response.url?.absoluteString ?? "",
                        problem: "it sends \"\(range)\" where bytes from \(state.offset) were asked for")
                }
                state.reply = .contents
            case 200:
                if state.offset > 0 { try restart(&state) }
                state.reply = .contents
            default: state.reply = .failure(Data())
            }
        }
    }

    /// Takes the next bytes of a reply.
    ///
    /// - Returns: How many belong to the file.
    func append(_ data: Data) throws -> Int {
        try state.withLock { state in
            if case .failure(let so) = state.reply {
                if so.count < 1 << 16 { state.reply = .failure(so + data) }
                return 0
            }
            if let size, state.offset + data.count > size {
                throw HubError.wrongSize(
                    file: (path as NSString).lastPathComponent, expected: size, found: state.offset + data.count)
            }
            try data.withUnsafeBytes { bytes in
                var rest = bytes[...]
                while !rest.isEmpty {
                    let slice = UnsafeRawBufferPointer(rebasing: rest)
                    let written = SystemCall.retried {
                        pwrite(descriptor, slice.baseAddress, slice.count, off_t(state.offset))
                    }
                    guard written > 0 else { throw HubError.writing(path, code: written == 0 ? ENOSPC : errno) }
                    state.digest.update(slice.prefix(written))
                    state.offset += written
                    rest = rest.dropFirst(written)
                }
            }
            return data.count
        }
    }

    /// Removes the file.
    func discard() { unlink(path) }

    /// A checksum that was promised and the one found; nil where all agree or none is promised.
    ///
    /// - Throws: ``HubError/cannotWrite(file:reason:)`` where the file cannot be read again.
    func mismatch() throws -> (expected: String, found: String)? {
        try state.withLock { state in
            // Git's checksum begins with the size, which is known only now where nobody said it.
            size == nil
                ? try Self.read(descriptor, path, promised, size: state.offset).0.mismatch() : state.digest.mismatch()
        }
    }

    /// Makes the file a blob: all of it on the disk before it has its name.
    func move(to blob: String) throws {
        guard SystemCall.retried({ fsync(descriptor) }) == 0, SystemCall.retried({ rename(path, blob) }) == 0 else {
            throw HubError.writing(blob)
        }
    }

    /// Throws where the rest of the file cannot fit on the disk.
    func checkSpace() throws {
        var status = statvfs()
        let folder = (path as NSString).deletingLastPathComponent
        guard let size, statvfs(folder, &status) == 0 else { return }
        let available = Int(
            clamping: UInt64(status.f_bavail).multipliedReportingOverflow(by: UInt64(status.f_frsize)).partialValue)
        guard available >= size - offset else {
            throw HubError.noSpace(folder: folder, needed: size - offset, available: available)
        }
    }
}
