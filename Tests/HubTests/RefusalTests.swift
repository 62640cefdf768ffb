import Foundation
import TestSupport
import Testing

@testable import Hub

/// What servers say no with, redirects, and working without a server.
@Suite struct RefusalTests {
    struct Case: CustomTestStringConvertible {
        let status: Int
        let code: String?
        let token: String
        let sentence: String
        var testDescription: String { "\(status) \(code ?? "") \(token)" }
    }

    static let cases = [
        Case(status: 401, code: nil, token: "", sentence: "set HF_TOKEN to an access token"),
        Case(status: 401, code: nil, token: "hf_x", sentence: "does not accept your token for tiny-org/tiny-model"),
        Case(status: 401, code: "RepoNotFound", token: "", sentence: "or set HF_TOKEN if it is private"),
        Case(status: 401, code: "GatedRepo", token: "", sentence: "granted on request"),
        Case(status: 403, code: "GatedRepo", token: "hf_x", sentence: "for the account of your token"),
        Case(status: 403, code: nil, token: "hf_x", sentence: "(no (really)); use a token with that permission"),
        Case(
            status: 404, code: "RepoNotFound", token: "hf_x",
            sentence: "no model tiny-org/tiny-model that your token may see"),
        Case(status: 404, code: "RevisionNotFound", token: "", sentence: "no revision \"main\""),
        Case(status: 418, code: nil, token: "", sentence: "answered with status 418 (no (really)); try again later"),
    ]

    @Test(arguments: cases)
    func refusals(_ expected: Case) async throws {
        let place = try Place()
        place.fake.on("GET", "/revision/main") { _, _, _ in
            var headers = ["X-Error-Message": "no (really)", "WWW-Authenticate": "Bearer realm=\"x\""]
            headers["X-Error-Code"] = expected.code
            return .init(expected.status, headers)
        }
        await #expect {
            try await place.fetch(["HF_TOKEN": expected.token])
        } throws: { "\($0)".contains(expected.sentence) }
        #expect(place.fake.server.requests.count == 1)
        #expect(
            place.fake.server.requests.first?.headers["authorization"] == (expected.token.isEmpty ? nil : "Bearer hf_x")
        )
    }

    @Test(arguments: [401, 403, 404])
    func refusedFiles(status: Int) async throws {
        let place = try Place()
        let etag = try #require(place.fake.golden.files[Name.weights]).etag
        place.fake.on("GET", etag) { _, _, _ in .init(status) }
        await #expect(throws: HubError.self) { try await place.fetch() }
        #expect(place.downloads(Name.weights).count == 1)
    }

    @Test(arguments: [429, 503, 500, 502, 504, 408])
    func temporaryFailures(status: Int) async throws {
        let place = try Place()
        let etag = try #require(place.fake.golden.files[Name.weights]).etag
        let fails: FakeHub.Route = { _, usual, attempt in
            attempt < 2 ? .init(status, status == 429 ? ["Retry-After": "0"] : [:], Data("busy".utf8)) : usual
        }
        for (method, ending) in [("GET", "/revision/main"), ("HEAD", Name.configuration), ("GET", etag)] {
            place.fake.on(method, ending, fails)
        }
        let folder = try await place.fetch()
        #expect(
            try Data(contentsOf: folder.appendingPathComponent(Name.weights))
                == place.fake.golden.files[Name.weights]?.contents)
        #expect(place.downloads(Name.weights).count == 3)
        #expect(place.fake.server.requests.filter { $0.path.hasSuffix("/revision/main") }.count == 3)
    }

    @Test func lastingFailures() async throws {
        let place = try Place()
        place.fake.on("GET", "/revision/main") { _, _, _ in .init(503) }
        await #expect {
            try await place.fetch(retries: 2)
        } throws: { if case .refused(_, 503, _) = $0 as? HubError { true } else { false } }
        #expect(place.fake.server.requests.count == 3)
    }

    @Test func waitingForTooLong() async throws {
        let place = try Place()
        place.fake.on("GET", "/revision/main") { _, _, attempt in
            .init(429, attempt == 0 ? ["RateLimit": "\"api\";r=0;t=0"] : ["Retry-After": "100000"])
        }
        // A second passes for the first; the hub rounds down.
        await #expect(throws: HubError.tooManyRequests(seconds: 100_001)) { try await place.fetch() }
        #expect(place.fake.server.requests.count == 2)
    }

    @Test func notAHub() async throws {
        let place = try Place()
        place.fake.on("HEAD", Name.configuration) { _, _, _ in .init(200, ["ETag": "\"x\""]) }
        await #expect {
            try await place.fetch(files: [Name.configuration])
        } throws: { "\($0)".contains("does not answer like a hub: the header X-Repo-Commit is missing") }
        place.fake.on("GET", "/revision/main") { _, _, _ in .init(200, [:], Data("<html>".utf8)) }
        await #expect {
            try await place.fetch()
        } throws: { "\($0)".contains("does not answer like a hub") }
    }

    @Test(arguments: ["127.0.0.1", "localhost"])
    func theTokenStaysWithTheHub(host: String) async throws {
        let place = try Place(storageHost: host)
        try await place.fetch()
        #expect(place.fake.storage.requests.count == 1)
        for request in place.fake.storage.requests {
            #expect(request.headers["authorization"] == nil)
            #expect(!request.headers.values.contains { $0.contains("hf_secret") })
        }
        #expect(place.fake.server.requests.allSatisfy { $0.headers["authorization"] == "Bearer hf_secret" })
    }

    @Test func aRelativeRedirectKeepsTheToken() async throws {
        let place = try Place()
        let repository = place.fake.golden.repository
        let old = try HubReference("old-org/old-name")
        let commit = place.fake.golden.commit
        for (method, path) in [
            ("GET", "/api/models/old-org/old-name/revision/main"),
            ("GET", "/api/models/old-org/old-name/tree/\(commit)"),
            ("HEAD", "/old-org/old-name/resolve/\(commit)/config.json"),
            ("GET", "/old-org/old-name/resolve/\(commit)/config.json"),
        ] {
            place.fake.on(method, path) { request, _, _ in
                .init(307, ["Location": request.target.replacingOccurrences(of: "old-org/old-name", with: repository)])
            }
        }
        let folder = try await place.hub().snapshot(of: old, files: .named([Name.configuration]))
        #expect(folder.path.contains("models--old-org--old-name/snapshots/"))
        #expect(place.fake.server.requests.count == 8)
        #expect(place.fake.server.requests.allSatisfy { $0.headers["authorization"] == "Bearer hf_secret" })
    }

    @Test(arguments: ["file:///etc/passwd", "ftp://127.0.0.1/x"])
    func redirectsToElsewhere(location: String) async throws {
        let place = try Place()
        place.fake.on("GET", "/revision/main") { _, _, _ in .init(302, ["Location": location]) }
        await #expect {
            try await place.fetch()
        } throws: { "\($0)".contains("it redirects to \"\(location)\"") }
    }

    @Test func redirectsWithoutEnd() async throws {
        let place = try Place()
        place.fake.on("GET", "/revision/main") { request, _, _ in .init(302, ["Location": request.target]) }
        await #expect {
            try await place.fetch()
        } throws: { "\($0)".contains("it redirects without end") }
        #expect(place.fake.server.requests.count == 20)
    }

    @Test func offline() async throws {
        let place = try Place()
        await #expect(
            throws: HubError.offline(name: place.fake.golden.repository, setting: "HF_HUB_OFFLINE")
        ) { try await place.fetch(["HF_HUB_OFFLINE": "1"]) }
        try await place.fetch()
        let before = place.fake.server.requests.count
        try await place.fetch(["HF_HUB_OFFLINE": "1"])
        await #expect(throws: HubError.self) {
            try await place.hub(["HF_HUB_OFFLINE": "1"]).snapshot(of: place.reference("other"))
        }
        // A file is gone.
        try FileManager.default.removeItem(
            at: place.cached("snapshots/\(place.fake.golden.commit)/\(Name.configuration)"))
        await #expect(throws: HubError.self) { try await place.fetch(["HF_HUB_OFFLINE": "1"]) }
        #expect(place.fake.server.requests.count == before)
    }

    @Test func theServerIsGone() async throws {
        let place = try Place()
        try await place.fetch()
        place.fake.server.stop()
        let folder = try await place.fetch()
        #expect(folder.lastPathComponent == place.fake.golden.commit)
        #expect(place.notes.count == 1)
        #expect(place.notes.first?.hasPrefix("cannot reach 127.0.0.1:\(place.fake.server.port): ") == true)
        #expect(place.notes.first?.hasSuffix("; using the cached copy of tiny-org/tiny-model") == true)
        await #expect {
            try await place.hub(retries: 1).snapshot(of: HubReference("gpt2"))
        } throws: { if case .unreachable = $0 as? HubError { true } else { false } }
        try FileManager.default.removeItem(
            at: place.cached("snapshots/\(place.fake.golden.commit)/\(Name.configuration)"))
        await #expect {
            try await place.fetch(retries: 0)
        } throws: { if case .incomplete(_, ["config.json"], _) = $0 as? HubError { true } else { false } }
    }

    @Test(arguments: [401, 404, 503])
    func theServerRefusesWhatIsCached(status: Int) async throws {
        let place = try Place()
        try await place.fetch()
        place.fake.on("GET", "/revision/main") { _, _, _ in .init(status) }
        let before = place.fake.server.requests.count
        try await place.fetch()
        #expect(place.fake.server.requests.count == before + 1)
        #expect(place.notes.count == 1)
        // A branch that was deleted is an error all the same.
        place.fake.on("GET", "/revision/main") { _, _, _ in .init(404, ["X-Error-Code": "RevisionNotFound"]) }
        await #expect(throws: HubError.self) { try await place.fetch() }
    }

    @Test func aCacheWithoutAListing() async throws {
        let place = try Place()
        try await place.fetch()
        try FileManager.default.removeItem(at: place.cached("trees"))
        try await place.fetch(["HF_HUB_OFFLINE": "1"])
        try FileManager.default.removeItem(at: place.cached("snapshots/\(place.fake.golden.commit)/\(Name.weights)"))
        await #expect(throws: HubError.self) { try await place.fetch(["HF_HUB_OFFLINE": "1"]) }
    }

    @Test func aCacheThatCannotBeWritten() async throws {
        let place = try Place()
        let file = place.folder.appendingPathComponent("file")
        try Data().write(to: file)
        await #expect {
            try await place.fetch(["HF_HUB_CACHE": file.path + "/hub"])
        } throws: { error in
            guard case .cannotWrite = error as? HubError else { return false }
            return "\(error)".contains("set HF_HOME to a folder that you may write in")
        }
        // It is said once.
        #expect(place.notes.isEmpty)
    }
}
