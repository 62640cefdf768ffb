import Foundation
import TestSupport
import Testing

/// `pull` and `push` as processes, against a hub on loopback.
@Suite struct HubTests {
    private func variables(_ fake: FakeHub, _ workspace: Workspace) -> [String: String] {
        [
            "HF_ENDPOINT": fake.server.address(), "HF_HOME": workspace["home"].path, "HF_TOKEN": "hf_secret",
            "HF_HUB_OFFLINE": "0",
        ]
    }

    /// A busy machine may come back to a test long after it began to wait: the client must not give up before.
    private static let patience = ["HF_HUB_DOWNLOAD_TIMEOUT": "240"]

    private func pull(_ fake: FakeHub, _ workspace: Workspace, _ more: [String: String] = [:]) throws -> Tool.Running {
        try Tool.start(
            ["pull", fake.golden.repository], in: workspace,
            environment: variables(fake, workspace).merging(more) { $1 })
    }

    private func folder(_ fake: FakeHub, _ workspace: Workspace) -> URL {
        workspace["home/hub/models--tiny-org--tiny-model/snapshots/\(fake.golden.commit)"]
    }

    private func expectWhole(_ fake: FakeHub, _ workspace: Workspace) throws {
        for name in fake.golden.wanted {
            let file = folder(fake, workspace).appendingPathComponent(name)
            #expect(try Data(contentsOf: file) == fake.golden.files[name]?.contents, "\(name)")
        }
        let blobs = workspace["home/hub/models--tiny-org--tiny-model/blobs"].path
        let names = try FileManager.default.contentsOfDirectory(atPath: blobs)
        #expect(names.sorted() == fake.golden.wanted.compactMap { fake.golden.files[$0]?.etag }.sorted())
    }

    @Test func pullPrintsTheFolder() async throws {
        let fake = try FakeHub(), workspace = try Workspace()
        let result = try await pull(fake, workspace).result()
        #expect(result.code == 0)
        #expect(result.output == folder(fake, workspace).path + "\n")
        // No bar where nobody looks.
        #expect(result.errors == "")
        try expectWhole(fake, workspace)

        fake.server.stop()
        let again = try await pull(fake, workspace).result()
        #expect(again.code == 0 && again.output == result.output)
        #expect(again.errors.hasSuffix("; using the cached copy of tiny-org/tiny-model\n"), "\(again.errors)")
        let offline = try await pull(fake, workspace, ["HF_HUB_OFFLINE": "1"]).result()
        #expect(offline.code == 0 && offline.output == result.output && offline.errors == "")
    }

    @Test func whatWasFetchedIsListedAndRemoved() async throws {
        let fake = try FakeHub(), workspace = try Workspace(), environment = variables(fake, workspace)
        func run(_ arguments: String...) async throws -> Tool.Result {
            try await Tool.start(arguments, in: workspace, environment: environment).result()
        }
        let cache = workspace["home/hub"].path
        let nothing = try await run("list")
        #expect(nothing.code == 0 && nothing.output == "" && nothing.errors == "nothing in \(cache)\n")
        #expect(try await pull(fake, workspace).result().code == 0)
        let bytes = fake.golden.wanted.compactMap { fake.golden.files[$0]?.contents.count }.reduce(0, +)
        struct Facts: Decodable { var name, kind: String; var bytes: Int; var revisions: [String] }
        let facts = try JSONDecoder().decode([Facts].self, from: Data(try await run("ls", "--json").output.utf8))
        #expect(facts.map(\.name) == ["tiny-org/tiny-model"] && facts[0].kind == "model")
        #expect(facts[0].revisions == ["main"] && facts[0].bytes >= bytes && facts[0].bytes < bytes + 20_000)
        #expect(try await run("list").output.hasPrefix("tiny-org/tiny-model  model "))

        let wrong = try await run("remove", "tiny-org/tiny-model", "tiny-org/tiny-modle")
        #expect(
            wrong.code == 1
                && wrong.errors
                    == "Error: tiny-org/tiny-modle is not in \(cache); did you mean tiny-org/tiny-model?\n"
        )
        #expect(FileManager.default.fileExists(atPath: folder(fake, workspace).path))
        let removed = try await run("rm", "tiny-org/tiny-model")
        #expect(removed.code == 0 && removed.errors.hasPrefix("removed tiny-org/tiny-model, "), "\(removed.errors)")
        #expect(!FileManager.default.fileExists(atPath: workspace["home/hub/models--tiny-org--tiny-model"].path))
        let again = try await run("rm", "tiny-org/tiny-model")
        #expect(
            again.errors == "Error: tiny-org/tiny-model is not in \(cache); prefixtune list shows what is\n")
    }

    @Test func aTrialOfAnUploadShowsWhatWouldBeSent() async throws {
        let workspace = try Workspace()
        #expect(try await Tool.run(workspace.train("run"), in: workspace).code == 0)
        let result = try await Tool.run(
            ["push", "run", "ada/run", "--base-model", "openai/gpt2", "--dry-run"], in: workspace)
        #expect(result.code == 0, "\(result.errors)")
        let lines = result.output.split(separator: "\n", omittingEmptySubsequences: false)
        #expect(lines[0].hasPrefix("README.md  ") && lines[1].hasPrefix("adapter_config.json  "))
        #expect(lines[2].hasPrefix("adapter_model.safetensors  ") && lines[3].hasPrefix("prefixtune_task.json  "))
        #expect(lines[4] == "" && lines[5] == "---")
        #expect(result.output.contains("max_new_tokens=100, use_cache=False)"))
    }

    @Test func twoAtOnceFetchOnce() async throws {
        let fake = try FakeHub(), workspace = try Workspace()
        let running = try (0..<3).map { _ in try pull(fake, workspace) }
        for process in running {
            let result = try await process.result()
            #expect(result.code == 0 && result.output == folder(fake, workspace).path + "\n", "\(result.errors)")
        }
        #expect(fake.storage.requests.count == 1)
        try expectWhole(fake, workspace)
    }

    @Test func killedAndBegunAgain() async throws {
        let fake = try FakeHub(), workspace = try Workspace()
        let etag = try #require(fake.golden.files["model.safetensors"]).etag
        fake.on("GET", etag) { _, usual, attempt in
            var reply = usual
            if attempt == 0 { reply.fault = .stallsAfter(1500) }
            return reply
        }
        let first = try pull(fake, workspace, Self.patience)
        let partial = workspace["home/hub/models--tiny-org--tiny-model/blobs/\(etag).incomplete"]
        while first.process.isRunning, (try? Data(contentsOf: partial))?.count != 1500 {
            try await Task.sleep(for: .milliseconds(2))
        }
        kill(first.process.processIdentifier, SIGKILL)
        #expect(try await first.result().wasKilled)
        let second = try await pull(fake, workspace).result()
        #expect(second.code == 0, "\(second.errors)")
        #expect(fake.storage.requests.map { $0.headers["range"] } == [nil, "bytes=1500-"])
        try expectWhole(fake, workspace)
    }

    @Test func sentencesForWhatFails() async throws {
        let fake = try FakeHub(), workspace = try Workspace()
        fake.on("GET", "/revision/main") { _, _, _ in .init(401, ["X-Error-Code": "GatedRepo"]) }
        let gated = try await pull(fake, workspace).result()
        #expect(gated.code == 1 && gated.output == "")
        #expect(
            gated.errors
                == "Error: access to tiny-org/tiny-model is granted on request; ask for it on the model's page on the hub, "
                + "for the account of your token\n")
        let offline = try await pull(fake, workspace, ["HF_HUB_OFFLINE": "1"]).result()
        #expect(offline.code == 1)
        #expect(
            offline.errors
                == "Error: tiny-org/tiny-model is neither a folder here nor complete in the hub's cache, and HF_HUB_OFFLINE "
                + "is set; unset it to fetch the model\n")
        let name = try await Tool.start(
            ["pull", "a/b/c"], in: workspace, environment: variables(fake, workspace)
        ).result()
        #expect(name.code == 2 && name.errors.contains("it has more than one \"/\""), "\(name.errors)")
    }

    @Test(.enabled(if: SmallDisk.isPossible, "no file system can be mounted here"))
    func aFullDiskAndOneThatIsReadOnly() async throws {
        let fake = try FakeHub(), workspace = try Workspace()
        fake.on("HEAD", "model.safetensors") { _, usual, _ in
            var reply = usual
            reply.headers["X-Linked-Size"] = "1000000"
            return reply
        }
        try await SmallDisk.with(kilobytes: 512, in: workspace, named: "home") { disk in
            let full = try await pull(fake, workspace).result()
            #expect(full.code == 1)
            #expect(
                full.errors.contains("1.0 MB are needed in ") && full.errors.contains("; free some space"),
                "\(full.errors)")
            #expect(fake.storage.requests.isEmpty)
            fake.on("HEAD", "model.safetensors") { _, usual, _ in usual }
            #expect(try await pull(fake, workspace).result().code == 0)

            #expect(disk.makeReadOnly())
            let cached = try await pull(fake, workspace).result()
            #expect(cached.code == 0 && cached.output == folder(fake, workspace).path + "\n", "\(cached.errors)")
            fake.on("GET", "/revision/main") { _, _, _ in
                .init(200, [:], Data("{\"sha\": \"\(String(repeating: "a", count: 40))\"}".utf8))
            }
            fake.on("GET", "/tree/\(String(repeating: "a", count: 40))") { _, _, _ in
                .init(200, [:], Data("[{\"type\": \"file\", \"path\": \"model.safetensors\", \"size\": 1}]".utf8))
            }
            fake.on("HEAD", "model.safetensors") { _, _, _ in
                .init(200, ["X-Repo-Commit": String(repeating: "a", count: 40), "ETag": "\"x\""])
            }
            let new = try await pull(fake, workspace).result()
            #expect(new.code == 1)
            #expect(new.errors.contains("set HF_HOME to a folder that you may write in"), "\(new.errors)")
        }
    }

    /// Puts a folder into the cache as the files of a repository.
    private func cache(_ folder: String, as repository: String, in workspace: Workspace) throws {
        let commit = String(repeating: "b", count: 40)
        let root = workspace["home/hub/models--\(repository.replacingOccurrences(of: "/", with: "--"))"]
        for name in ["refs", "snapshots"] {
            try FileManager.default.createDirectory(
                at: root.appendingPathComponent(name), withIntermediateDirectories: true)
        }
        try Data(commit.utf8).write(to: root.appendingPathComponent("refs/main"))
        try FileManager.default.copyItem(
            at: workspace[folder], to: root.appendingPathComponent("snapshots/\(commit)"))
    }

    @Test func everyCommandTakesNames() async throws {
        let workspace = try Workspace(), home = ["HF_HOME": workspace["home"].path]
        func run(_ arguments: [String]) async throws -> Tool.Result {
            let result = try await Tool.start(arguments, in: workspace, environment: home).result()
            #expect(result.code == 0, "\(arguments[0]): \(result.errors)")
            return result
        }
        try cache("model", as: "tiny/model", in: workspace)
        var training = workspace.train("prefix")
        training[2] = "tiny/model"
        _ = try await run(training)
        let configuration = try workspace.text("prefix/adapter_config.json")
        #expect(configuration.contains("\"tiny/model\"") || configuration.contains("\"tiny\\/model\""))
        #expect(!configuration.contains("snapshots"))
        try cache("prefix", as: "tiny/prefix", in: workspace)

        let prompt = ["--prompt", "the cat", "--max-new-tokens", "8"]
        let byName = try await run(["generate", "--model", "tiny/model", "--prefix", "tiny/prefix"] + prompt)
        let byFolder = try await run(["generate", "--model", "model", "--prefix", "prefix"] + prompt)
        #expect(byName.output == byFolder.output && !byName.output.isEmpty)
        let file = try await run(
            ["generate", "--model", "model", "--prefix", "prefix/adapter_model.safetensors"] + prompt)
        #expect(file.output == byFolder.output)
        let train = ["train", "--model", "tiny/model", "--data", "data.jsonl", "--steps", "1", "--output"]
        for command in [
            ["score", "--data", "data.jsonl", "--model", "tiny/model", "--prefix", "tiny/prefix"],
            ["inspect", "tiny/prefix"], ["inspect", "tiny/model"],
            ["convert", "tiny/prefix", "out", "--model", "tiny/model", "--to", "peft"],
            train + ["again", "--init", "adapter:tiny/prefix"], train + ["tuned", "--method", "fine-tune"],
        ] {
            _ = try await run(command)
        }
    }

    @Test func aNameThatIsNowhere() async throws {
        let fake = try FakeHub(), workspace = try Workspace()
        let arguments = ["generate", "--model", "modle", "--prompt", "x"]
        func errors() async throws -> String {
            let result = try await Tool.start(
                arguments, in: workspace, environment: variables(fake, workspace)
            ).result()
            #expect(result.code == 1 && result.output == "")
            return result.errors
        }
        #expect(
            try await errors()
                == "Error: there is no folder modle here, and the hub has no model modle that your token may see; check "
                + "the name\n")
        fake.server.stop()
        #expect(
            try await errors()
                == "Error: there is no folder modle here, nor a copy in the hub's cache, and 127.0.0.1:\(fake.server.port) "
                + "cannot be reached: the connection was refused; check the name, or the connection (and HF_ENDPOINT) if it "
                + "is a model on the hub\n")
    }

    @Test func interruptedWhileFetching() async throws {
        let fake = try FakeHub(), workspace = try Workspace()
        let etag = try #require(fake.golden.files["model.safetensors"]).etag
        fake.on("GET", etag) { _, usual, _ in
            var reply = usual
            reply.fault = .stallsAfter(1500)
            return reply
        }
        let running = try pull(fake, workspace, Self.patience)
        while running.process.isRunning, fake.storage.requests.isEmpty { try await Task.sleep(for: .milliseconds(2)) }
        kill(running.process.processIdentifier, SIGINT)
        let result = try await running.result()
        #expect(result.code == SIGINT && result.wasKilled && result.output == "")
        #expect(result.errors == "Error: interrupted before the results were complete; run the command again\n")
        #expect(!fake.storage.gaveUp)
    }

    @Test func pushSaysWhereItIs() async throws {
        let fake = try FakeHub(), workspace = try Workspace()
        try FileManager.default.createDirectory(at: workspace["adapter"], withIntermediateDirectories: true)
        try workspace.write(#"{"peft_type": "PREFIX_TUNING"}"#, to: "adapter/adapter_config.json")
        try workspace.write("weights", to: "adapter/adapter_model.safetensors")
        fake.on("POST", "/create") { _, _, _ in .init(409) }
        fake.on("POST", "/preupload/main") { _, _, _ in
            let files = ["README.md", "adapter_config.json", "adapter_model.safetensors"]
            let list = files.map { "{\"path\": \"\($0)\", \"uploadMode\": \"regular\"}" }.joined(separator: ",")
            return .init(200, [:], Data("{\"files\": [\(list)]}".utf8))
        }
        fake.on("POST", "/commit/main") { _, _, _ in .init(200, [:], Data(#"{"commitUrl": "http://hub/1"}"#.utf8)) }
        let arguments = ["push", "adapter", "ada/e2e", "--private"]
        let result = try await Tool.start(
            arguments, in: workspace, environment: variables(fake, workspace)
        ).result()
        #expect(result.code == 0 && result.output == "http://hub/1\n" && result.errors == "", "\(result.errors)")
        #expect(fake.server.requests.count == 3)
        let without = try await Tool.start(
            arguments, in: workspace, environment: variables(fake, workspace).merging(["HF_TOKEN": ""]) { $1 }
        ).result()
        #expect(without.code == 1)
        #expect(
            without.errors == "Error: uploading needs an access token with write permission; set HF_TOKEN\n")
    }
}
