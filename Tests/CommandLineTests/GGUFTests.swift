import Foundation
import TestSupport
import Testing

/// GGUF files on the command line.
@Suite("Commands on GGUF files") struct GGUFTests {
    private static func file(_ name: String) -> String {
        Fixtures.goldens.appendingPathComponent("gguf/\(name).gguf").path
    }
    private static let widening =
        "The integers of blocks.gguf are widened to 32 bits; --precision stored keeps them, in a fraction of the memory, and is faster.\n"

    @Test("inspect says what a file is") func inspect() async throws {
        let workspace = try Workspace()
        let result = try await Tool.run(["inspect", Self.file("blocks")], in: workspace)
        #expect(result.code == 0, "\(result.errors)")
        for line in [
            "  architecture   Llama, 2 layers, 4 query and 2 key heads of width 16",
            "stored as F32, ", "  chat template  yes",
        ] { #expect(result.output.contains(line), "\(line) in \(result.output)") }
        let named = try await Tool.run(["inspect", Self.file("qwen2")], in: workspace)
        #expect(named.output.contains("name           tiny qwen2\n") && named.output.contains("architecture   Qwen2, "))
    }

    @Test("answers, scores and prefixes come from a file as from a folder") func commands() async throws {
        let workspace = try Workspace(), model = Self.file("blocks")
        func run(_ arguments: String...) async throws -> Tool.Result {
            let result = try await Tool.run(arguments, in: workspace)
            #expect(result.code == 0, "\(arguments.joined(separator: " ")): \(result.errors)")
            return result
        }
        let widened = try await run(
            "generate", "--model", model, "--prompt", "ABC", "--raw-prompt", "--max-new-tokens", "4", "--beams", "1")
        #expect(widened.errors.contains(Self.widening), "\(widened.errors)")
        let kept = try await run(
            "generate", "--model", model, "--precision", "stored", "--prompt", "ABC", "--raw-prompt",
            "--max-new-tokens", "4", "--beams", "1")
        #expect(!kept.errors.contains("widened"))
        try workspace.write(#"{"prompt": "AB", "completion": "CD"}"# + "\n", to: "own.jsonl")
        _ = try await run(
            "train", "--model", model, "--precision", "stored", "--data", "own.jsonl", "--steps", "2",
            "--prefix-length", "2",
            "--output", "prefix")
        // The model is remembered, whatever form it has.
        let scored = try await run("score", "--prefix", "prefix", "--data", "own.jsonl")
        #expect(scored.output.contains("\"logprobs\":["))
    }

    @Test("a folder of several files, and files that cannot be read, are said to be so") func refusals() async throws {
        let workspace = try Workspace()
        try FileManager.default.createDirectory(at: workspace["many"], withIntermediateDirectories: true)
        for name in ["a", "b"] {
            try FileManager.default.copyItem(
                at: URL(fileURLWithPath: Self.file("qwen2")), to: workspace["many/\(name).gguf"])
        }
        let many = try await Tool.run(["inspect", "many"], in: workspace)
        #expect(many.code != 0)
        #expect(
            many.errors.contains(
                "cannot read \(workspace["many"].path): it holds several models (a.gguf, b.gguf); give the file of one")
        )
        try FileManager.default.removeItem(at: workspace["many/b.gguf"])
        #expect(try await Tool.run(["inspect", "many"], in: workspace).code == 0)
        try Data("GGUF".utf8).write(to: workspace["cut.gguf"])
        let cut = try await Tool.run(
            ["generate", "--model", "cut.gguf", "--prompt", "x", "--max-new-tokens", "1"], in: workspace)
        #expect(cut.code != 0 && cut.errors.contains("cut.gguf is not a valid GGUF file: it ends at byte 4"))
        let absent = try await Tool.run(
            ["generate", "--model", "ollama:no-such-model", "--prompt", "x", "--max-new-tokens", "1"], in: workspace)
        #expect(absent.code != 0 && absent.errors.contains("cannot find ollama:no-such-model: there is no manifests/"))
    }
}
