import Foundation
import TestSupport
import Testing

@testable import Hub

/// Downloads are what the listing says, whatever ETag a server, a mirror or a proxy sends.
@Suite struct ChecksumTests {
    enum Tag: String, CaseIterable { case opaque, weak, wrong, missing }

    struct Case: CustomTestStringConvertible {
        let file: String
        let tag: Tag
        let isRight, hasSize: Bool
        var testDescription: String {
            "\(file), \(tag) ETag, \(isRight ? "right" : "wrong") bytes, \(hasSize ? "with" : "without") size"
        }
    }

    static let cases = [Name.weights, Name.configuration].flatMap { file in
        Tag.allCases.flatMap { tag in
            [true, false].flatMap { isRight in
                [true, false].map { Case(file: file, tag: tag, isRight: isRight, hasSize: $0) }
            }
        }
    }

    /// Makes the hub answer with an ETag and bytes of a file.
    private func serve(_ test: Case, at place: Place) throws {
        let file = try #require(place.fake.golden.files[test.file]), bytes = bytes(test, file)
        let tag: String? =
            switch test.tag {
            case .opaque: "\"1a2b-3c4d\""
            case .weak: "W/\"\(file.etag)\""
            // The checksum of what a broken or hostile server sends.
            case .wrong:
                "\"\(file.large ? ContentDigest.sha256(damaged(file)) : ContentDigest.gitBlob(damaged(file)))\""
            case .missing: nil
            }
        place.fake.on("HEAD", test.file) { _, usual, _ in
            var reply = usual
            (reply.headers["X-Linked-Etag"], reply.headers["ETag"]) = (nil, tag)
            reply.headers["X-Linked-Size"] = test.hasSize ? "\(file.contents.count)" : "unknown"
            return reply
        }
        place.fake.on("GET", file.large ? file.etag : test.file) { _, _, _ in .init(200, [:], bytes) }
        if !test.hasSize { omitSizes(place) }
    }

    private func damaged(_ file: FakeHub.Golden.File) -> Data { Data(file.contents.dropLast() + [1]) }

    private func bytes(_ test: Case, _ file: FakeHub.Golden.File) -> Data {
        test.isRight ? file.contents : damaged(file)
    }

    /// Takes the sizes out of the listing.
    private func omitSizes(_ place: Place) {
        place.fake.on("GET", "/tree/\(place.fake.golden.commit)") { _, usual, _ in
            var reply = usual
            let items = (try? JSONSerialization.jsonObject(with: usual.body) as? [[String: Any]]) ?? []
            let without = items.map { item in
                var item = item
                // Of large files, the size stands beside their checksum, and must be there.
                if item["lfs"] == nil { item["size"] = nil }
                return item
            }
            reply.body = (try? JSONSerialization.data(withJSONObject: without)) ?? Data()
            return reply
        }
    }

    @Test(arguments: cases)
    func noWrongByteGetsAName(_ test: Case) async throws {
        let place = try Place()
        try serve(test, at: place)
        let file = try #require(place.fake.golden.files[test.file])
        let snapshot = place.cached("snapshots/\(place.fake.golden.commit)/\(test.file)")
        var failure: HubError?
        do {
            try await place.fetch(files: [test.file], retries: 1)
        } catch {
            failure = try #require(error as? HubError)
        }
        switch (test.tag, test.isRight, failure) {
        case (.opaque, true, nil), (.weak, true, nil):
            #expect(try Data(contentsOf: snapshot) == file.contents)
            // The name of the hub itself, whatever the mirror calls it.
            #expect(place.blobs == [file.etag])
            return
        case (.opaque, false, .wrongChecksum(test.file, file.etag, _)?): break
        case (.weak, false, .wrongChecksum(test.file, file.etag, _)?): break
        case (.wrong, _, .contradiction(test.file, file.etag, _)?): break
        case (.missing, _, .malformedReply(_, let problem)?): #expect(problem.contains("ETag"))
        default: Issue.record("\(String(describing: failure))")
        }
        #expect(place.blobs.isEmpty)
        #expect(!FileManager.default.fileExists(atPath: snapshot.path))
    }

    @Test func theSameETagForTwoFiles() async throws {
        let place = try Place()
        let names = [Name.configuration, "tokenizer_config.json"].filter { place.fake.golden.files[$0] != nil }
        for name in names {
            place.fake.on("HEAD", name) { _, usual, _ in
                var reply = usual
                reply.headers["ETag"] = "\"same\""
                return reply
            }
        }
        let folder = try await place.fetch(files: names)
        for name in names {
            #expect(
                try Data(contentsOf: folder.appendingPathComponent(name)) == place.fake.golden.files[name]?.contents)
        }
    }

    /// A mirror that has no listing, with ETags of its own: there is nothing to check by, which is said.
    @Test func nothingToCheckBy() async throws {
        let place = try Place()
        let golden = place.fake.golden
        place.fake.on("GET", "/revision/main") { _, _, _ in
            .init(
                200, [:],
                Data("{\"sha\": \"\(golden.commit)\", \"siblings\": [{\"rfilename\": \"\(Name.configuration)\"}]}".utf8)
            )
        }
        place.fake.on("GET", "/tree/\(golden.commit)") { _, _, _ in .init(404) }
        place.fake.on("HEAD", Name.configuration) { _, usual, _ in
            var reply = usual
            reply.headers["ETag"] = "\"opaque\""
            return reply
        }
        let file = try await place.fetch(files: [Name.configuration]).appendingPathComponent(Name.configuration)
        let contents = try #require(golden.files[Name.configuration]).contents
        #expect(try Data(contentsOf: file) == contents)
        #expect(
            place.notes == [
                "config.json cannot be checked: neither the listing nor the ETag of tiny-org/tiny-model names a checksum"
            ])
        // Contents of another size under that name are other contents.
        try Data("{}".utf8).write(to: place.cached("blobs/opaque"))
        try FileManager.default.removeItem(at: place.cached("snapshots"))
        try await place.fetch(files: [Name.configuration])
        #expect(try Data(contentsOf: file) == contents)
    }

    @Test func namesInOtherSystemsAreNoContradiction() throws {
        let place = try Place()
        let sha = String(repeating: "a", count: 64), xet = String(repeating: "b", count: 64)
        let pointer = String(repeating: "c", count: 40), other = String(repeating: "d", count: 64)
        let large = TreeEntry(path: "x", size: 1, blob: pointer, sha256: sha, xetHash: xet)
        func promised(_ etag: String, _ entry: TreeEntry = large) throws -> [String] {
            let hub = try place.hub()
            return try FileDownload(
                client: hub.client, cache: hub.cache, reference: place.reference(), commit: "", entry: entry,
                meter: ProgressMeter([], report: { _ in }), note: { _ in }
            ).promised(etag).map(\.hex)
        }
        for etag in [sha, xet, pointer, sha.uppercased(), "opaque", ""] {
            #expect(try promised(etag) == [sha], "\(etag)")
        }
        #expect(throws: HubError.contradiction(file: "x", listing: sha, etag: other)) { try promised(other) }
        #expect(try promised(other, TreeEntry(path: "x")) == [other])
        #expect(try promised("opaque", TreeEntry(path: "x", blob: "1")) == [])
        // A small file whose server names another kind of checksum is checked by both.
        #expect(try promised(other, TreeEntry(path: "x", blob: pointer)) == [pointer, other])
    }
}
