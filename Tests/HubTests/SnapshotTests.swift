import Foundation
import TestSupport
import Testing

@testable import Hub

/// Fetching a repository, against the cache that the Python client makes from the same server.
@Suite struct SnapshotTests {
    @Test func theCacheIsThatOfThePythonClient() async throws {
        let place = try Place()
        let folder = try await place.fetch()
        #expect(folder.path == place.cached("snapshots/\(place.fake.golden.commit)").path)
        await #expect(throws: HubError.self) { try await place.fetch(files: ["no-such-file.json"]) }

        #expect(place.paths == place.fake.golden.cache.keys.sorted())
        let root = place.folder.appendingPathComponent("hub")
        for (path, entry) in place.fake.golden.cache {
            let file = root.appendingPathComponent(path)
            if let link = entry.link {
                #expect(try FileManager.default.destinationOfSymbolicLink(atPath: file.path) == link, "\(path)")
            } else if entry.sha256 != nil {
                #expect(try Data(contentsOf: file) == contents(place, etag: file.lastPathComponent), "\(path)")
            } else if path.hasSuffix(".lock") {
                let mode = try FileManager.default.attributesOfItem(atPath: file.path)[.posixPermissions] as? Int
                #expect(mode.map { "0o" + String($0, radix: 8) } == entry.mode, "\(path)")
            } else if let text = entry.text, path.contains("/trees/") {
                #expect(try canonical(Data(contentsOf: file)) == canonical(Data(text.utf8)))
            } else if let text = entry.text, path != "CACHEDIR.TAG" {
                #expect(try String(decoding: Data(contentsOf: file), as: UTF8.self) == text, "\(path)")
            }
        }
        let tag = try String(contentsOf: root.appendingPathComponent("CACHEDIR.TAG"), encoding: .utf8)
        #expect(tag.hasPrefix("Signature: 8a477f597d28d172789f06886806bc55\n"))
    }

    /// JSON without its spaces and its order of keys.
    private func canonical(_ json: Data) throws -> Data {
        try JSONSerialization.data(withJSONObject: JSONSerialization.jsonObject(with: json), options: .sortedKeys)
    }

    private func contents(_ place: Place, etag: String) -> Data? {
        place.fake.golden.files.values.first { $0.etag == etag }?.contents
    }

    @Test func onlyWhatIsUsedIsFetched() async throws {
        let place = try Place()
        try await place.fetch()
        let asked = place.fake.server.requests.filter { $0.path.contains("/resolve/") && $0.method == "HEAD" }
            .map { $0.path.split(separator: "/").last.map(String.init) ?? "" }
        #expect(asked.sorted() == place.fake.golden.wanted)
        #expect(place.fake.storage.requests.count == 1)
        for request in place.fake.server.requests {
            #expect(request.headers["accept-encoding"] == "identity")
            #expect(request.headers["authorization"] == "Bearer hf_secret")
        }
    }

    @Test func aSecondTimeAsksForTheCommitOnly() async throws {
        let place = try Place()
        try await place.fetch()
        let before = place.fake.server.requests.count
        try await place.fetch()
        let since = place.fake.server.requests.dropFirst(before).map(\.path)
        #expect(since == ["/api/models/\(place.fake.golden.repository)/revision/main"])

        let commit = try await place.hub().snapshot(of: place.reference(place.fake.golden.commit))
        #expect(place.fake.server.requests.count == before + 1)
        #expect(commit.lastPathComponent == place.fake.golden.commit)
    }

    @Test func thePythonClientsCacheIsRead() async throws {
        let place = try Place()
        try place.makePythonCache()
        let before = place.paths
        for setting in ["HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"] {
            let folder = try await place.fetch([setting: "1"])
            for name in place.fake.golden.wanted {
                #expect(
                    try Data(contentsOf: folder.appendingPathComponent(name)) == place.fake.golden.files[name]?.contents
                )
            }
        }
        #expect(place.fake.server.requests.isEmpty)
        // Nothing is fetched again, and nothing is written.
        try await place.fetch()
        #expect(place.fake.server.requests.count == 1)
        #expect(place.paths == before)
    }

    @Test func aBlobMayBeALinkIntoASharedStore() async throws {
        let place = try Place()
        try place.makePythonCache()
        let etag = try #require(place.fake.golden.files[Name.weights]?.etag)
        let store = place.folder.appendingPathComponent("hub/blobs/ab")
        try FileManager.default.createDirectory(at: store, withIntermediateDirectories: true)
        let blob = place.cached("blobs/\(etag)")
        try FileManager.default.moveItem(at: blob, to: store.appendingPathComponent("abcd"))
        try FileManager.default.createSymbolicLink(atPath: blob.path, withDestinationPath: "../../blobs/ab/abcd")
        let folder = try await place.fetch(["HF_HUB_OFFLINE": "1"])
        #expect(try Data(contentsOf: folder.appendingPathComponent(Name.weights)).count == 4096)
        // Where the store is gone, the file is fetched again.
        try FileManager.default.removeItem(at: store)
        try await place.fetch()
        #expect(try Data(contentsOf: folder.appendingPathComponent(Name.weights)).count == 4096)
        #expect(place.downloads(Name.weights).count == 1)
    }

    @Test func theSameContentsAreFetchedOnce() async throws {
        let place = try Place()
        try await place.fetch(files: [Name.configuration])
        try FileManager.default.removeItem(at: place.cached("snapshots"))
        try await place.fetch(files: [Name.configuration])
        #expect(place.downloads(Name.configuration).count == 1)
    }

    @Test func progressReachesTheTotal() async throws {
        let place = try Place()
        let seen = Box<HubProgress>()
        _ = try await place.hub().snapshot(of: place.reference()) { seen.append($0) }
        let total = place.fake.golden.wanted.compactMap { place.fake.golden.files[$0]?.contents.count }.reduce(0, +)
        #expect(seen.values.allSatisfy { $0.total == total && $0.done <= total })
        #expect(seen.values.contains { $0.done == total })
    }

    @Test func mirrorsWithoutListings() async throws {
        let place = try Place()
        let golden = place.fake.golden
        place.fake.on("GET", "/revision/main") { _, _, _ in
            let names = golden.files.keys.map { "{\"rfilename\": \"\($0)\"}" }.joined(separator: ",")
            return .init(200, [:], Data("{\"sha\": \"\(golden.commit)\", \"siblings\": [\(names)]}".utf8))
        }
        place.fake.on("GET", "/tree/\(golden.commit)") { _, _, _ in .init(404) }
        let folder = try await place.fetch()
        for name in golden.wanted {
            #expect(try Data(contentsOf: folder.appendingPathComponent(name)) == golden.files[name]?.contents)
        }
    }

    @Test func listingsOfSeveralPages() async throws {
        let place = try Place()
        place.fake.on("GET", "/tree/\(place.fake.golden.commit)") { request, usual, _ in
            let items = (try? JSONSerialization.jsonObject(with: usual.body) as? [Any]) ?? []
            let isFirst = !request.target.contains("cursor")
            var reply = usual
            reply.body =
                (try? JSONSerialization.data(
                    withJSONObject: isFirst ? Array(items.prefix(4)) : Array(items.dropFirst(4))))
                ?? Data()
            if isFirst { reply.headers["Link"] = "<\(request.path)?recursive=true&cursor=x>; rel=\"next\"" }
            return reply
        }
        try await place.fetch()
        #expect(place.blobs.count == place.fake.golden.wanted.count)
    }

    @Test(arguments: ["../x", "a/../../x", "/etc/passwd", "a\\..\\x", "a//b", "a/\u{1}"])
    func hostileFileNames(name: String) async throws {
        let place = try Place()
        let golden = place.fake.golden
        let text = try String(decoding: JSONEncoder().encode(name), as: UTF8.self)
        place.fake.on("GET", "/tree/\(golden.commit)") { _, _, _ in
            .init(200, [:], Data("[{\"type\": \"file\", \"path\": \(text), \"size\": 1, \"oid\": \"1\"}]".utf8))
        }
        let refused = HubError.unsafeFileName(repository: golden.repository, file: name)
        await #expect(throws: refused) { try await place.fetch() }
        place.fake.on("GET", "/revision/main") { _, _, _ in
            .init(200, [:], Data("{\"sha\": \"\(golden.commit)\", \"siblings\": [{\"rfilename\": \(text)}]}".utf8))
        }
        await #expect(throws: refused) { try await place.fetch() }
        #expect(place.paths.isEmpty)
    }

    @Test(arguments: ["../../x", "a/b", "", ".."])
    func hostileETags(etag: String) async throws {
        let place = try Place()
        place.fake.on("HEAD", Name.configuration) { _, usual, _ in
            var reply = usual
            reply.headers["ETag"] = "\"\(etag)\""
            return reply
        }
        await #expect(throws: HubError.self) { try await place.fetch(files: [Name.configuration]) }
        #expect(place.blobs.isEmpty)
    }

    @Test func aRepositoryWithoutWeights() async throws {
        let place = try Place()
        place.fake.on("GET", "/tree/\(place.fake.golden.commit)") { _, _, _ in
            .init(200, [:], Data("[{\"type\": \"file\", \"path\": \"tf_model.h5\", \"size\": 1, \"oid\": \"1\"}]".utf8))
        }
        await #expect(throws: HubError.noUsableFiles(name: place.fake.golden.repository, found: ["tf_model.h5"])) {
            try await place.fetch()
        }
    }
}
