import Foundation
import Tokenizers
import HummingbirdTesting
import HTTPTypes
import Testing

@testable import Serving

extension ServedTests {
    /// Every route for one's own, another's, no prefix; with and without keys.
    @Suite(.serialized) struct KeyedTests {
        private struct Key {
            let key: String
            let line: String

            init(_ name: String, scopes: String) {
                let digest: String
                (key, digest) = {
                    let (key, line) = KeyFile.newKey(name)
                    return (key, String(line.split(separator: " ")[1]))
                }()
                line = "\(name) \(digest) \(scopes) -\n"
            }
        }

        private let alice = Key("alice", scopes: "own:alice"), bob = Key("bob", scopes: "own:bob,use:shared")
        private let reader = Key("reader", scopes: "use:alice/menus"), admin = Key("root", scopes: "admin")
        private let scraper = Key("scraper", scopes: "metrics")

        private var file: String { [alice, bob, reader, admin, scraper].map(\.line).joined() }
        private let prefixes = [
            (id: "alice/menus", text: "food : soup"), (id: "bob/menus", text: "food : bread"),
            (id: "house", text: "area : here"),
        ]

        @Test func withoutAKeyOnlyWhatTellsHealth() async throws {
            try await TestServer.with(keys: file, prefixes: prefixes) { server in
                try await server.live { ask in
                    for entry in server.server.routes.entries {
                        let path = entry.path.replacing("**", with: "embedded")
                        let answer = try await ask(entry.method, path, entry.method == .post ? "{}" : nil)
                        #expect((answer.status == 401) == entry.needsKey, "\(entry.method) \(path): \(answer.status)")
                        let wrong = try await ask(
                            entry.method, path, entry.method == .post ? "{}" : nil, key: "pt-wrong")
                        #expect((wrong.status == 401) == entry.needsKey)
                    }
                    let answer = try await ask(.get, "/v1/models")
                    #expect(answer["error.code"] == .string("invalid_api_key"))
                    #expect(answer.headers[.wwwAuthenticate] == "Bearer")
                }
            }
        }

        @Test func listsUseAndDeletionKeepToOwners() async throws {
            let (alice, bob, reader, admin) = (alice.key, bob.key, reader.key, admin.key)
            try await TestServer.with(keys: file, prefixes: prefixes) { server in
                try await server.live { ask in
                    func ids(_ key: String, _ path: String) async throws -> [String] {
                        guard case .array(let data)? = try await ask(.get, path, key: key)["data"] else { return [] }
                        return data.compactMap { $0["id"]?.string }
                    }
                    #expect(try await ids(alice, "/v1/models") == ["embedded", "alice/menus"])
                    #expect(try await ids(bob, "/v1/models") == ["embedded", "bob/menus", "house"])
                    #expect(try await ids(reader, "/v1/models") == ["embedded", "alice/menus"])
                    #expect(try await ids(admin, "/v1/prefixes") == ["alice/menus", "bob/menus", "house"])

                    for (key, id, status) in [
                        (alice, "alice/menus", 200), (alice, "menus", 200), (alice, "bob/menus", 404),
                        (alice, "house", 404),
                        (bob, "menus", 200), (bob, "alice/menus", 404), (bob, "house", 200),
                        (reader, "alice/menus", 200),
                        (reader, "bob/menus", 404), (admin, "alice/menus", 200), (alice, "embedded:menus", 200),
                        (alice, "embedded+menus+alice/menus", 200), (alice, "embedded+menus+bob/menus", 404),
                        (alice, "nothing", 404), (alice, "..", 404), (alice, "alice/../bob/menus", 404),
                    ] {
                        let answer = try await ask.complete("\"prompt\":\"a\",\"max_tokens\":1", model: id, key: key)
                        #expect(answer.status == status, "\(id): \(answer.text)")
                        if status == 404 { #expect(answer["error.code"] == .string("model_not_found")) }
                        for path in ["/v1/models/\(id)", "/v1/models/\(id.replacing("/", with: "%2F"))"]
                        where !id.contains("embedded") && !id.contains("..") {
                            #expect(try await ask(.get, path, key: key).status == status, "\(path)")
                        }
                        if !id.contains("embedded"), !id.contains("..") {
                            #expect(try await ask(.get, "/v1/prefixes/\(id)/content", key: key).status == status)
                            #expect(try await ask(.post, "/v1/prefixes/\(id)/load", "{}", key: key).status == status)
                        }
                    }
                    // Who may use one may not delete it; of what nobody told him, he does not learn.
                    #expect(try await ask(.delete, "/v1/models/alice/menus", key: reader).status == 403)
                    #expect(try await ask(.delete, "/v1/models/alice/menus", key: bob).status == 404)
                    #expect(try await ask(.delete, "/v1/models/house", key: bob).status == 403)
                    #expect(try await ask(.delete, "/v1/models/embedded", key: admin).status == 403)
                    #expect(try await ask(.delete, "/v1/models/menus", key: alice).status == 200)
                    #expect(try await ask(.get, "/v1/models/menus", key: alice).status == 404)
                    #expect(try await ask(.get, "/v1/models/menus", key: bob).status == 200)
                    let same = try await ask(
                        .post, "/v1/prefixes", "{\"name\":\"new\",\"text\":\"hello\"}", key: reader)
                    #expect(same.status == 403)
                    let foreign = try await ask(
                        .post, "/v1/prefixes", "{\"name\":\"bob/x\",\"text\":\"hello\"}", key: alice)
                    #expect(foreign.status == 403)
                }
            }
        }

        @Test func metricsHaveAScopeOfTheirOwn() async throws {
            let (alice, scraper) = (alice.key, scraper.key)
            try await TestServer.with(keys: file, prefixes: prefixes) { server in
                try await server.live { ask in
                    #expect(try await ask(.get, "/metrics", key: alice).status == 403)
                    _ = try await ask.complete(
                        "\"prompt\":\"secret words\",\"max_tokens\":2,\"ignore_eos\":true", model: "menus", key: alice)
                    let metrics = try await ask(.get, "/metrics", key: scraper)
                    #expect(metrics.status == 200)
                    #expect(metrics.text.contains("prefixtune_generation_tokens_total{prefix=\"alice/menus\"} 2"))
                    #expect(metrics.text.contains("prefixtune_time_to_first_token_seconds_count 1"))
                    #expect(!metrics.text.contains("secret"))
                    #expect(!server.logs.all.joined().contains("secret"))
                    #expect(server.logs.all.contains { $0.contains("\"key\":\"alice\"") })
                }
            }
        }
    }
}
