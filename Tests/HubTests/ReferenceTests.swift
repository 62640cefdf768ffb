import Foundation
import Testing

@testable import Hub

/// Names on the hub, by the rules of the Python client.
@Suite struct ReferenceTests {
    @Test(arguments: [
        ("gpt2", "gpt2", "main"), ("org/name", "org/name", "main"), ("org/name@v1.0", "org/name", "v1.0"),
        ("Foo-BAR_foo.bar123", "Foo-BAR_foo.bar123", "main"), ("a/b@refs/pr/4", "a/b", "refs/pr/4"),
        ("_a/b_", "_a/b_", "main"),
    ])
    func validNames(text: String, repository: String, revision: String) throws {
        let reference = try HubReference(text)
        #expect(reference.repository == repository)
        #expect(reference.revision == revision)
        #expect(reference.description == text)
    }

    @Test(arguments: [
        "", "a/b/c", "foo--bar", "a..b", "foo.git", ".repo", "repo-", "a b", "café", "/a", "a/", "-a/b", "a/b@", "a@..",
        "a@refs/../x", "a@/etc", "a@x//y", "a@x y", "a@x\u{7f}", String(repeating: "a", count: 97),
    ])
    func invalidNames(text: String) {
        #expect { try HubReference(text) } throws: { error in
            if case .invalidName = error as? HubError { "\(error)".contains("org/name@revision") } else { false }
        }
    }

    @Test func foldersAreLocal() throws {
        for text in ["/x", "./x", "../x", "~/x", ".", "..", ""] { #expect(HubReference.isLocal(text)) }
        // Folders and files in the working folder, where the name is that of a repository as well.
        for name in try FileManager.default.contentsOfDirectory(atPath: ".") { #expect(HubReference.isLocal(name)) }
        #expect(!HubReference.isLocal("gpt2-that-is-not-here"))
        #expect(!HubReference.isLocal("org/name"))
    }

    @Test func aCommitIsFortyHexDigits() throws {
        #expect(try HubReference("a@0123456789abcdef0123456789abcdef01234567").isCommit)
        #expect(try !HubReference("a@0123456789ABCDEF0123456789abcdef01234567").isCommit)
        #expect(try !HubReference("a@0123456").isCommit)
    }

    @Test func snapshotsAreRecognised() {
        let commit = "0123456789abcdef0123456789abcdef01234567"
        func name(_ path: String) -> String? { HubCache.repository(ofSnapshot: URL(fileURLWithPath: path)) }
        #expect(name("/x/hub/models--org--name/snapshots/\(commit)") == "org/name")
        #expect(name("/x/hub/models--gpt2/snapshots/\(commit)/") == "gpt2")
        #expect(name("/x/hub/datasets--gpt2/snapshots/\(commit)") == nil)
        #expect(name("/x/hub/models--gpt2/snapshots/main") == nil)
        #expect(name("/snapshots/\(commit)") == nil)
    }

    @Test func onlyOneFormatIsChosen() {
        let small = ["config.json", "tokenizer.json"]
        func choose(_ names: String...) -> [String] { HubFiles.usable.choose(from: small + names) }
        #expect(
            choose("model.safetensors", "pytorch_model.bin", "tf_model.h5", "model.fp16.safetensors")
                == ["config.json", "model.safetensors", "tokenizer.json"])
        #expect(
            choose("pytorch_model.bin", "onnx/model.onnx", "vocab.txt")
                == ["config.json", "pytorch_model.bin", "tokenizer.json", "vocab.txt"])
        #expect(
            choose(
                "model.safetensors.index.json", "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors",
                "consolidated.safetensors", "pytorch_model.bin")
                == [
                    "config.json", "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors",
                    "model.safetensors.index.json", "tokenizer.json",
                ])
        #expect(
            choose("pytorch_model.bin.index.json", "pytorch_model-00001-of-00001.bin")
                == [
                    "config.json", "pytorch_model-00001-of-00001.bin", "pytorch_model.bin.index.json", "tokenizer.json",
                ])
        #expect(
            HubFiles.usable.choose(from: ["adapter_config.json", "adapter_model.safetensors", "adapter_model.bin"])
                == ["adapter_config.json", "adapter_model.safetensors"])
        #expect(choose("flax_model.msgpack", "sub/model.safetensors").isEmpty)
    }

    @Test("what an adapter answers is uploaded and fetched with it")
    func taskRecordsTravel() throws {
        #expect(
            HubFiles.usable.choose(from: [
                "adapter_config.json", "adapter_model.safetensors", "prefixtune_task.json", "x.json",
            ])
                == ["adapter_config.json", "adapter_model.safetensors", "prefixtune_task.json"])
        let place = try Place()
        for (name, text) in [
            ("adapter_config.json", #"{"peft_type": "LORA"}"#), ("adapter_model.safetensors", "x"),
            ("prefixtune_task.json", #"{"task": "e2e"}"#), ("summary.json", "{}"),
        ] { try Data(text.utf8).write(to: place.folder.appendingPathComponent(name)) }
        let files = try AdapterFolder(place.folder, baseModel: nil).files(as: "ada/e2e")
        #expect(
            files.map(\.path)
                == ["README.md", "adapter_config.json", "adapter_model.safetensors", "prefixtune_task.json"])
        #expect(files.last.map { String(decoding: $0.contents, as: UTF8.self) } == #"{"task": "e2e"}"#)
    }

    @Test func adaptersOfOtherProgramsAreChosen() {
        func choose(_ names: String...) -> [String] { HubFiles.usable.choose(from: names) }
        #expect(
            choose("adapter_config.json", "pytorch_adapter.bin", "head_config.json", "pytorch_model_head.bin")
                == ["adapter_config.json", "pytorch_adapter.bin"])
        #expect(
            choose("config.json", "pytorch_model.bin", "smileface_suffix.task0.weight")
                == ["config.json", "pytorch_model.bin", "smileface_suffix.task0.weight"])
        #expect(choose("cache_last.pt", "config.yaml", "optimizer.pt") == ["cache_last.pt"])
        #expect(choose("gpt2_md_lora_e2e.pt", "README.md") == ["gpt2_md_lora_e2e.pt"])
        #expect(choose("a.pt", "b.pt").isEmpty)
        #expect(choose("config.json", "consolidated.safetensors").isEmpty)
    }
}
