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
    private let etag: String
    private let size: Int?
    /// Bytes that were there at the beginning.
    let leftover: Int
    private let state: Mutex<State>

    /// Opens the file, and reads what an earlier process left of it.
    ///
    /// - Parameter size: Of the whole file, if known.
    /// - Throws: ``HubError/cannotWrite(file:reason:)``.
    init(_ path: String, etag: String, size: Int?) throws {
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o666)
        guard descriptor >= 0 else { throw HubError.writing(path) }
        var digest = ContentDigest(etag: etag, size: size), offset = 0
        var buffer = [UInt8](repeating: 0, count: 1 << 20)
        while true {
            let count = pread(descriptor, &buffer, buffer.count, off_t(offset))
            guard count > 0 else { break }
            digest.update(buffer[..<count])
            offset += count
        }
        if let size, offset > size {
            (digest, offset) = (ContentDigest(etag: etag, size: size), 0)
            ftruncate(descriptor, 0)
        }
        (self.path, self.descriptor, self.etag, self.size, leftover) = (path, descriptor, etag, size, offset)
        state = Mutex(State(offset: offset, digest: digest))
    }

    deinit { close(descriptor) }

    /// Bytes that have arrived.
    var offset: Int { state.withLock { $0.offset } }

    /// What a server said instead of sending the file.
    var failure: Data { state.withLock { if case .failure(let data) = $0.reply { data } else { Data() } } }

    /// Forgets what has arrived.
    func restart() { state.withLock { restart(&$0) } }

    private func restart(_ state: inout State) {
        ftruncate(descriptor, 0)
        (state.offset, state.digest) = (0, ContentDigest(etag: etag, size: size))
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
                if state.offset > 0 { restart(&state) }
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
                ftruncate(descriptor, 0)
                throw HubError.wrongSize(
                    file: (path as NSString).lastPathComponent, expected: size, found: state.offset + data.count)
            }
            try data.withUnsafeBytes { bytes in
                var rest = bytes[...]
                while !rest.isEmpty {
                    let slice = UnsafeRawBufferPointer(rebasing: rest)
                    let written = pwrite(descriptor, slice.baseAddress, slice.count, off_t(state.offset))
                    guard written > 0 else {
                        if errno == EINTR { continue }
                        throw HubError.writing(path)
                    }
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

    /// The checksum that the ETag promises and the one found; nil where they agree or none is promised.
    func mismatch() -> (expected: String, found: String)? {
        guard let found = state.withLock({ $0.digest.finalize() }), found != etag else { return nil }
        return (etag, found)
    }

    /// Makes the file a blob: all of it on the disk before it has its name.
    func move(to blob: String) throws {
        guard fsync(descriptor) == 0, rename(path, blob) == 0 else { throw HubError.writing(blob) }
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
