import Foundation

/// A file for large-file storage.
struct LargeFile: Sendable {
    let path: String
    let contents: Data
    /// SHA-256.
    let oid: String

    init(_ file: AdapterFolder.File) {
        (path, contents, oid) = (file.path, file.contents, ContentDigest.sha256(file.contents))
    }
}

/// Git's protocol for large files (https://github.com/git-lfs/git-lfs/blob/main/docs/api/batch.md), with the hub's
/// extension for uploads in parts.
extension HubUpload {
    private struct Batch: Encodable {
        struct Object: Encodable {
            var oid: String
            var size: Int
        }
        struct Reference: Encodable { var name: String }
        var operation = "upload"
        var transfers = ["basic", "multipart"]
        var objects: [Object]
        var hash_algo = "sha256"
        var ref: Reference
    }

    private struct Instructions: Decodable {
        struct Action: Decodable {
            var href: String
            var header: [String: Value]?
        }
        struct Object: Decodable {
            struct Failure: Decodable { var message: String }
            var oid: String
            var actions: [String: Action]?
            var error: Failure?
        }
        var objects: [Object]
    }

    /// A header's value: text, or a number.
    private struct Value: Decodable {
        let text: String
        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            if let text = try? container.decode(String.self) {
                self.text = text
            } else {
                text = String(try container.decode(Int.self))
            }
        }
    }

    private static let types = [
        "Accept": "application/vnd.git-lfs+json", "Content-Type": "application/vnd.git-lfs+json",
    ]

    /// Uploads what large-file storage does not have yet.
    func uploadLarge(_ files: [LargeFile]) async throws {
        guard !files.isEmpty else { return }
        let batch = Batch(
            objects: files.map { .init(oid: $0.oid, size: $0.contents.count) }, ref: .init(name: reference.revision))
        var request = try post("/\(reference.repository).git/info/lfs/objects/batch", batch)
        request.headers.merge(Self.types) { $1 }
        let answer: Instructions = try await client.send(request, about: subject).json()
        for file in files {
            guard let object = answer.objects.first(where: { $0.oid == file.oid }) else {
                throw malformed(request.url, "it does not say where \(file.path) goes")
            }
            if let failure = object.error {
                throw HubError.refused(url: request.url.absoluteString, status: 422, message: failure.message)
            }
            if let upload = object.actions?["upload"] {
                try await send(file, upload)
                if let verify = object.actions?["verify"] { try await confirm(file, verify) }
            }
            meter.complete(file.path)
        }
    }

    private func send(_ file: LargeFile, _ action: Instructions.Action) async throws {
        let url = try address(action.href)
        guard let text = action.header?["chunk_size"]?.text else {
            // The address is signed: nothing else may go along.
            _ = try await client.send(put(file.contents, to: url), about: subject)
            return
        }
        guard let size = Int(text), size > 0 else { throw malformed(url, "its chunk_size is \"\(text)\"") }
        let parts = (action.header ?? [:]).compactMap { key, value in Int(key).map { ($0, value.text) } }
            .sorted { $0.0 < $1.0 }
        guard parts.count == (file.contents.count - 1) / size + 1 else {
            throw malformed(
                url, "it gives \(parts.count) addresses for \(file.contents.count) bytes in parts of \(size)")
        }
        struct Completion: Encodable {
            struct Part: Encodable {
                var partNumber: Int
                var etag: String
            }
            var oid: String
            var parts: [Part]
        }
        var completion = Completion(oid: file.oid, parts: [])
        for (index, part) in parts.enumerated() {
            let bytes = file.contents.dropFirst(index * size).prefix(size)
            let reply = try await client.send(put(Data(bytes), to: address(part.1)), about: subject)
            guard let etag = reply.header("ETag") else { throw malformed(url, "part \(index + 1) got no ETag") }
            completion.parts.append(.init(partNumber: index + 1, etag: etag))
            meter.add(bytes.count, of: file.path)
        }
        var request = HubClient.Request(method: "POST", url: url, headers: Self.types, timeout: Self.timeout)
        request.body = try Self.encoder.encode(completion)
        _ = try await client.send(request, about: subject)
    }

    private func confirm(_ file: LargeFile, _ action: Instructions.Action) async throws {
        var request = HubClient.Request(
            method: "POST", url: try address(action.href), headers: ["Content-Type": "application/json"],
            timeout: Self.timeout)
        request.body = try Self.encoder.encode(Batch.Object(oid: file.oid, size: file.contents.count))
        _ = try await client.send(request, about: subject)
    }

    private func put(_ data: Data, to url: URL) -> HubClient.Request {
        HubClient.Request(method: "PUT", url: url, body: data, timeout: Self.timeout)
    }

    /// An address that the hub names; where HF_ENDPOINT is a proxy, the hub's own address is replaced by it.
    private func address(_ text: String) throws -> URL {
        let endpoint = client.environment.endpoint.absoluteString
        var text = text
        if text == HubEnvironment.defaultEndpoint || text.hasPrefix(HubEnvironment.defaultEndpoint + "/") {
            text = endpoint + text.dropFirst(HubEnvironment.defaultEndpoint.count)
        }
        return try HubClient.destination(text, from: client.environment.endpoint, saying: "it names the address")
    }

    private func malformed(_ url: URL, _ problem: String) -> HubError {
        .malformedReply(url: url.absoluteString, problem: problem)
    }
}
