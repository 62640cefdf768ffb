import Foundation
import Tokenizers
import HummingbirdTesting
import HTTPTypes
import NIOCore
import Testing

@testable import Serving

extension ServedTests {
    @Suite(.serialized) struct PrefixRouteTests {
        @Test func aTextBecomesAPrefix() async throws {
            try await TestServer.with { server in
                try await server.live { ask in
                    let text = "name : Alimentum | area : city centre | "
                    let made = try await ask(.post, "/v1/prefixes", "{\"name\":\"doc\",\"text\":\"\(text)\"}")
                    #expect(made.status == 201, "\(made.text)")
                    #expect(made["id"] == .string("local/doc") && made["parent"] == .string("embedded"))
                    #expect(made["prefix.sha256"]?.string?.count == 64)
                    // The text before the prompt, or as a prefix: the same answer.
                    let tokens = try await ask(.post, "/tokenize", "{\"prompt\":\"\(text)\"}")
                    let rest = try await ask(.post, "/tokenize", "{\"prompt\":\"food : French\"}")
                    guard case .array(let first)? = tokens["tokens"], case .array(let second)? = rest["tokens"] else {
                        Issue.record("no tokens")
                        return
                    }
                    let all = EventText.encoded(first + second), own = EventText.encoded(second)
                    let whole = try await ask.complete("\"prompt\":\(all),\"max_tokens\":8,\"temperature\":0")
                    let after = try await ask.complete(
                        "\"prompt\":\(own),\"max_tokens\":8,\"temperature\":0", model: "doc")
                    #expect(whole["choices.0.text"] == after["choices.0.text"])
                    #expect(after["usage.prefix_tokens"] == .integer(first.count))
                    #expect(after["usage.prompt_tokens"] == .integer(second.count))

                    let again = try await ask(.post, "/v1/prefixes", "{\"name\":\"doc\",\"text\":\"x\"}")
                    #expect(again.status == 409 && again["error.code"] == .string("conflict"))
                    let replaced = try await ask(
                        .post, "/v1/prefixes", "{\"name\":\"doc\",\"text\":\"x\",\"replace\":true}")
                    #expect(replaced.status == 201 && replaced["prefix.sha256"] != made["prefix.sha256"])
                    let changed = try await ask.complete(
                        "\"prompt\":\(own),\"max_tokens\":8,\"temperature\":0", model: "doc")
                    #expect(changed["choices.0.text"] != after["choices.0.text"])
                }
            }
        }

        @Test func filesAreUploadedAndGivenBack() async throws {
            try await TestServer.with(prefixes: [("house", "area : riverside")]) { server in
                try await server.live { ask in
                    let folder = server.store.appendingPathComponent("house")
                    let config = try String(
                        contentsOf: folder.appendingPathComponent("adapter_config.json"), encoding: .utf8)
                    let values = try Data(contentsOf: folder.appendingPathComponent("adapter_model.safetensors"))
                    func upload(_ name: String, _ values: Data, file: String = "adapter_model.safetensors") async throws
                        -> Asking.Answer
                    {
                        var body = Data()
                        func part(_ head: String, _ data: Data) {
                            body +=
                                Data("--XX\r\nContent-Disposition: form-data; \(head)\r\n\r\n".utf8) + data
                                + Data("\r\n".utf8)
                        }
                        part("name=\"name\"", Data(name.utf8))
                        part("name=\"file\"; filename=\"adapter_config.json\"", Data(config.utf8))
                        part("name=\"file\"; filename=\"\(file)\"", values)
                        body += Data("--XX--\r\n".utf8)
                        let response = try await ask.client.executeRequest(
                            uri: "/v1/prefixes", method: .post,
                            headers: [.contentType: "multipart/form-data; boundary=XX"], body: ByteBuffer(bytes: body))
                        return .init(
                            status: response.status.code, headers: response.headers, text: String(buffer: response.body)
                        )
                    }
                    let made = try await upload("copy", values)
                    #expect(made.status == 201, "\(made.text)")
                    let a = try await ask.complete(
                        "\"prompt\":\"a\",\"max_tokens\":6,\"temperature\":0", model: "house")
                    let b = try await ask.complete("\"prompt\":\"a\",\"max_tokens\":6,\"temperature\":0", model: "copy")
                    #expect(a["choices.0.text"] == b["choices.0.text"])
                    let content = try await ask.client.executeRequest(
                        uri: "/v1/prefixes/copy/content", method: .get, headers: [:], body: nil)
                    #expect(Data(content.body.readableBytesView) == values)

                    let cut = try await upload("cut", values.prefix(values.count / 2))
                    #expect(cut.status == 400 && cut["error.code"] == .string("invalid_prefix"), "\(cut.text)")
                    #expect(cut["error.message"]?.string?.contains(server.store.path) == false)
                    var broken = values
                    broken.replaceSubrange(broken.count - 4..<broken.count, with: [0, 0, 0xc0, 0x7f])
                    #expect(try await upload("nan", broken).status == 400)
                    #expect(try await upload("../evil", values).status != 201)
                    #expect(try await upload("bad file", values, file: "../../x.safetensors").status == 400)
                    let files = try FileManager.default.subpathsOfDirectory(atPath: server.store.path).sorted()
                    #expect(
                        files.filter { $0.hasSuffix(".safetensors") } == [
                            "house/adapter_model.safetensors", "local/copy/adapter_model.safetensors",
                        ])
                }
            }
        }

        @Test func foldersComeFromTheirRootOnly() async throws {
            try await TestServer.with(prefixes: [("house", "area : riverside")]) { server in
                try FileManager.default.createSymbolicLink(
                    at: server.store.deletingLastPathComponent().appendingPathComponent("out"),
                    withDestinationURL: URL(fileURLWithPath: "/etc"))
                // The store lies within the root here: what is in it is asked for by name, with a key that may see it.
                try FileManager.default.copyItem(
                    at: server.store.appendingPathComponent("house"),
                    to: server.store.deletingLastPathComponent().appendingPathComponent("kept"))
                try await server.live { ask in
                    let copied = try await ask(
                        .post, "/v1/load_lora_adapter", "{\"lora_name\":\"mine\",\"lora_path\":\"kept\"}")
                    #expect(copied.status == 200, "\(copied.text)")
                    #expect(try await ask(.get, "/v1/models/mine").status == 200)
                    for path in ["/etc", "../..", "out", "store/../../..", "store/house", "nothing", "/"] {
                        let answer = try await ask(.post, "/v1/prefixes", "{\"name\":\"x\",\"path\":\"\(path)\"}")
                        #expect(
                            answer.status == 400 && answer["error.param"] == .string("path"), "\(path): \(answer.text)")
                    }
                    #expect(try await ask(.post, "/v1/unload_lora_adapter", "{\"lora_name\":\"mine\"}").status == 200)
                }
            }
        }

        @Test func theListHasPages() async throws {
            let prefixes = (0..<5).map { (id: "p\($0)", text: "number \($0)") }
            try await TestServer.with(prefixes: prefixes) { server in
                try await server.live { ask in
                    let first = try await ask(.get, "/v1/prefixes?limit=2")
                    #expect(first["data"]?.count == 2 && first["has_more"] == .flag(true))
                    let last = try #require(first["last_id"]?.string)
                    let rest = try await ask(.get, "/v1/prefixes?limit=10&after=\(last)")
                    #expect(rest["data"]?.count == 3 && rest["has_more"] == .flag(false))
                    #expect(try await ask(.get, "/v1/prefixes?limit=0").status == 400)
                    // Put there by hand, and taken away.
                    try FileManager.default.copyItem(
                        at: server.store.appendingPathComponent("p0"), to: server.store.appendingPathComponent("late"))
                    #expect(try await ask(.get, "/v1/models/late").status == 200)
                    try FileManager.default.removeItem(at: server.store.appendingPathComponent("late"))
                    #expect(try await ask(.get, "/v1/models/late").status == 404)
                }
            }
        }
    }
}
