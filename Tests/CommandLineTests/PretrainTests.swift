import Foundation
import Testing

/// Text in, tokenizer and model out: how the embedded model was made.
@Suite struct PretrainTests {
    private let shape = [
        "--vocabulary-size", "400", "--layers", "2", "--row-length", "32", "--batch-size", "1", "--megatokens",
        "0.0004",
    ]

    @Test func makesAModelThatTheOtherCommandsRead() async throws {
        let workspace = try Workspace()
        let synthesis = try await Tool.run(
            ["synthesize", "--megabytes", "0.05", "--output", "text.jsonl"], in: workspace)
        #expect(synthesis.code == 0, "\(synthesis.errors)")
        try workspace.write("A title\nSome text.\n\nAnother title\nMore of it.\n", to: "background.txt")
        // One row per step: some steps have background text only.
        let arguments =
            ["pretrain", "--text", "text.jsonl", "--background", "background.txt", "--output", "base"] + shape
        let training = try await Tool.run(arguments, in: workspace)
        #expect(training.code == 0, "\(training.errors)")
        let log = String(decoding: try Data(contentsOf: workspace["base/training-log.jsonl"]), as: UTF8.self)
        #expect(log.split(separator: "\n").count == 12)
        #expect(log.contains("\"copy\":"))
        let answer = try await Tool.run(
            ["generate", "--model", "base", "--prompt", "name", "--max-new-tokens", "3"], in: workspace)
        #expect(answer.code == 0, "\(answer.errors)")

        let before = try workspace.snapshot("base")
        let again = try await Tool.run(arguments, in: workspace)
        #expect(again.code == 1)
        #expect(again.errors.contains("it already holds a model (config.json); choose another folder"))
        #expect(try workspace.snapshot("base") == before)
    }

    @Test func aRateThatIsTooHighStopsTheRun() async throws {
        let workspace = try Workspace()
        try workspace.write("Some text to learn.\n\nAnd some more of it.\n", to: "text.txt")
        let result = try await Tool.run(
            ["pretrain", "--text", "text.txt", "--output", "base", "--learning-rate", "1e38", "--warmup", "0"] + shape,
            in: workspace)
        #expect(result.code == 1)
        #expect(result.errors.contains("training diverged at step "), "\(result.errors)")
    }

    @Test(arguments: [
        ["--stop-after", "0"], ["--batch-size", "0"], ["--row-length", "1"], ["--row-length", "300"],
        ["--background-share", "1.5"], ["--megatokens", "0"],
    ])
    func refusesSettingsWithoutMeaning(_ option: [String]) async throws {
        let workspace = try Workspace()
        let result = try await Tool.run(["pretrain", "--text", "x", "--output", "base"] + option, in: workspace)
        #expect(result.code == 2)
        #expect(result.errors.contains("\(option[0]) is "), "\(result.errors)")
    }
}
