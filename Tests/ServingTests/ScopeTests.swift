import Foundation
import HTTPTypes
import HummingbirdTesting
import NIOCore
import Testing

@testable import Serving

extension ServedTests {
    /// What nobody may do to others' prefixes, whoever asks from wherever.
    @Suite(.serialized) struct ScopeTests {
        private func key(_ name: String, _ scopes: String, _ limits: String = "-") -> (key: String, line: String) {
            let (key, line) = KeyFile.newKey(name)
            return (key, line.replacing("own:\(name),use:shared -\n", with: "\(scopes) \(limits)\n"))
        }

        @Test func pagesOfOtherSitesAskNothingOfAServerWithoutKeys() async throws {
            try await TestServer.with { server in
                try await server.live { ask in
                    let body = "{\"model\":\"embedded\",\"prompt\":\"a\",\"max_tokens\":1}"
                    for origin in [
                        "https://evil.example", "http://evil.example:8080", "null", "http://localhost.evil.example",
                    ] {
                        let answer = try await ask(.post, "/v1/completions", body, headers: [.origin: origin])
                        #expect(answer.status == 403, "\(origin): \(answer.text)")
                        // A form needs no preflight.
                        let form = try await ask.client.executeRequest(
                            uri: "/v1/prefixes", method: .post,
                            headers: [.contentType: "multipart/form-data; boundary=XX", .origin: origin],
                            body: ByteBuffer(string: "--XX--\r\n"))
                        #expect(form.status.code == 403)
                    }
                    for origin in ["http://localhost:3000", "http://127.0.0.1", "http://[::1]:80"] {
                        let answer = try await ask(.post, "/v1/completions", body, headers: [.origin: origin])
                        #expect(answer.status == 200, "\(origin): \(answer.text)")
                    }
                }
            }
        }

        @Test func whoMayOnlyUseAPrefixMakesItNeitherStayNorGo() async throws {
            let reader = key("reader", "use:alice/menus,use:shared"), alice = key("alice", "own:alice")
            try await TestServer.with(
                keys: reader.line + alice.line, prefixes: [("alice/menus", "food : soup"), ("house", "area : here")]
            ) { server in
                try await server.live { ask in
                    #expect(try await ask(.post, "/v1/prefixes/alice/menus/load", "{}", key: reader.key).status == 200)
                    for id in ["alice/menus", "house"] {
                        for action in ["unload", "pin"] {
                            let answer = try await ask(.post, "/v1/prefixes/\(id)/\(action)", "{}", key: reader.key)
                            #expect(answer.status == 403, "\(id) \(action): \(answer.text)")
                        }
                        let answer = try await ask(
                            .post, "/v1/unload_lora_adapter", "{\"lora_name\":\"\(id)\"}", key: reader.key)
                        #expect(answer.status == 403, "\(id): \(answer.text)")
                    }
                    let told = try await ask(.get, "/v1/prefixes/menus", key: alice.key)
                    #expect(told["prefix.resident"] == .flag(true) && told["prefix.pinned"] == .flag(false))
                    #expect(try await ask(.post, "/v1/prefixes/menus/pin", "{}", key: alice.key).status == 200)
                    let gone = try await ask(
                        .post, "/v1/unload_lora_adapter", "{\"lora_name\":\"menus\"}", key: alice.key)
                    #expect(gone.status == 200)
                }
            }
        }

        @Test func namesOfPrefixesAndOfOwnersDoNotMeet() async throws {
            let root = key("root", "admin"), alice = key("alice", "own:alice"), house = key("house", "own:house")
            try await TestServer.with(
                keys: root.line + alice.line + house.line,
                prefixes: [("alice/menus", "food : soup"), ("alice/plans", "area : here"), ("house", "area : there")]
            ) { server in
                try await server.live { ask in
                    for replace in ["true", "false"] {
                        let taken = try await ask(
                            .post, "/v1/prefixes", "{\"name\":\"alice\",\"text\":\"x\",\"replace\":\(replace)}",
                            key: root.key)
                        #expect(taken.status == 409, "\(taken.text)")
                        let within = try await ask(
                            .post, "/v1/prefixes", "{\"name\":\"mine\",\"text\":\"x\",\"replace\":\(replace)}",
                            key: house.key)
                        #expect(within.status == 409, "\(within.text)")
                    }
                    #expect(try await ask(.get, "/v1/prefixes", key: root.key)["data"]?.count == 3)
                    #expect(try await ask(.get, "/v1/prefixes/plans", key: alice.key).status == 200)
                    #expect(
                        try await ask.complete("\"prompt\":\"a\",\"max_tokens\":1", model: "house", key: root.key)
                            .status == 200)
                    let other = try await ask(
                        .post, "/v1/prefixes", "{\"name\":\"new\",\"text\":\"x\"}", key: root.key)
                    #expect(other.status == 201 && other["id"] == .string("new"))
                }
            }
        }

        @Test func aRootThatContainsTheStoreGivesNothingOfIt() async throws {
            let mallory = key("mallory", "own:mallory")
            try await TestServer.with(keys: mallory.line, prefixes: [("alice/menus", "food : soup")]) { server in
                let root = server.store.deletingLastPathComponent(), files = FileManager.default
                // A folder of links to what is in the store, a link to the store, a link to a prefix.
                try files.createDirectory(
                    at: root.appendingPathComponent("links"), withIntermediateDirectories: true)
                for file in ["adapter_config.json", "adapter_model.safetensors"] {
                    try files.createSymbolicLink(
                        at: root.appendingPathComponent("links/\(file)"),
                        withDestinationURL: server.store.appendingPathComponent("alice/menus/\(file)"))
                }
                try files.createSymbolicLink(
                    at: root.appendingPathComponent("away"), withDestinationURL: server.store)
                try files.createSymbolicLink(
                    at: root.appendingPathComponent("menus"),
                    withDestinationURL: server.store.appendingPathComponent("alice/menus"))
                try await server.live { ask in
                    for path in [
                        "store/alice/menus", "\(root.path)/store/alice/menus", "away/alice/menus", "menus", "links",
                        "links/../store/alice/menus", "store", ".", "store/alice/menus/adapter_model.safetensors",
                        "links/adapter_model.safetensors",
                    ] {
                        let answer = try await ask(
                            .post, "/v1/prefixes", "{\"name\":\"x\",\"path\":\"\(path)\"}", key: mallory.key)
                        #expect(answer.status == 400, "\(path): \(answer.text)")
                    }
                    #expect(try await ask(.get, "/v1/prefixes", key: mallory.key)["data"]?.count == 0)
                }
            }
        }

        @Test func quotasHoldHoweverManyStoreAtOnce() async throws {
            let text = "area : riverside"
            let size = try await TestServer.with(prefixes: [("one", text)]) { server in
                try await server.server.library.find("one", for: .local).bytes
            }
            let alice = key("alice", "own:alice", "bytes=\(size * 5 / 2)")
            try await TestServer.with(keys: alice.line) { server in
                try await server.live { ask in
                    let port = try #require(ask.client.port), header = "Authorization: Bearer \(alice.key)\r\n"
                    let answers = try await withThrowingTaskGroup(of: String.self) { group in
                        for number in 0..<8 {
                            group.addTask {
                                try await RawClient.post(
                                    port, "/v1/prefixes", "{\"name\":\"p\(number)\",\"text\":\"\(text)\"}",
                                    headers: header)
                            }
                        }
                        return try await group.reduce(into: []) { $0.append($1) }
                    }
                    #expect(answers.filter { $0.contains("\"object\":\"model\"") }.count == 2, "\(answers)")
                    #expect(answers.filter { $0.contains("rate_limit_exceeded") }.count == 6)
                    #expect(try await ask(.get, "/v1/prefixes", key: alice.key)["data"]?.count == 2)
                    // Replacing one takes no more than it gives back.
                    let replaced = try await ask(.get, "/v1/prefixes", key: alice.key)
                    let id = try #require(replaced["data.0.id"]?.string)
                    let again = try await ask(
                        .post, "/v1/prefixes", "{\"name\":\"\(id)\",\"text\":\"\(text)\",\"replace\":true}",
                        key: alice.key)
                    #expect(again.status == 201, "\(again.text)")
                }
            }
        }
    }
}
