import Foundation

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// Brings one file of a commit into the cache.
struct FileDownload: Sendable {
    let client: HubClient
    let cache: HubCache
    let reference: HubReference
    let commit: String
    let entry: TreeEntry
    let meter: ProgressMeter
    let note: @Sendable (String) -> Void

    /// What the hub says about a file.
    struct Metadata: Sendable, Equatable {
        var etag: String
        var size: Int?
        /// What the contents must add up to: as the listing says, and as the ETag says where that is a checksum.
        var promised: [Checksum]
        /// The name of the contents in the cache: the listing's checksum, which is the ETag of the hub itself. Other
        /// servers' ETags may be the same for different contents.
        var name: String
    }

    /// Fetches the file, unless another process does so meanwhile, and links it into the snapshot.
    ///
    /// - Throws: ``HubError``; what has arrived is kept for the next time, unless it is wrong.
    func run() async throws {
        let metadata = try await metadata()
        meter.expect(metadata.size ?? 0, of: entry.path)
        let blob = cache.repositoryFolder(reference.repository).appendingPathComponent("blobs/\(metadata.name)").path
        let lockFile = cache.lockFile(reference.repository, etag: metadata.name)
        try HubCache.makeFolder(URL(fileURLWithPath: blob).deletingLastPathComponent())
        try HubCache.makeFolder(lockFile.deletingLastPathComponent())
        cache.tag()
        let lock = try await FileLock(lockFile.path) { note("waiting for another process that fetches \(entry.path)") }
        try await lock.hold {
            if !isThere(blob, metadata) {
                if metadata.promised.isEmpty {
                    note(
                        "\(entry.path) cannot be checked: neither the listing nor the ETag of \(reference) names a checksum"
                    )
                }
                let partial = try PartialFile(
                    blob + ".incomplete", promised: metadata.promised, size: metadata.size)
                try await fetch(into: partial, size: metadata.size)
                try partial.move(to: blob)
            }
            meter.complete(entry.path)
            try cache.link(reference.repository, commit: commit, file: entry.path, to: metadata.name)
        }
    }

    /// Whether the contents are in the cache. A name that is no checksum may be that of other contents: then the size must
    /// be right as well.
    private func isThere(_ blob: String, _ metadata: Metadata) -> Bool {
        var status = stat()
        guard stat(blob, &status) == 0 else { return false }
        guard metadata.promised.isEmpty, let size = metadata.size else { return true }
        return Int(status.st_size) == size
    }

    private var address: String {
        "/\(reference.repository)/resolve/\(commit)/\(HubClient.escape(entry.path, keepingSlashes: true))"
    }

    private var subject: HubClient.Subject {
        .init(repository: reference.repository, revision: reference.revision, file: entry.path)
    }

    /// Asks for ETag and size. They stand in the hub's own reply, before any redirect to where the bytes are.
    func metadata() async throws -> Metadata {
        var request = try client.request("HEAD", address)
        request.staysOnHub = true
        let reply: HubClient.Reply
        do {
            reply = try await client.send(request, about: subject)
        } catch HubError.fileNotFound(let repository, let revision, let file) {
            try? cache.recordAbsence(repository, commit: commit, file: file)
            throw HubError.fileNotFound(repository: repository, revision: revision, file: file)
        }
        return try metadata(in: reply, from: request.url.absoluteString)
    }

    func metadata(in reply: HubClient.Reply, from url: String) throws -> Metadata {
        guard reply.header("X-Repo-Commit") == commit else {
            throw HubError.malformedReply(
                url: url, problem: "the header X-Repo-Commit is \(reply.header("X-Repo-Commit") ?? "missing")")
        }
        // W/"…" and "…" → …
        var etag = Substring(reply.header("X-Linked-Etag") ?? reply.header("ETag") ?? "")
        if etag.hasPrefix("W/") { etag = etag.dropFirst(2) }
        etag = etag.drop { $0 == "\"" }
        while etag.last == "\"" { etag.removeLast() }
        // The ETag becomes a file name.
        guard TreeEntry.isSafe(String(etag)), !etag.contains("/"), etag.utf8.count <= 200 else {
            throw HubError.malformedReply(url: url, problem: "the ETag is \"\(etag)\"")
        }
        let isRedirect = (300..<400).contains(reply.response.statusCode)
        let length = reply.header("X-Linked-Size") ?? (isRedirect ? nil : reply.header("Content-Length"))
        let size = length.flatMap { Int($0) } ?? entry.size
        if let size, !(0...TreeEntry.largestSize).contains(size) {
            throw HubError.malformedReply(url: url, problem: "the size is \(size)")
        }
        return Metadata(
            etag: String(etag), size: size, promised: try promised(String(etag)),
            name: entry.checksum?.hex ?? String(etag))
    }

    /// The checksums to check by, where listing and ETag do not contradict each other.
    func promised(_ etag: String) throws -> [Checksum] {
        guard let listed = entry.checksum else { return [Checksum(etag: etag)].compactMap(\.self) }
        // Git's name of the pointer to a large file, and the name in the Python client's storage, are of other bytes.
        guard let told = Checksum(etag: etag), ![entry.blob, entry.xetHash].contains(told.hex) else { return [listed] }
        if told.function != listed.function { return [listed, told] }
        guard told == listed else {
            throw HubError.contradiction(file: entry.path, listing: listed.hex, etag: told.hex)
        }
        return [listed]
    }

    /// Fetches all bytes and checks them. What an earlier process left is tried once: where its checksum is wrong, the
    /// file is fetched anew.
    private func fetch(into partial: PartialFile, size: Int?) async throws {
        meter.set(partial.offset, of: entry.path)
        try partial.checkSpace()
        try await receiveAll(into: partial, size: size)
        if partial.leftover > 0, try partial.mismatch() != nil {
            try partial.restart()
            meter.set(0, of: entry.path)
            try await receiveAll(into: partial, size: size)
        }
        if let (expected, found) = try partial.mismatch() {
            partial.discard()
            throw HubError.wrongChecksum(file: entry.path, expected: expected, found: found)
        }
    }

    /// Receives to the end, across broken connections. Tries are counted from the last byte that was new.
    private func receiveAll(into partial: PartialFile, size: Int?) async throws {
        var tries = 0, furthest = partial.offset
        while size != partial.offset || size == 0 {
            var request = try client.request("GET", address, timeout: client.environment.downloadTimeout)
            if partial.offset > 0 { request.headers["Range"] = "bytes=\(partial.offset)-" }
            var asked: Int?
            var failure: HubError
            do {
                let response = try await client.stream(request) {
                    try partial.begin($0)
                    meter.set(partial.offset, of: entry.path)
                } receive: {
                    meter.add(try partial.append($0), of: entry.path)
                }
                let status = response.statusCode
                if status == 200 || status == 206 {
                    let length = size ?? response.value(forHTTPHeaderField: "Content-Length").flatMap { Int($0) }
                    if length == nil || partial.offset >= length ?? 0 { return }
                    failure = HubClient.unreachable(request.url, URLError(.networkConnectionLost))
                } else {
                    failure = client.error(response, partial.failure, subject)
                    if status == 416 {
                        try partial.restart()
                    } else if !RetryPolicy.isTemporary(status) {
                        throw failure
                    }
                    asked = RetryPolicy.secondsAsked(response)
                }
            } catch let error where RetryPolicy.isTemporary(error) {
                failure = HubClient.unreachable(request.url, error)
            } catch let error as URLError {
                throw error.code == .cancelled ? CancellationError() : HubClient.unreachable(request.url, error)
            } catch HubError.wrongSize(_, let expected, let found) {
                partial.discard()
                throw HubError.wrongSize(file: entry.path, expected: expected, found: found)
            }
            if partial.offset > furthest { (tries, furthest) = (0, partial.offset) }
            tries += 1
            guard tries <= client.retry.retries else { throw failure }
            try await client.retry.pause(before: tries, asked: asked)
        }
    }
}

extension HubClient {
    /// Percent-encodes a part of an address, as Python's `quote`.
    static func escape(_ text: String, keepingSlashes: Bool = false) -> String {
        var allowed = CharacterSet(charactersIn: "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~")
        if keepingSlashes { allowed.insert("/") }
        return text.addingPercentEncoding(withAllowedCharacters: allowed) ?? text
    }
}
