import Foundation
import Synchronization
import TestSupport
import Testing

@testable import Hub

/// Servers that are no hub, asked in JSON.
@Suite("Servers asked in JSON") struct JSONServerTests {
    @Test("addresses", arguments: ["ftp://h", "h:80", "http://", "http://h?x", "http://h#x", ""])
    func addresses(_ address: String) { #expect(JSONServer(address) == nil) }

    @Test("a reply without end is none, and says so")
    func longReply() async throws {
        let server = try LoopbackServer { _ in .init(200, [:], Data(count: 17 << 20)) }
        let client = try #require(JSONServer(server.address()))
        await #expect(throws: HubError.longReply(address: "127.0.0.1:\(server.port)", limit: 16 << 20)) {
            try await client.send("GET", "/x", nil)
        }
        #expect(
            HubError.longReply(address: "h:1", limit: 16 << 20).description
                == "h:1 sent more than 16.8 MB; give the address of another server")
    }

    @Test("ready where it answers other than that it loads")
    func readiness() async throws {
        let status = Mutex(503)
        let server = try LoopbackServer { _ in .init(status.withLock(\.self)) }
        let client = try #require(JSONServer(server.address()))
        #expect(try await !client.isReady("/health"))
        for other in [200, 401, 404] {
            status.withLock { $0 = other }
            #expect(try await client.isReady("/health"))
        }
        server.stop()
        #expect(try await !client.isReady("/health"))
    }
}
