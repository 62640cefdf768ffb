import Foundation
import TestSupport
import Testing

@testable import Hub

/// Connections that break, and bytes that are wrong. The large file has 4,096 bytes.
@Suite struct BrokenDownloadTests {
    private func fetch(_ place: Place, retries: Int = 5) async throws {
        try await place.fetch(files: [Name.weights], retries: retries)
    }

    private func route(_ place: Place, _ route: @escaping FakeHub.Route) throws {
        place.fake.on("GET", try #require(place.fake.golden.files[Name.weights]).etag, route)
    }

    /// What was asked for, request by request; nil for the whole.
    private func ranges(_ place: Place) -> [String?] { place.downloads(Name.weights).map { $0.headers["range"] } }

    private func expectWhole(_ place: Place) throws {
        let file = try #require(place.fake.golden.files[Name.weights])
        #expect(place.blobs == [file.etag])
        #expect(try Data(contentsOf: place.cached("blobs/\(file.etag)")) == file.contents)
    }

    @Test(arguments: [0, 1024, 2048, 3072, 4095])
    func goesOnWhereItWasCutOff(after cut: Int) async throws {
        let place = try Place()
        try route(place) { _, usual, attempt in
            var reply = usual
            if attempt == 0 { reply.fault = .dropsAfter(cut) }
            return reply
        }
        try await fetch(place)
        #expect(ranges(place) == [nil, cut == 0 ? nil : "bytes=\(cut)-"])
        try expectWhole(place)
    }

    @Test func everyQuarterIsCutOff() async throws {
        let place = try Place()
        try route(place) { _, usual, attempt in
            var reply = usual
            if attempt < 3 { reply.fault = .dropsAfter(1024) }
            return reply
        }
        // Each try brings something new, so that one further try is enough.
        try await fetch(place, retries: 1)
        #expect(ranges(place) == [nil, "bytes=1024-", "bytes=2048-", "bytes=3072-"])
        try expectWhole(place)
    }

    @Test func aServerWithoutRanges() async throws {
        let place = try Place()
        let whole = try #require(place.fake.golden.files[Name.weights]).contents
        try route(place) { _, _, attempt in .init(200, [:], whole, fault: attempt == 0 ? .dropsAfter(3000) : nil) }
        try await fetch(place)
        #expect(ranges(place) == [nil, "bytes=3000-"])
        try expectWhole(place)
    }

    @Test func aServerThatNeverGetsFurther() async throws {
        let place = try Place()
        let whole = try #require(place.fake.golden.files[Name.weights]).contents
        try route(place) { _, _, _ in .init(200, [:], whole, fault: .dropsAfter(3000)) }
        await #expect {
            try await fetch(place, retries: 2)
        } throws: { if case .unreachable = $0 as? HubError { true } else { false } }
        #expect(ranges(place).count == 3)
        // What has arrived is kept.
        let etag = try #require(place.fake.golden.files[Name.weights]).etag
        #expect(place.blobs == ["\(etag).incomplete"])
    }

    @Test(arguments: [1024, 4096])
    func whatAnEarlierProcessLeftIsUsed(count: Int) async throws {
        let place = try Place()
        let file = try #require(place.fake.golden.files[Name.weights])
        try FileManager.default.createDirectory(at: place.cached("blobs"), withIntermediateDirectories: true)
        try file.contents.prefix(count).write(to: place.cached("blobs/\(file.etag).incomplete"))
        try await fetch(place)
        #expect(ranges(place) == (count == 4096 ? [] : ["bytes=\(count)-"]))
        try expectWhole(place)
    }

    @Test(arguments: [1024, 4096, 5000])
    func wrongLeftoversAreFetchedAnew(count: Int) async throws {
        let place = try Place()
        let file = try #require(place.fake.golden.files[Name.weights])
        try FileManager.default.createDirectory(at: place.cached("blobs"), withIntermediateDirectories: true)
        try Data(repeating: 7, count: count).write(to: place.cached("blobs/\(file.etag).incomplete"))
        try await fetch(place)
        #expect(ranges(place) == (count == 1024 ? ["bytes=1024-", nil] : [nil]))
        try expectWhole(place)
    }

    @Test func aRangeThatTheServerRefuses() async throws {
        let place = try Place()
        try route(place) { _, usual, attempt in
            var reply = attempt == 1 ? .init(416) : usual
            if attempt == 0 { reply.fault = .dropsAfter(100) }
            return reply
        }
        try await fetch(place)
        #expect(ranges(place) == [nil, "bytes=100-", nil])
        try expectWhole(place)
    }

    @Test func anotherRangeThanAskedFor() async throws {
        let place = try Place()
        try route(place) { _, usual, attempt in
            var reply = usual
            if attempt == 0 {
                reply.fault = .dropsAfter(100)
            } else {
                reply.headers["Content-Range"] = "bytes 0-4095/4096"
            }
            return reply
        }
        await #expect {
            try await fetch(place)
        } throws: { if case .malformedReply = $0 as? HubError { true } else { false } }
    }

    @Test(arguments: [Name.weights, Name.configuration])
    func aWrongChecksum(file name: String) async throws {
        let place = try Place()
        let file = try #require(place.fake.golden.files[name])
        let wrong = Data(file.contents.dropLast() + [1])
        place.fake.on("GET", file.large ? file.etag : name) { _, _, _ in .init(200, [:], wrong) }
        await #expect {
            try await place.fetch(files: [name])
        } throws: { error in
            guard case .wrongChecksum(name, file.etag, let found) = error as? HubError else { return false }
            return found == (file.large ? ContentDigest.sha256(wrong) : ContentDigest.gitBlob(wrong))
        }
        #expect(place.blobs.isEmpty)
        #expect(
            !FileManager.default.fileExists(atPath: place.cached("snapshots/\(place.fake.golden.commit)/\(name)").path))
    }

    @Test func tooManyBytes() async throws {
        let place = try Place()
        let long = try #require(place.fake.golden.files[Name.weights]).contents + Data([1, 2])
        try route(place) { _, _, _ in .init(200, [:], long) }
        await #expect(throws: HubError.wrongSize(file: Name.weights, expected: 4096, found: 4098)) {
            try await fetch(place)
        }
        #expect(place.blobs.isEmpty)
    }

    @Test func aShortBodyIsAskedForAgain() async throws {
        let place = try Place()
        let whole = try #require(place.fake.golden.files[Name.weights]).contents
        try route(place) { _, usual, attempt in attempt == 0 ? .init(200, [:], whole.prefix(1000)) : usual }
        try await fetch(place)
        #expect(ranges(place) == [nil, "bytes=1000-"])
        try expectWhole(place)
    }

    @Test func aBodyThatStaysShort() async throws {
        let place = try Place()
        let whole = try #require(place.fake.golden.files[Name.weights]).contents
        try route(place) { request, _, _ in
            request.headers["range"] == nil
                ? .init(200, [:], whole.prefix(1000)) : .init(206, ["Content-Range": "bytes 1000-999/1000"])
        }
        await #expect {
            try await fetch(place, retries: 2)
        } throws: { if case .unreachable = $0 as? HubError { true } else { false } }
        #expect(ranges(place).count == 3)
    }

    @Test(arguments: [0, 2000])
    func aServerThatFallsSilent(after count: Int) async throws {
        let place = try Place()
        try route(place) { _, usual, attempt in
            var reply = usual
            if attempt == 0 { reply.fault = count == 0 ? .silent : .stallsAfter(count) }
            return reply
        }
        try await place.fetch(["HF_HUB_DOWNLOAD_TIMEOUT": "1"], files: [Name.weights])
        #expect(ranges(place) == [nil, count == 0 ? nil : "bytes=\(count)-"])
        #expect(!place.fake.storage.gaveUp)
        try expectWhole(place)
    }

    @Test func metadataThatDoesNotCome() async throws {
        let place = try Place()
        place.fake.on("GET", "/revision/main") { _, _, _ in .init(fault: .silent) }
        await #expect {
            try await place.fetch(["HF_HUB_ETAG_TIMEOUT": "0.2"], retries: 1)
        } throws: { "\($0)".contains("it does not answer in time") }
        #expect(place.fake.server.requests.count == 2)
        #expect(!place.fake.server.gaveUp)
    }

    @Test func theLockOfAnotherProcess() async throws {
        let place = try Place()
        let file = try #require(place.fake.golden.files[Name.weights])
        let lock = place.folder.appendingPathComponent("hub/.locks/models--tiny-org--tiny-model/\(file.etag).lock")
        try FileManager.default.createDirectory(
            at: lock.deletingLastPathComponent(), withIntermediateDirectories: true)
        let descriptor = open(lock.path, O_RDWR | O_CREAT, 0o644)
        #expect(flock(descriptor, LOCK_EX | LOCK_NB) == 0)
        let fetching = Task { try await fetch(place) }
        while !place.fake.server.requests.contains(where: { $0.method == "HEAD" }) { await Task.yield() }
        try await Task.sleep(for: .milliseconds(200))
        #expect(place.downloads(Name.weights).isEmpty)
        // The other process finishes the file.
        try FileManager.default.createDirectory(at: place.cached("blobs"), withIntermediateDirectories: true)
        try file.contents.write(to: place.cached("blobs/\(file.etag)"))
        close(descriptor)
        try await fetching.value
        #expect(place.downloads(Name.weights).isEmpty)
        try expectWhole(place)
    }
}
