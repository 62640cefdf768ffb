import Foundation

/// The requests of one upload, in the order of the Python client: create, preupload, large files, commit.
struct HubUpload: Sendable {
    let client: HubClient
    let reference: HubReference
    let meter: ProgressMeter

    /// Seconds that a request with a body may take.
    static let timeout = 600.0

    var subject: HubClient.Subject { .init(repository: reference.repository, revision: reference.revision) }

    /// A request with a JSON body.
    func post(_ path: String, _ body: some Encodable) throws -> HubClient.Request {
        var request = try client.request("POST", path, timeout: Self.timeout)
        request.headers["Content-Type"] = "application/json"
        request.body = try Self.encoder.encode(body)
        return request
    }

    static var encoder: JSONEncoder {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return encoder
    }

    /// Makes the repository; one that is there already is as good, also where the token may write but not create.
    func makeRepository(isPrivate: Bool) async throws {
        struct Body: Encodable {
            var name: String
            var organization: String
            var visibility: String?
        }
        let parts = reference.repository.split(separator: "/").map(String.init)
        let body = Body(name: parts[1], organization: parts[0], visibility: isPrivate ? "private" : nil)
        do {
            _ = try await client.send(post("/api/repos/create", body), about: subject, policy: client.retry.once)
        } catch HubError.refused(_, 409, _) {
            return
        } catch let error as HubError where error.isAboutPermission {
            let request = try client.request("GET", "/api/models/\(reference.repository)")
            guard (try? await client.send(request, about: subject)) != nil else { throw error }
        }
    }

    /// Makes the branch, unless it is the one that every repository has.
    func makeBranch() async throws {
        struct Body: Encodable {}
        guard reference.revision != HubReference.defaultRevision else { return }
        let path = "/api/models/\(reference.repository)/branch/\(HubClient.escape(reference.revision))"
        do {
            _ = try await client.send(post(path, Body()), about: subject, policy: client.retry.once)
        } catch HubError.refused(_, 409, _) {
            return
        }
    }

    private struct Plan: Decodable {
        struct File: Decodable {
            var path: String
            var uploadMode: String
            var shouldIgnore: Bool?
            var oid: String?
        }
        var files: [File]
    }

    /// Asks which files belong into large-file storage, and which the hub has already.
    private func plan(_ files: [AdapterFolder.File]) async throws -> [String: Plan.File] {
        struct Body: Encodable {
            struct File: Encodable {
                var path: String
                var sample: String
                var size: Int
            }
            var files: [File]
        }
        let body = Body(
            files: files.map {
                .init(path: $0.path, sample: $0.contents.prefix(512).base64EncodedString(), size: $0.contents.count)
            })
        let path = "/api/models/\(reference.repository)/preupload/\(HubClient.escape(reference.revision))"
        let plan: Plan = try await client.send(post(path, body), about: subject).json()
        return Dictionary(plan.files.map { ($0.path, $0) }, uniquingKeysWith: { first, _ in first })
    }

    /// Uploads and commits what is new.
    func commit(_ files: [AdapterFolder.File], message: String) async throws -> HubCommit {
        let address = client.environment.endpoint.absoluteString + "/" + reference.repository
        let plan = try await plan(files)
        var lines = [try Self.encoder.encode(CommitLine.header(summary: message))]
        var large: [LargeFile] = [], names: [String] = []
        for file in files {
            guard let planned = plan[file.path], ["lfs", "regular"].contains(planned.uploadMode) else {
                throw HubError.malformedReply(url: address, problem: "it does not say how to upload \(file.path)")
            }
            let isLarge = planned.uploadMode == "lfs" && !file.contents.isEmpty
            let object = LargeFile(file)
            let known = isLarge ? object.oid : ContentDigest.gitBlob(file.contents)
            guard planned.shouldIgnore != true, planned.oid != known else {
                meter.complete(file.path)
                continue
            }
            names.append(file.path)
            if isLarge { large.append(object) }
            lines.append(
                try Self.encoder.encode(
                    isLarge
                        ? CommitLine.largeFile(path: file.path, oid: object.oid, size: file.contents.count)
                        : .file(path: file.path, contents: file.contents)))
        }
        guard !names.isEmpty else { return HubCommit(url: address, commit: nil, files: []) }
        try await uploadLarge(large)

        let path = "/api/models/\(reference.repository)/commit/\(HubClient.escape(reference.revision))"
        var request = try client.request("POST", path, timeout: Self.timeout)
        request.headers["Content-Type"] = "application/x-ndjson"
        request.body = Data(lines.joined(separator: Data("\n".utf8)))
        struct Answer: Decodable {
            var commitUrl: String?
            var commitOid: String?
        }
        // Once only: a commit whose answer was lost is there.
        let answer: Answer = try await client.send(request, about: subject, policy: client.retry.once).json()
        for name in names { meter.complete(name) }
        return HubCommit(url: answer.commitUrl ?? address, commit: answer.commitOid, files: names)
    }
}

/// A line of the newline-delimited JSON that a commit is sent as.
enum CommitLine: Encodable {
    case header(summary: String)
    case file(path: String, contents: Data)
    case largeFile(path: String, oid: String, size: Int)

    private enum Key: String, CodingKey { case key, value }

    func encode(to encoder: any Encoder) throws {
        struct Header: Encodable {
            var summary: String
            var description = ""
        }
        struct File: Encodable {
            var content: String
            var path: String
            var encoding = "base64"
        }
        struct Large: Encodable {
            var path: String
            var algo = "sha256"
            var oid: String
            var size: Int
        }
        var container = encoder.container(keyedBy: Key.self)
        switch self {
        case .header(let summary):
            try container.encode("header", forKey: .key)
            try container.encode(Header(summary: summary), forKey: .value)
        case .file(let path, let contents):
            try container.encode("file", forKey: .key)
            try container.encode(File(content: contents.base64EncodedString(), path: path), forKey: .value)
        case .largeFile(let path, let oid, let size):
            try container.encode("lfsFile", forKey: .key)
            try container.encode(Large(path: path, oid: oid, size: size), forKey: .value)
        }
    }
}

extension HubError {
    /// Whether the token was not enough.
    var isAboutPermission: Bool {
        switch self {
        case .unauthorized, .forbidden, .refused(_, 402, _): true
        default: false
        }
    }
}
