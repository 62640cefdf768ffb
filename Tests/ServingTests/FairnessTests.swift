import Foundation
import HTTPTypes
import HummingbirdTesting
import PrefixTuning
import Synchronization
import Tensors
import Testing

@testable import Serving

extension ServedTests {
    /// What a key is charged, and what it may not do to others.
    @Suite(.serialized) struct FairnessTests {
        private let long =
            "{\"model\":\"embedded\",\"prompt\":\"name : \",\"max_tokens\":180,\"ignore_eos\":true,\"stream\":"

        @Test func whoGoesIsChargedWhatWasComputed() async throws {
            let (key, line) = KeyFile.newKey("alice")
            let keys = line.replacing(" -\n", with: " tokens=120\n")
            let name = try #require(HTTPField.Name("x-ratelimit-remaining-tokens"))
            for isStream in [true, false] {
                try await TestServer.with(keys: keys) { server in
                    try await server.live { ask in
                        let port = try #require(ask.client.port), registry = server.server.metrics.registry
                        let client = try RawClient(port: port)
                        client.post(
                            "/v1/completions", long + "\(isStream)}", headers: "Authorization: Bearer \(key)\r\n")
                        #expect(
                            try await eventually {
                                registry.value("generation_tokens_total", label: "_base") ?? 0 >= 20
                            })
                        client.close()
                        #expect(try await eventually { server.server.keys.streams(of: "alice") == 0 })
                        let next = try await ask.complete("\"prompt\":\"a\",\"max_tokens\":1", key: key)
                        let left = try #require(next.headers[name].flatMap { Int($0) })
                        // 120, less at least 20 tokens, and what came back in some seconds: 2 a second.
                        #expect(left < 110, "\(left)")
                    }
                }
            }
        }

        @Test func whoHasGoneBeforeItsAnswerBeginsGetsNone() async throws {
            try await TestServer.with(prefixes: [("house", "area : riverside")]) { server in
                try await server.live { ask in
                    let port = try #require(ask.client.port), registry = server.server.metrics.registry
                    // Reading the prefix has to wait for the compute thread.
                    let release = Mutex(false)
                    let blocker = Task { @Compute in
                        while !release.withLock({ $0 }) { usleep(1000) }
                    }
                    let client = try RawClient(port: port)
                    client.post(
                        "/v1/completions",
                        "{\"model\":\"house\",\"prompt\":\"name : \",\"max_tokens\":180,\"ignore_eos\":true}")
                    try await Task.sleep(for: .milliseconds(300))
                    client.reset()
                    try await Task.sleep(for: .milliseconds(300))
                    release.withLock { $0 = true }
                    await blocker.value
                    #expect(try await eventually { registry.value("disconnects_total") ?? 0 == 1 })
                    #expect((registry.value("generation_tokens_total", label: "house") ?? 0) < 100)
                    #expect((registry.value("request_success_total", label: "length") ?? 0) == 0)
                }
            }
        }

        @Test func whatCouldNeverWaitTogetherIsRefusedAsSuch() async throws {
            var limits = Scheduler.Limits()
            (limits.waitingTokens, limits.waitingRequests) = (100, 8)
            try await TestServer.with(limits: limits) { server in
                try await server.live { ask in
                    let many = Array(repeating: "\"a\"", count: 7).joined(separator: ",")
                    let refused = try await ask.complete("\"prompt\":[\(many)],\"max_tokens\":20")
                    #expect(refused.status == 400 && refused["error.param"] == .string("prompt"), "\(refused.text)")
                    #expect(refused["error.message"]?.string?.contains("--max-queued-tokens") == true)
                    let count = try await ask.complete("\"prompt\":[\(many),\(many)],\"max_tokens\":1")
                    #expect(count.status == 400 && count["error.message"]?.string?.contains("--max-queued)") == true)
                    #expect(try await ask.complete("\"prompt\":[\(many)],\"max_tokens\":5").status == 200)
                    // One alone may be larger: it waits alone.
                    #expect(try await ask.complete("\"prompt\":\"a\",\"max_tokens\":120").status == 200)
                    #expect(server.server.keys.streams(of: "local") == 0)
                }
            }
        }

        @Test func pagesOfTheAllowedSiteReadErrors() async throws {
            try await TestServer.with {
                $0.corsOrigin = "https://example.org"
            } _: { server in
                try await server.live { ask in
                    let origin: HTTPFields = [.origin: "https://example.org"]
                    for answer in [
                        try await ask(.get, "/v1/models", headers: origin),
                        try await ask(.get, "/v1/models/nobody", headers: origin),
                        try await ask(.get, "/nothing", headers: origin),
                        try await ask(.post, "/v1/completions", "{", headers: origin),
                        try await ask(.options, "/v1/completions", headers: origin),
                    ] {
                        #expect(
                            answer.headers[.accessControlAllowOrigin] == "https://example.org", "\(answer.status)")
                    }
                    let stranger = try await ask(.post, "/v1/completions", "{}", headers: [.origin: "https://evil.org"])
                    #expect(stranger.status == 403)
                }
            }
        }

        @Test func pinsHaveABudgetAndResidenceEnds() async throws {
            let text = String(repeating: "area : here ", count: 20)
            let prefixes = (0..<4).map { (id: "p\($0)", text: text) }
            // One takes so much; there is memory for three.
            let probe = try await TestServer.with(prefixes: prefixes) { server in
                let entry = try await server.server.library.find("p0", for: .local)
                return try await server.server.library.values(of: entry).byteCount
            }
            try await TestServer.with(prefixes: prefixes, prefixMemory: probe * 3) { server in
                try await server.live { ask in
                    #expect(try await ask(.post, "/v1/prefixes/p0/pin", "{}").status == 200)
                    #expect(try await ask(.post, "/v1/prefixes/p0/pin", "{}").status == 200)
                    let full = try await ask(.post, "/v1/prefixes/p1/pin", "{}")
                    #expect(full.status == 507 && full["error.code"] == .string("insufficient_storage"), "\(full.text)")
                    #expect(full["error.message"]?.string?.contains("--prefix-memory") == true)
                    for id in ["p1", "p2", "p3"] {
                        #expect(try await ask(.post, "/v1/prefixes/\(id)/load", "{}").status == 200)
                    }
                    // The first of those that are not pinned had to go.
                    let resident = try await ask(.get, "/v1/prefixes")
                    let told = (0..<4).map { resident["data.\($0).prefix.resident"] }
                    #expect(told == [.flag(true), .flag(false), .flag(true), .flag(true)])
                    #expect(try await ask(.post, "/v1/prefixes/p0/unload", "{}")["prefix.pinned"] == .flag(false))
                    #expect(try await ask(.post, "/v1/prefixes/p2/pin", "{}").status == 200)
                }
            }
        }
    }
}
