import Foundation
import TestSupport
import Testing

@testable import Hub

/// Numbers, listings and addresses that no honest hub sends.
@Suite struct HostileReplyTests {
    private func list(_ place: Place, _ json: String) {
        place.fake.on("GET", "/tree/\(place.fake.golden.commit)") { _, _, _ in .init(200, [:], Data(json.utf8)) }
    }

    static let sizes = [
        -1, .min, 1 << 50 + 1, 1 << 62, 6_917_529_027_641_081_856, .max - 1, .max,
    ]

    @Test(arguments: sizes)
    func impossibleSizesInAListing(size: Int) async throws {
        let place = try Place()
        for large in [true, false] {
            let sha = String(repeating: "a", count: 64)
            let files = ["a.safetensors", "model.safetensors", "config.json"].map { name in
                large
                    ? #"{"type": "file", "path": "\#(name)", "size": 1, "oid": "1", "lfs": {"oid": "\#(sha)", "size": \#(size)}}"#
                    : #"{"type": "file", "path": "\#(name)", "size": \#(size), "oid": "1"}"#
            }
            list(place, "[\(files.joined(separator: ","))]")
            await #expect {
                try await place.fetch()
            } throws: { "\($0)".contains("its listing gives a.safetensors \(size) bytes") }
        }
        #expect(place.paths.isEmpty)
    }

    /// The greatest size that is believed, of many files: their sum is more than a machine word holds.
    @Test func manyOfTheGreatestSize() async throws {
        let names = (0..<1100).map { "model-\($0).safetensors" }
        let seen = Box<HubProgress>()
        let meter = ProgressMeter(names.map { ($0, TreeEntry.largestSize) }) { seen.append($0) }
        meter.complete(names[0])
        for name in names { meter.set(TreeEntry.largestSize, of: name) }
        #expect(seen.values.allSatisfy { $0.total == 1 << 60 && $0.done <= $0.total })
        meter.expect(.max, of: names[1])
        meter.expect(.max, of: names[2])
        meter.complete(names[1])
        meter.complete(names[2])
        #expect(seen.values.last?.done == 1 << 60)
    }

    @Test(arguments: sizes)
    func impossibleSizesInAReply(size: Int) async throws {
        let place = try Place()
        for name in [Name.weights, Name.configuration] {
            place.fake.on("HEAD", name) { _, usual, _ in
                var reply = usual
                reply.headers["X-Linked-Size"] = "\(size)"
                return reply
            }
            await #expect {
                try await place.fetch(files: [name])
            } throws: { "\($0)".contains("the size is \(size)") }
        }
        #expect(place.blobs.isEmpty)
    }

    @Test(arguments: [("Retry-After", "9223372036854775807"), ("RateLimit", "\"api\";r=0;t=9223372036854775807")])
    func waitingForever(header: String, value: String) async throws {
        let place = try Place()
        place.fake.on("GET", "/revision/main") { _, _, _ in .init(429, [header: value]) }
        await #expect(throws: HubError.tooManyRequests(seconds: 1 << 31)) { try await place.fetch() }
    }

    @Test(arguments: sizes)
    func impossibleSizesInTheCache(size: Int) async throws {
        let place = try Place()
        try await place.fetch()
        let trees = place.cached("trees/\(place.fake.golden.commit).json")
        let text = try String(contentsOf: trees, encoding: .utf8)
        let changed = text.replacing(/"size" ?: ?\d+/, with: "\"size\" : \(size)")
        #expect(changed != text)
        try Data(changed.utf8).write(to: trees)
        try FileManager.default.removeItem(at: place.cached("snapshots"))
        // What cannot be is not believed: the hub is asked again.
        try await place.fetch()
    }

    @Test(arguments: ["[]", #"[{"type": "directory", "path": "d"}]"#])
    func aListingThatNeverEnds(page: String) async throws {
        let place = try Place()
        place.fake.on("GET", "/tree/\(place.fake.golden.commit)") { request, _, attempt in
            .init(200, ["Link": "<\(request.path)?cursor=\(attempt)>; rel=\"next\""], Data(page.utf8))
        }
        let isEmpty = page == "[]"
        await #expect {
            try await place.hub().client.tree(
                of: place.reference(), cache: place.hub().cache, policy: nil, mostPages: 30)
        } throws: { "\($0)".contains("its listing does not end (\(isEmpty ? 9 : 31) pages, 0 files)") }
        #expect(place.fake.server.requests.count == (isEmpty ? 10 : 32))
    }

    @Test func fromEncryptedToClear() throws {
        func destination(_ text: String, from origin: String) throws -> String {
            try HubClient.destination(text, from: #require(URL(string: origin)), saying: "it redirects to")
                .absoluteString
        }
        #expect(try destination("/x", from: "https://hub/a/b") == "https://hub/x")
        #expect(try destination("https://cdn/x", from: "https://hub/a") == "https://cdn/x")
        #expect(try destination("https://cdn/x", from: "http://hub/a") == "https://cdn/x")
        #expect(try destination("http://cdn/x", from: "http://hub/a") == "http://cdn/x")
        for text in ["http://cdn/x", "HTTP://hub/x"] {
            #expect {
                try destination(text, from: "https://hub/a")
            } throws: { "\($0)".contains("it redirects to \"\(text)\", which is not encrypted") }
        }
        for text in ["ftp://cdn/x", "file:///x", "https:", "javascript:0"] {
            #expect(throws: HubError.self) { try destination(text, from: "https://hub/a") }
        }
    }

    /// 0.0.0.0 leads to this machine as well, but is none of its loopback addresses.
    @Test func theTokenIsNotSentInClear() async throws {
        let place = try Place()
        let variables = ["HF_ENDPOINT": place.fake.server.address(host: "0.0.0.0"), "HF_TOKEN": "hf_secret"]
        try await place.fetch(variables, files: [Name.configuration])
        #expect(place.fake.server.requests.count == 4)
        #expect(place.fake.server.requests.allSatisfy { $0.headers["authorization"] == nil })
        #expect(place.notes.count == 1)
        #expect(place.notes.first?.hasPrefix("the access token is not sent to http://0.0.0.0:") == true)
        #expect(!place.notes.joined().contains("hf_secret"))
        // Uploading is nothing without a token.
        try FileManager.default.createDirectory(at: place.folder, withIntermediateDirectories: true)
        try Data(#"{"peft_type": "LORA"}"#.utf8).write(to: place.folder.appendingPathComponent("adapter_config.json"))
        try Data("x".utf8).write(to: place.folder.appendingPathComponent("adapter_model.safetensors"))
        let before = place.fake.server.requests.count
        await #expect {
            _ = try await place.hub(variables).push(adapter: place.folder, to: HubReference("ada/x"))
        } throws: { if case .unencrypted = $0 as? HubError { true } else { false } }
        #expect(place.fake.server.requests.count == before)
    }

    @Test func whereATokenMayGo() throws {
        func sends(_ endpoint: String) throws -> Bool {
            let environment = try HubEnvironment(["HF_ENDPOINT": endpoint, "HF_TOKEN": "hf_x"], home: "/h")
            #expect((environment.tokenToSend == nil) == (environment.withheldTokenNote != nil))
            return environment.tokenToSend != nil
        }
        for endpoint in [
            "https://hub", "HTTPS://hub", "http://localhost:1", "http://127.0.0.1", "http://127.9.9.9:8",
            "http://[::1]:8",
        ] { #expect(try sends(endpoint), "\(endpoint)") }
        for endpoint in [
            "http://hub", "http://10.0.0.1", "http://127.0.0.1.evil.example", "http://localhost.evil.example",
            "http://127.evil", "http://127.0.0.1@evil.example",
        ] { #expect(try !sends(endpoint), "\(endpoint)") }
    }

    /// A request that is cancelled before it has begun ends all the same: Foundation has no last word for it.
    @Test(.timeLimit(.minutes(2)), arguments: [0, 1, 20])
    func cancelledAtOnce(after milliseconds: Int) async throws {
        let place = try Place()
        place.fake.on("GET", "/revision/main") { _, _, _ in .init(fault: .silent) }
        let fetching = Task { try await place.fetch(["HF_HUB_ETAG_TIMEOUT": "1000"]) }
        if milliseconds > 0 { try await Task.sleep(for: .milliseconds(milliseconds)) }
        fetching.cancel()
        await #expect(throws: CancellationError.self) { try await fetching.value }
    }

    /// Where one of several downloads fails at once, the others are cancelled while they begin.
    @Test(.timeLimit(.minutes(2)))
    func severalDownloadsOfWhichOneFails() async throws {
        let place = try Place()
        for _ in 0..<20 {
            try FileManager.default.createDirectory(at: place.cached(""), withIntermediateDirectories: true)
            try Data().write(to: place.cached("blobs"))
            await #expect(throws: HubError.self) { try await place.fetch() }
        }
    }
}
