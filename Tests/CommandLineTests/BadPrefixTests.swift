import Foundation
import Testing

/// Adapters that do not belong to the model or are damaged.
@Suite struct BadPrefixTests {
    private static let file = "prefix/adapter_model.safetensors"

    private func refusal(
        _ workspace: Workspace, sourceLocation: SourceLocation = #_sourceLocation
    ) async throws -> String {
        let before = try workspace.snapshot()
        var sentences: Set<String> = []
        for command in [
            ["generate", "--prefix", "prefix", "--prompt", "x"],
            ["score", "--prefix", "prefix", "--data", "data.jsonl", "--output", "scores.jsonl"],
            ["train", "--init", "adapter:prefix", "--data", "data.jsonl", "--output", "run", "--steps", "1"],
        ] {
            let result = try await Tool.run(command + ["--model", "model"], in: workspace)
            #expect(result.code == 1, sourceLocation: sourceLocation)
            #expect(result.output == "", sourceLocation: sourceLocation)
            #expect(try workspace.snapshot() == before, sourceLocation: sourceLocation)
            sentences.insert(result.errors.replacingOccurrences(of: workspace.folder.path, with: "FOLDER"))
        }
        #expect(sentences.count == 1, "\(sentences)", sourceLocation: sourceLocation)
        return sentences.first ?? ""
    }

    @Test func ofAModelOfOtherSizes() async throws {
        let workspace = try Workspace()
        try await workspace.makePrefix()
        try FileManager.default.removeItem(at: workspace["model"])
        try Workspace.makeModel(layers: 3, in: workspace["model"])
        #expect(
            try await refusal(workspace)
                == "Error: the prefix belongs to a model of 2 layers with 6 key heads of width 8, but this one has 3 "
                + "layers with 6 key heads of width 8; name the model that the prefix was trained on\n")
    }

    @Test func withoutFiles() async throws {
        let workspace = try Workspace()
        #expect(
            try await refusal(workspace)
                == "Error: prefix is neither a folder here nor complete in the hub's cache, and HF_HUB_OFFLINE is set; unset "
                + "it to fetch the model\n")
        try FileManager.default.createDirectory(at: workspace["prefix"], withIntermediateDirectories: true)
        #expect(
            try await refusal(workspace)
                == "Error: FOLDER/prefix/adapter_config.json: there is no such file; name the folder that holds the "
                + "adapter\n")
        try await workspace.makePrefix()
        try FileManager.default.removeItem(at: workspace[Self.file])
        #expect(try await refusal(workspace) == "Error: cannot read FOLDER/\(Self.file): No such file or directory\n")
    }

    @Test func ofAnotherKind() async throws {
        let workspace = try Workspace()
        try FileManager.default.createDirectory(at: workspace["prefix"], withIntermediateDirectories: true)
        try workspace.write(#"{"peft_type": "LORA"}"#, to: "prefix/adapter_config.json")
        #expect(
            try await refusal(workspace)
                == "Error: FOLDER/prefix/adapter_config.json: an adapter of type LORA was found, but a prefix is needed here "
                + "(a LoRA adapter is given with --lora, a bottleneck adapter with --adapter)\n")
    }

    @Test func truncated() async throws {
        let workspace = try Workspace()
        try await workspace.makePrefix()
        try Tampering.truncate(workspace[Self.file], by: 1)
        #expect(try await refusal(workspace).hasPrefix("Error: FOLDER/\(Self.file) is "))
    }

    @Test func ofNumbersThatAreNone() async throws {
        let workspace = try Workspace()
        try await workspace.makePrefix()
        try Tampering.overwrite(workspace[Self.file], at: -4, with: [0, 0, 0x80, 0x7f])
        #expect(
            try await refusal(workspace)
                == "Error: tensor \"prompt_embeddings\" of FOLDER/\(Self.file) holds inf at element 575; "
                + "the weights are damaged or training diverged, so use another checkpoint\n")
    }
}
