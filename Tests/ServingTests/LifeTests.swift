import Foundation
import Tokenizers
import HummingbirdTesting
import HTTPTypes
import LanguageModels
import PrefixTuning
import Synchronization
import Tensors
import Testing

@testable import Serving

extension ServedTests {
    /// Clients that go, servers that end.
    @Suite(.serialized) struct LifeTests {
        private let long =
            "{\"model\":\"embedded\",\"prompt\":\"name : \",\"max_tokens\":180,\"ignore_eos\":true,\"stream\":"

        @Test func whoGoesIsNotAnsweredInAnyPhase() async throws {
            var limits = Scheduler.Limits()
            limits.rows = 2
            try await TestServer.with(prefixes: [("house", "area : riverside")], limits: limits) { server in
                try await server.live { ask in
                    let port = try #require(ask.client.port), engine = server.server.engine
                    for isStream in [true, false] {
                        // Two are answered, six wait.
                        let clients = try (0..<8).map { _ in try RawClient(port: port) }
                        for client in clients { client.post("/v1/completions", long + "\(isStream)}") }
                        #expect(try await eventually { engine.status.running == 2 && engine.status.waiting == 6 })
                        for client in clients { client.close() }
                        #expect(try await eventually { engine.status.running + engine.status.waiting == 0 })
                        #expect(engine.status.positions == 0 && engine.status.rows == 0)
                        #expect(server.server.keys.streams(of: "local") == 0)
                    }
                    let cancelled =
                        server.server.metrics.registry.value("request_success_total", label: "cancelled") ?? 0
                    #expect(cancelled == 16)
                    let after = try await ask.complete("\"prompt\":\"a\",\"max_tokens\":2", model: "house")
                    #expect(after.status == 200)
                }
            }
        }

        @Test func aConnectionThatStaysIsUsedAgain() async throws {
            try await TestServer.with { server in
                try await server.live { ask in
                    let client = try RawClient(port: try #require(ask.client.port))
                    for _ in 0..<3 {
                        client.post(
                            "/v1/completions",
                            "{\"model\":\"embedded\",\"prompt\":\"a\",\"max_tokens\":3,\"stream\":true}")
                        #expect(await client.read(until: "[DONE]").contains("[DONE]"))
                        client.post("/v1/completions", "{\"model\":\"embedded\",\"prompt\":\"a\",\"max_tokens\":3}")
                        #expect(await client.read(until: "total_tokens").contains("200 OK"))
                    }
                    client.close()
                }
            }
        }

        @Test func aDrainingServerRefusesAndFinishes() async throws {
            try await TestServer.with { server in
                try await server.live { ask in
                    let port = try #require(ask.client.port)
                    let client = try RawClient(port: port)
                    client.post("/v1/completions", long + "true}")
                    let first = await client.read(until: "data:")
                    server.server.drain.announce()
                    #expect(try await ask(.get, "/ready").status == 503)
                    #expect(try await ask(.get, "/health").status == 200)
                    #expect(try await ask.complete("\"prompt\":\"a\",\"max_tokens\":2").status == 200)
                    server.server.engine.drain()
                    let refused = try await ask.complete("\"prompt\":\"a\",\"max_tokens\":2")
                    #expect(refused.status == 503 && refused["error.code"] == .string("draining"))
                    #expect(refused.headers[.retryAfter] == "5")
                    #expect((await first + client.read(until: "[DONE]")).contains("[DONE]"))
                    client.close()
                }
            }
        }

        @Test func aStoppedServerTellsIt() async throws {
            try await TestServer.with { server in
                try await server.live { ask in
                    let client = try RawClient(port: try #require(ask.client.port))
                    client.post("/v1/completions", long + "true}")
                    let first = await client.read(until: "data:")
                    server.server.engine.stop()
                    let rest = await client.read(until: "draining")
                    #expect((first + rest).contains("\"code\":\"draining\"") && !(first + rest).contains("[DONE]"))
                    client.close()
                }
            }
        }

        @Test func tooMuchIsRefusedAndTheRestAnswered() async throws {
            var limits = Scheduler.Limits()
            (limits.rows, limits.waitingRequests) = (1, 2)
            try await TestServer.with(limits: limits) { server in
                try await server.live { ask in
                    let port = try #require(ask.client.port), body = long + "false}"
                    let texts = try await withThrowingTaskGroup(of: String.self) { group in
                        for _ in 0..<12 { group.addTask { try await RawClient.post(port, "/v1/completions", body) } }
                        return try await group.reduce(into: []) { $0.append($1) }
                    }
                    let refused = texts.filter { $0.contains("\"code\":\"overloaded\"") }
                    #expect(refused.count > 0 && refused.count <= 10)
                    #expect(texts.filter { $0.contains("total_tokens") }.count == 12 - refused.count)
                }
            }
        }

        @Test func aSilentStreamTellsThatItLives() async throws {
            var limits = Scheduler.Limits()
            limits.rows = 1
            try await TestServer.with(limits: limits) {
                $0.pingSeconds = 1
            } _: { server in
                // The engine is kept busy, so that the stream has nothing to tell.
                let release = Mutex(false)
                let blocker = Task { @Compute in
                    while !release.withLock({ $0 }) { usleep(10_000) }
                }
                try await server.live { ask in
                    let client = try RawClient(port: try #require(ask.client.port))
                    client.post("/v1/completions", long + "true}")
                    #expect(await client.read(until: ": ping").contains(": ping"))
                    #expect(try await ask(.get, "/health").status == 200)
                    let ready = try await ask(.get, "/ready")
                    #expect((ready["step_age_ms"]?.int ?? 0) > 500, "\(ready.text)")
                    release.withLock { $0 = true }
                    #expect(await client.read(until: "[DONE]").contains("[DONE]"))
                    client.close()
                }
                await blocker.value
            }
        }
    }
}
