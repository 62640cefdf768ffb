import Foundation
import TestSupport
import Testing

@testable import Hub

/// Ollama's store: a manifest names a blob.
@Suite("Ollama's store") struct OllamaTests {
    private static let digest = String(repeating: "0a", count: 32)

    private func withStore(_ body: (URL, [String: String]) throws -> Void) throws {
        let store = FileManager.default.temporaryDirectory.appendingPathComponent("ollama-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: store) }
        func write(_ path: String, _ text: String) throws {
            let file = store.appendingPathComponent(path)
            try FileManager.default.createDirectory(
                at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data(text.utf8).write(to: file)
        }
        let manifest = """
            {"schemaVersion": 2, "layers": [
              {"mediaType": "application/vnd.ollama.image.license", "digest": "sha256:1", "size": 1},
              {"mediaType": "application/vnd.ollama.image.model", "digest": "sha256:\(Self.digest)", "size": 4}]}
            """
        for path in [
            "registry.ollama.ai/library/gemma3/270m", "registry.ollama.ai/me/mine/latest", "hf.co/org/x/Q4_K_M",
        ] {
            try write("manifests/\(path)", manifest)
        }
        try write("manifests/registry.ollama.ai/library/broken/latest", "{")
        try write(
            "manifests/registry.ollama.ai/library/hostile/latest",
            manifest.replacingOccurrences(of: Self.digest, with: "../../x"))
        try write(
            "manifests/registry.ollama.ai/library/adapted/latest",
            manifest.replacingOccurrences(of: "image.license", with: "image.adapter"))
        try write("blobs/sha256-\(Self.digest)", "GGUF")
        try body(store, ["OLLAMA_MODELS": store.path])
    }

    @Test func namesAreFound() throws {
        try withStore { store, variables in
            for name in ["gemma3:270m", "me/mine", "me/mine:latest", "hf.co/org/x:Q4_K_M"] {
                let file = try OllamaModel(name).file(variables, home: "/nowhere")
                #expect(file.path == store.appendingPathComponent("blobs/sha256-\(Self.digest)").path)
                #expect(ModelReference("ollama:\(name)").description == "ollama:\(name)")
            }
        }
    }

    @Test func whatIsNotThereIsSaid() throws {
        try withStore { store, variables in
            func reason(_ name: String) -> String? {
                do {
                    _ = try OllamaModel(name).file(variables, home: "/nowhere")
                    return nil
                } catch { return "\(error)" }
            }
            #expect(
                reason("gemma3")
                    == "cannot find ollama:gemma3: there is no manifests/registry.ollama.ai/library/gemma3/latest in "
                    + "\(store.path); fetch it with ollama pull gemma3, or set OLLAMA_MODELS to the folder of the store"
            )
            #expect(reason("broken")?.hasSuffix("library/broken/latest is no manifest that can be read") == true)
            #expect(reason("adapted")?.contains("it is a model with an adapter") == true)
            #expect(reason("hostile")?.contains("names 1 files of weights, where one by its SHA-256 is needed") == true)
            for name in ["", "../x", "a/../b", "a/b/c/d", "x:../y", ".x"] {
                #expect(reason(name)?.contains("it is no name of Ollama's") == true, "\(name)")
            }
            try FileManager.default.removeItem(at: store.appendingPathComponent("blobs"))
            #expect(reason("me/mine")?.hasSuffix("is not there; fetch it again with ollama pull me/mine") == true)
        }
    }

    @Test func withoutASettingTheUsersStoreIsLookedAtFirst() {
        #expect {
            _ = try OllamaModel("x").file([:], home: "/nowhere")
        } throws: {
            "\($0)".contains("in /nowhere/.ollama/models or /usr/share/ollama/.ollama/models;")
        }
    }
}

/// GGUF files of a repository.
@Suite("GGUF files on the hub") struct HubGGUFTests {
    private static let paths = [
        "README.md", "model-Q4_K_M.gguf", "model-Q4_K_S.gguf", "model.Q8_0.gguf", "model-IQ4_XS.gguf",
        "big-F16-00001-of-00002.gguf", "big-F16-00002-of-00002.gguf", "Q2_K/deep-Q2_K.gguf", "a-Q5_0.gguf",
        "b-Q5_0.gguf",
        "c-BF16.gguf", "mmproj-BF16.gguf",
    ]

    @Test(arguments: [
        ("Q4_K_M", ["model-Q4_K_M.gguf"]), ("q8_0", ["model.Q8_0.gguf"]), ("model-Q4_K_S.gguf", ["model-Q4_K_S.gguf"]),
        ("F16", ["big-F16-00001-of-00002.gguf", "big-F16-00002-of-00002.gguf"]),
        ("big-F16-00001-of-00002.gguf", ["big-F16-00001-of-00002.gguf", "big-F16-00002-of-00002.gguf"]),
        ("Q2_K", ["Q2_K/deep-Q2_K.gguf"]), ("Q2_K/deep-Q2_K.gguf", ["Q2_K/deep-Q2_K.gguf"]),
        ("K_M", ["model-Q4_K_M.gguf"]), ("Q5_0", []), ("deep-Q2_K.gguf", ["Q2_K/deep-Q2_K.gguf"]),
        ("BF16", ["c-BF16.gguf"]), ("0", []), ("Q3_K", []), ("README.md", []),
    ])
    func choice(file: String, chosen: [String]) {
        #expect(HubFiles.gguf(file).choose(from: Self.paths) == chosen)
    }

    @Test func names() throws {
        let reference = try HubReference("org/name@v1:Q4_K_M")
        #expect((reference.repository, reference.revision, reference.file) == ("org/name", "v1", "Q4_K_M"))
        #expect(reference.description == "org/name@v1:Q4_K_M")
        #expect(
            ModelReference("org/name:model.gguf") == .hub(try HubReference(repository: "org/name", file: "model.gguf")))
        for text in ["org/name:", "org/name:../x", "org/name:/x"] {
            #expect(throws: HubError.self) { _ = try HubReference(text) }
        }
    }

    @Test func sentences() {
        let files = ["x-Q4_0.gguf", "x-Q8_0.gguf"]
        #expect(
            HubError.noUsableFiles(name: "o/x", found: files).description
                == "o/x has GGUF files (x-Q4_0.gguf, x-Q8_0.gguf); name one behind a colon, by its whole name or its quantisation: "
                + "o/x:Q4_K_M")
        #expect(
            HubError.noUsableFiles(name: "o/x:Q5_0", found: files).description
                == "o/x has no single GGUF file \"Q5_0\" (it has x-Q4_0.gguf, x-Q8_0.gguf); name one of its files behind the colon"
        )
    }
}
