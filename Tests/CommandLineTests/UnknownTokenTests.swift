import Foundation
import TestSupport
import Testing

/// Tokenizers may have tokens that the model has no embedding of, and models an end token that lies beyond their vocabulary.
@Suite struct UnknownTokenTests {
    /// A workspace whose tokenizer has one token more than the model.
    private func workspace() throws -> Workspace {
        let workspace = try Workspace()
        let file = workspace["model/tokenizer.json"]
        var document = try JSONSerialization.jsonObject(with: Data(contentsOf: file)) as? [String: Any] ?? [:]
        let tokens = document["added_tokens"] as? [[String: Any]] ?? []
        let size = (tokens.compactMap { $0["id"] as? Int }.max() ?? 0) + 1
        let token: [String: Any] = [
            "id": size, "content": "<new>", "single_word": false, "lstrip": false, "rstrip": false, "normalized": false,
            "special": false,
        ]
        document["added_tokens"] = tokens + [token]
        try JSONSerialization.data(withJSONObject: document).write(to: file)
        try workspace.write("the <new> cat\n", to: "words.txt")
        try workspace.write(#"{"prompt": "the <new> cat", "completion": " sat"}"# + "\n", to: "new.jsonl")
        return workspace
    }

    @Test(
        "a token without an embedding",
        arguments: [
            ["--init", "words:the <new> cat"], ["--init", "file:words.txt"],
            ["--method", "prompt-tuning", "--init", "words:the <new> cat"],
        ])
    func training(more: [String]) async throws {
        let workspace = try workspace()
        let result = try await Tool.run(
            [
                "train", "--model", "model", "--data", "data.jsonl", "--output", "out", "--steps", "1", "--batch-size",
                "1",
                "--learning-rate", "0.01", "--threads", "1",
            ] + more, in: workspace)
        #expect(result.code == 1 && !result.wasKilled, "\(result.code) \(result.errors)")
        #expect(result.errors.contains("the model's embeddings end at"), "\(result.errors)")
    }

    @Test(
        "in data and prompts",
        arguments: [
            [
                "train", "--data", "new.jsonl", "--output", "out", "--steps", "1", "--batch-size", "1",
                "--learning-rate",
                "0.01",
            ], ["generate", "--prompt", "the <new> cat"],
            ["generate", "--input", "new.jsonl", "--max-new-tokens", "2"],
            ["score", "--data", "new.jsonl"],
        ])
    func data(arguments: [String]) async throws {
        let workspace = try workspace()
        let command = [arguments[0], "--model", "model", "--threads", "1"] + arguments.dropFirst()
        let result = try await Tool.run(command, in: workspace)
        #expect(result.code == 1 && !result.wasKilled, "\(result.code) \(result.errors)")
        #expect(result.errors.contains("558"), "\(result.errors)")
    }

    @Test("an end token beyond the vocabulary is never written")
    func endToken() async throws {
        let workspace = try Workspace()
        let file = workspace["model/config.json"]
        var configuration = try JSONSerialization.jsonObject(with: Data(contentsOf: file)) as? [String: Any] ?? [:]
        configuration["eos_token_id"] = 50256
        try JSONSerialization.data(withJSONObject: configuration).write(to: file)
        let result = try await Tool.run(
            ["generate", "--model", "model", "--prompt", "the cat", "--threads", "1", "--max-new-tokens", "5"],
            in: workspace)
        #expect(result.code == 0, "\(result.errors)")
        #expect(!result.output.isEmpty)
    }
}
