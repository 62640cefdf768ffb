import Foundation
import TestSupport
import Testing

@testable import Hub

/// Uploading an adapter: what the server gets, request by request.
@Suite struct PushTests {
    private static let weights = Data((0..<2500).map { UInt8(truncatingIfNeeded: $0 * 7) })
    private static let configuration =
        #"{"peft_type": "PREFIX_TUNING", "task_type": "CAUSAL_LM", "num_virtual_tokens": 5, "base_model_name_or_path": "gpt2-base"}"#
    private static let path = "/api/models/ada/e2e"

    /// A fake hub that takes uploads, and an adapter.
    private func makePlace(
        configuration: String = configuration, chunk: Int? = nil, known: [String: String] = [:]
    ) throws -> Place {
        let place = try Place()
        let folder = place.folder.appendingPathComponent("adapter")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try Data(configuration.utf8).write(to: folder.appendingPathComponent("adapter_config.json"))
        try Self.weights.write(to: folder.appendingPathComponent("adapter_model.safetensors"))
        let fake = place.fake, storage = fake.storage.address(), own = fake.server.address()
        let oid = ContentDigest.sha256(Self.weights)
        fake.on("POST", "/api/repos/create") { _, _, _ in .init(200, [:], Data("{\"url\": \"x\"}".utf8)) }
        fake.on("POST", "\(Self.path)/preupload/main") { _, _, _ in
            let files = ["README.md", "adapter_config.json", "adapter_model.safetensors"].map {
                let oid = known[$0].map { ", \"oid\": \"\($0)\"" } ?? ""
                let mode = $0.hasSuffix("safetensors") ? "lfs" : "regular"
                return "{\"path\": \"\($0)\", \"uploadMode\": \"\(mode)\", \"shouldIgnore\": false\(oid)}"
            }
            return .init(200, [:], Data("{\"files\": [\(files.joined(separator: ","))]}".utf8))
        }
        fake.on("POST", "/ada/e2e.git/info/lfs/objects/batch") { _, _, _ in
            var header = ""
            if let chunk {
                let parts = (0...((Self.weights.count - 1) / chunk)).map {
                    "\"\($0 + 1)\": \"\(storage)/part/\($0 + 1)?sig=1\""
                }
                header = ", \"header\": {\"chunk_size\": \"\(chunk)\", \(parts.joined(separator: ","))}"
            }
            let upload = chunk == nil ? "\(storage)/whole?sig=1" : "https://huggingface.co/complete"
            let actions =
                "{\"upload\": {\"href\": \"\(upload)\"\(header)}, \"verify\": {\"href\": \"\(own)/verify\", \"header\": {}}}"
            return .init(
                200, [:],
                Data("{\"objects\": [{\"oid\": \"\(oid)\", \"size\": 2500, \"actions\": \(actions)}]}".utf8))
        }
        fake.on("PUT", "/whole") { _, _, attempt in .init(attempt == 0 ? 500 : 200) }
        for part in 1...3 { fake.on("PUT", "/part/\(part)") { _, _, _ in .init(200, ["ETag": "\"etag-\(part)\""]) } }
        fake.on("POST", "/complete") { _, _, _ in .init(200) }
        fake.on("POST", "/verify") { _, _, _ in .init(200) }
        fake.on("POST", "\(Self.path)/commit/main") { _, _, _ in
            .init(200, [:], Data("{\"commitUrl\": \"https://hub/commit/1\", \"commitOid\": \"abc\"}".utf8))
        }
        return place
    }

    private func push(
        _ place: Place, to name: String = "ada/e2e", isPrivate: Bool = false, baseModel: String? = nil,
        _ variables: [String: String] = ["HF_TOKEN": "hf_secret"]
    ) async throws -> HubCommit {
        try await place.hub(variables).push(
            adapter: place.folder.appendingPathComponent("adapter"), to: HubReference(name), isPrivate: isPrivate,
            baseModel: baseModel, message: "A prefix")
    }

    /// What a request's body says.
    private func body(_ place: Place, _ ending: String) throws -> String {
        let request = try #require(place.fake.server.requests.first { $0.path.hasSuffix(ending) })
        return String(decoding: request.body, as: UTF8.self)
    }

    private struct Line: Decodable {
        struct Value: Decodable {
            var path: String?
            var content: String?
        }
        var value: Value
    }

    /// The lines of the commit, by the path of the file.
    private func commit(_ place: Place) throws -> [String: String] {
        var lines: [String: String] = [:]
        for line in try body(place, "/commit/main").split(separator: "\n") {
            let path = try JSONDecoder().decode(Line.self, from: Data(line.utf8)).value.path
            lines[path ?? "header"] = String(line)
        }
        return lines
    }

    /// The contents of a file in a line.
    private func text(_ line: String?) throws -> String {
        let data = Data(try #require(line).utf8)
        let line = try JSONDecoder().decode(Line.self, from: data)
        let content = try #require(line.value.content)
        return String(decoding: try #require(Data(base64Encoded: content)), as: UTF8.self)
    }

    @Test func inOnePiece() async throws {
        let place = try makePlace()
        let result = try await push(place)
        #expect(
            result
                == HubCommit(
                    url: "https://hub/commit/1", commit: "abc",
                    files: ["README.md", "adapter_config.json", "adapter_model.safetensors"]))
        #expect(
            place.fake.server.requests.map { "\($0.method) \($0.path)" } == [
                "POST /api/repos/create", "POST \(Self.path)/preupload/main",
                "POST /ada/e2e.git/info/lfs/objects/batch",
                "POST /verify", "POST \(Self.path)/commit/main",
            ])
        #expect(place.fake.server.requests.allSatisfy { $0.headers["authorization"] == "Bearer hf_secret" })
        // Failed once; the token is not for the other host.
        #expect(place.fake.storage.requests.map(\.target) == ["/whole?sig=1", "/whole?sig=1"])
        #expect(
            place.fake.storage.requests.allSatisfy { $0.body == Self.weights && $0.headers["authorization"] == nil })

        let oid = ContentDigest.sha256(Self.weights)
        #expect(try body(place, "/create") == #"{"name":"e2e","organization":"ada"}"#)
        #expect(
            try body(place, "/batch")
                == #"{"hash_algo":"sha256","objects":[{"oid":"\#(oid)","size":2500}],"operation":"upload","#
                + #""ref":{"name":"main"},"transfers":["basic","multipart"]}"#)
        let request = place.fake.server.requests.first { $0.path.hasSuffix("/batch") }
        #expect(request?.headers["accept"] == "application/vnd.git-lfs+json")
        #expect(try body(place, "/verify") == #"{"oid":"\#(oid)","size":2500}"#)
        let sample = Self.weights.prefix(512).base64EncodedString()
        #expect(
            try body(place, "/preupload/main")
                .hasSuffix(#"{"path":"adapter_model.safetensors","sample":"\#(sample)","size":2500}]}"#))

        let lines = try commit(place)
        #expect(lines.count == 4)
        #expect(lines["header"] == #"{"key":"header","value":{"description":"","summary":"A prefix"}}"#)
        #expect(
            lines["adapter_model.safetensors"]
                == #"{"key":"lfsFile","value":{"algo":"sha256","oid":"\#(oid)","path":"adapter_model.safetensors","size":2500}}"#
        )
        #expect(lines["adapter_config.json"]?.hasPrefix(#"{"key":"file","value":{"content":""#) == true)
        #expect(try text(lines["adapter_config.json"]) == Self.configuration)
        #expect(place.fake.server.requests.last?.headers["content-type"] == "application/x-ndjson")
    }

    @Test func inParts() async throws {
        let place = try makePlace(chunk: 1000)
        _ = try await push(place)
        #expect(place.fake.storage.requests.map(\.target) == ["/part/1?sig=1", "/part/2?sig=1", "/part/3?sig=1"])
        #expect(place.fake.storage.requests.map(\.body.count) == [1000, 1000, 500])
        #expect(place.fake.storage.requests.reduce(Data()) { $0 + $1.body } == Self.weights)
        #expect(place.fake.storage.requests.allSatisfy { $0.headers["authorization"] == nil })
        let oid = ContentDigest.sha256(Self.weights)
        let parts = (1...3).map { #"{"etag":"\"etag-\#($0)\"","partNumber":\#($0)}"# }.joined(separator: ",")
        #expect(try body(place, "/complete") == #"{"oid":"\#(oid)","parts":[\#(parts)]}"#)
    }

    @Test func whatIsThereAlreadyIsNotUploaded() async throws {
        let known = [
            "adapter_model.safetensors": ContentDigest.sha256(Self.weights),
            "adapter_config.json": ContentDigest.gitBlob(Data(Self.configuration.utf8)),
        ]
        var place = try makePlace(known: known)
        #expect(try await push(place).files == ["README.md"])
        #expect(place.fake.storage.requests.isEmpty)
        #expect(try commit(place).keys.sorted() == ["README.md", "header"])

        let card = "# Mine\n"
        place = try makePlace(known: known.merging(["README.md": ContentDigest.gitBlob(Data(card.utf8))]) { $1 })
        try Data(card.utf8).write(to: place.folder.appendingPathComponent("adapter/README.md"))
        let result = try await push(place)
        #expect(result == HubCommit(url: "\(place.fake.server.address())/ada/e2e", commit: nil, files: []))
        #expect(place.fake.server.requests.count == 2)
    }

    @Test func theModelCard() async throws {
        let place = try makePlace()
        let summary = """
            {"method": "prefix", "model": "/home/ada/gpt2", "steps": 100, "tokens": 12345, "stored_parameters": 122880,
             "last_loss": 1.25, "settings": {"learning_rate": 8e-05, "batch_size": 10, "seed": 101, "other": {}},
             "details": {"task": "e2e", "command": "train --data /home/ada/secret", "data": "/home/ada/secret"}}
            """
        try Data(summary.utf8).write(to: place.folder.appendingPathComponent("adapter/summary.json"))
        _ = try await push(place)
        let card = try text(commit(place)["README.md"])
        #expect(
            card.hasPrefix(
                """
                ---
                base_model: gpt2-base
                library_name: peft
                pipeline_tag: text-generation
                tags:
                - prefix-tuning
                - prefixtune
                ---

                # e2e

                A prefix of 5 virtual positions for [gpt2-base](https://huggingface.co/gpt2-base), in PEFT's file layout.

                """))
        #expect(card.contains("prefixtune generate --model gpt2-base --prefix ada/e2e --prompt"))
        #expect(card.contains("model = PeftModel.from_pretrained(model, \"ada/e2e\")"))
        #expect(card.contains("\ntokens = model.generate(**inputs, max_new_tokens=100, use_cache=False)\n"))
        #expect(card.contains(" served --to llama-slot --model MODEL.gguf   # or llama-session, mlx\n"))
        #expect(card.contains("\n`use_cache=False` is needed with transformers 5.24, "))
        for row in [
            "| task | e2e |", "| steps | 100 |", "| learning rate | 8e-05 |", "| last loss per token (nats) | 1.25 |",
        ] {
            #expect(card.contains(row), "\(row)")
        }
        #expect(!card.contains("secret") && !card.contains("/home/ada"))
    }

    @Test(
        arguments: [
            ("/home/ada/gpt2", nil, nil), ("/home/ada/gpt2", "openai/gpt2", "openai/gpt2"),
            ("gpt2", "openai/gpt2", "openai/gpt2"),
            ("/c/hub/models--openai--gpt2/snapshots/0123456789abcdef0123456789abcdef01234567", nil, "openai/gpt2"),
        ] as [(String, String?, String?)])
    func noPathOfThisMachineIsPublished(recorded: String, given: String?, expected: String?) async throws {
        let place = try makePlace(
            configuration: #"{"peft_type": "LORA", "r": 8, "base_model_name_or_path": "\#(recorded)"}"#)
        _ = try await push(place, baseModel: given)
        let lines = try commit(place)
        let sent = try text(lines["adapter_config.json"]).filter { !$0.isWhitespace }
        let name = expected.map { "\"\($0)\"" } ?? "null"
        #expect(sent == "{\"base_model_name_or_path\":\(name),\"peft_type\":\"LORA\",\"r\":8}")
        let card = try text(lines["README.md"])
        #expect(card.contains("base_model: \(expected ?? "")") == (expected != nil))
        #expect(!card.contains("/home") && !card.contains("snapshots"))
    }

    @Test func privateOnABranch() async throws {
        let place = try makePlace()
        for ending in ["preupload", "commit"] {
            place.fake.on("POST", "\(Self.path)/\(ending)/new%2Fbranch") { _, _, _ in
                .init(
                    200, [:],
                    Data(
                        #"{"files": [{"path": "README.md", "uploadMode": "regular"}, {"path": "adapter_config.json", "uploadMode": "regular"}, {"path": "adapter_model.safetensors", "uploadMode": "regular"}]}"#
                            .utf8))
            }
        }
        place.fake.on("POST", "\(Self.path)/branch/new%2Fbranch") { _, _, attempt in .init(attempt == 0 ? 200 : 409) }
        let first = try await push(place, to: "ada/e2e@new/branch", isPrivate: true)
        #expect(first.files.count == 3)
        #expect(try body(place, "/create") == #"{"name":"e2e","organization":"ada","visibility":"private"}"#)
        // Both are there by now.
        place.fake.on("POST", "/api/repos/create") { _, _, _ in .init(409) }
        _ = try await push(place, to: "ada/e2e@new/branch", isPrivate: true)
    }

    @Test func aTokenThatMayWriteButNotCreate() async throws {
        let place = try makePlace()
        place.fake.on("POST", "/api/repos/create") { _, _, _ in .init(403, ["X-Error-Message": "no"]) }
        await #expect(throws: HubError.forbidden(repository: "ada/e2e", message: "no")) { try await push(place) }
        place.fake.on("GET", Self.path) { _, _, _ in .init(200, [:], Data("{}".utf8)) }
        #expect(try await push(place).commit == "abc")
    }

    @Test func whatCannotBeUploaded() async throws {
        let place = try makePlace()
        await #expect(throws: HubError.noToken) { try await push(place, [:]) }
        await #expect(throws: HubError.self) { try await push(place, to: "e2e") }
        await #expect(throws: HubError.self) { try await push(place, ["HF_TOKEN": "x", "HF_HUB_OFFLINE": "1"]) }
        try FileManager.default.removeItem(at: place.folder.appendingPathComponent("adapter/adapter_model.safetensors"))
        await #expect {
            try await push(place)
        } throws: { "\($0)".contains("there is no adapter_model.safetensors in it") }
        #expect(place.fake.server.requests.isEmpty)
    }

    @Test func aCommitThatFails() async throws {
        let place = try makePlace()
        place.fake.on("POST", "\(Self.path)/commit/main") { _, _, _ in
            .init(500, [:], Data(#"{"error": "base_model is odd"}"#.utf8))
        }
        await #expect {
            try await push(place)
        } throws: { "\($0)".contains("answered with status 500 (base_model is odd)") }
        // A commit is not sent twice.
        #expect(place.fake.server.requests.filter { $0.path.hasSuffix("/commit/main") }.count == 1)
    }
}
