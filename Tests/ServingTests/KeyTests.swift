import Foundation
import Testing

@testable import Serving

@Suite struct KeyTests {
    private func file(_ text: String) throws -> KeyFile { try KeyFile(text, file: "keys") }

    @Test func knowsItsKeysOnly() throws {
        let alice = KeyFile.newKey("alice"), bob = KeyFile.newKey("bob")
        let keys = try file("# keys\n\n" + alice.line + bob.line)
        #expect(keys.identity(of: alice.key)?.name == "alice")
        #expect(keys.identity(of: bob.key)?.owner == "bob")
        #expect(keys.identity(of: alice.key + "x") == nil)
        #expect(keys.identity(of: "") == nil)
        #expect(!(alice.line + bob.line).contains(alice.key))
    }

    @Test func saysWhatIsWrongInWhichLine() {
        let digest = String(repeating: "0a", count: 32)
        for (line, part) in [
            ("alice", "columns"), ("al/ice \(digest)", "name"), ("alice 12", "SHA-256"),
            ("alice \(digest) own:", "scope"), ("alice \(digest) fly", "scope"),
            ("alice \(digest) admin requests", "limit"), ("alice \(digest) admin speed=3", "no limit"),
            ("alice \(digest) admin requests=-3", "limit"), ("a \(digest)\na \(digest)", "twice"),
            ("# nothing", "no key"),
        ] {
            let error = #expect(throws: KeyFile.Mistake.self) { try file(line) }
            #expect(error?.description.contains(part) == true, "\(line): \(error?.description ?? "")")
        }
    }

    @Test func scopesSayWhatMayBeSeenAndChanged() throws {
        let digest = String(repeating: "00", count: 32)
        let identity = try #require(
            file("bob \(digest) own:bob,use:team/*,use:carol/menus,use:shared").lines.first?.identity)
        #expect(identity.mayUse(owner: "bob", name: "x") && identity.mayChange(owner: "bob"))
        #expect(identity.mayUse(owner: "team", name: "x") && !identity.mayChange(owner: "team"))
        #expect(identity.mayUse(owner: "carol", name: "menus") && !identity.mayUse(owner: "carol", name: "menus2"))
        #expect(identity.mayUse(owner: nil, name: "house") && !identity.mayChange(owner: nil))
        #expect(!identity.mayUse(owner: "teamx", name: "x"))
        #expect(!identity.may(.metrics) && Identity.local.may(.metrics))
    }

    @Test func limitsComeBackWithTime() throws {
        let alice = KeyFile.newKey("alice").key
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let url = folder.appendingPathComponent("keys")
        let line = KeyFile.newKey("alice").line.replacing(" -\n", with: " requests=2,tokens=100,streams=2\n")
        try Data(line.utf8).write(to: url)
        let ring = try KeyRing(url)
        #expect(throws: ServingError.keyUnknown) { try ring.identity(authorization: "Bearer \(alice)") }
        #expect(throws: ServingError.keyMissing) { try ring.identity(authorization: nil) }
        #expect(throws: ServingError.keyMissing) { try ring.identity(authorization: "Basic abc") }
        let identity = try KeyFile(url).lines[0].identity
        _ = try ring.begin(identity, at: 0)
        _ = try ring.begin(identity, at: 0)
        #expect(throws: ServingError.rateLimited(limit: "2 requests at the same time", retryAfter: 1)) {
            try ring.begin(identity, at: 0)
        }
        ring.end(identity, tokens: 10)
        ring.end(identity, tokens: 10)
        #expect(throws: ServingError.rateLimited(limit: "2 requests in a minute", retryAfter: 30)) {
            try ring.begin(identity, at: 0)
        }
        _ = try ring.begin(identity, at: 31)
        ring.end(identity, tokens: 500)
        // 20 of 100 tokens were gone, and had come back; then 500 were.
        let error = #expect(throws: ServingError.self) { try ring.begin(identity, at: 91) }
        #expect(error?.status == 429 && (error?.retryAfter ?? 0) >= 60)
        #expect(ring.streams(of: "alice") == 0)
    }

    @Test func aLeaseEndsOnce() throws {
        let ring = try KeyRing(nil)
        var lease: KeyLease? = try KeyLease(ring, .local, at: 0)
        #expect(ring.streams(of: "local") == 1)
        lease?.end(tokens: 3)
        lease = nil
        #expect(ring.streams(of: "local") == 0)
        lease = try KeyLease(ring, .local, at: 0)
        lease = nil
        #expect(ring.streams(of: "local") == 0)
        _ = lease
    }
}
