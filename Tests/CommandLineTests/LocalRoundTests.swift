import Foundation
import PrefixTuning
import Testing

/// One round of a client: what comes in is started from, and one line says what came of it.
@Suite struct LocalRoundTests {
    private struct Mean: Decodable {
        var loss, perplexity: Double
        var tokens, examples: Int
    }

    @Test(arguments: [
        ["--method", "prefix", "--reparametrization", "none", "--prefix-length", "3"],
        ["--method", "prompt-tuning", "--prefix-length", "3"], ["--method", "adapter", "--bottleneck", "3"],
        ["--method", "lora", "--lora-rank", "2", "--freeze", "lora_A"],
        ["--method", "top-layers", "--top-layers", "1"],
    ])
    func twoRounds(_ form: [String]) async throws {
        let workspace = try Workspace()
        try workspace.write(try workspace.text("data.jsonl"), to: "held.jsonl")
        func round(_ output: String, _ more: [String]) async throws -> TrainingRound {
            let result = try await Tool.run(
                [
                    "train", "--model", "model", "--data", "data.jsonl", "--validation", "held.jsonl", "--output",
                    output,
                    "--steps", "4", "--batch-size", "2", "--learning-rate", "0.01", "--threads", "1", "--summary-only",
                ] + more, in: workspace)
            #expect(result.code == 0, "\(result.errors)")
            // One line and nothing else.
            #expect(result.output.hasSuffix("}\n") && result.output.count(where: { $0 == "\n" }) == 1)
            return try JSONDecoder().decode(TrainingRound.self, from: Data(result.output.utf8))
        }
        let first = try await round("first", form + ["--proximal", "0.1"])
        // The form comes with the adapter, but for what it does not hold.
        let kept =
            form.contains("none")
            ? ["--reparametrization", "none"] : form.contains("lora") ? Array(form.suffix(2)) : []
        let next = try await round(
            "next",
            Array(form.prefix(2)) + kept + ["--init", "adapter:first"]
                + (form.contains("top-layers") ? ["--top-layers", "1"] : []))
        #expect(first.loss_on == .validation && first.loss_after ?? 9 < first.loss_before ?? 0)
        #expect(next.loss_before == first.loss_after && next.loss_after ?? 9 < next.loss_before ?? 0)
        #expect(first.examples == next.examples && first.target_tokens == next.target_tokens && first.bytes > 0)
        // The same loss without training.
        let option: [String] =
            switch form[1] {
            case "lora": ["--model", "model", "--lora", "next"]
            case "adapter": ["--model", "model", "--adapter", "next"]
            case "top-layers": ["--model", "next"]
            default: ["--model", "model", "--prefix", "next"]
            }
        let result = try await Tool.run(
            ["score", "--data", "held.jsonl", "--mean", "--threads", "1"] + option, in: workspace)
        #expect(result.code == 0 && result.output.count(where: { $0 == "\n" }) == 1, "\(result.errors)")
        let mean = try JSONDecoder().decode(Mean.self, from: Data(result.output.utf8))
        #expect(abs(mean.loss - (next.loss_after ?? 0)) < 1e-5 * mean.loss)
        #expect(mean.tokens == next.target_tokens && mean.examples == next.examples)
        #expect(abs(mean.perplexity - exp(mean.loss)) < 1e-9 * mean.perplexity)
    }

    @Test func whatCannotBeStartedFrom() async throws {
        let workspace = try Workspace()
        try await workspace.makePrefix()
        for (method, says) in [
            ("lora", "an adapter of type PREFIX_TUNING was found, but the method lora cannot start from one"),
            ("fine-tune", "an adapter of type PREFIX_TUNING was found, but the method fine-tune cannot start from one"),
        ] {
            let result = try await Tool.run(
                [
                    "train", "--model", "model", "--data", "data.jsonl", "--output", "out", "--steps", "2", "--method",
                    method,
                    "--init", "adapter:prefix",
                ], in: workspace)
            #expect(result.code == 1 && result.errors.contains(says), "\(result.errors)")
        }
        let missing = try await Tool.run(
            [
                "train", "--model", "model", "--data", "data.jsonl", "--output", "out", "--steps", "2", "--method",
                "adapter",
                "--init", "adapter:nowhere",
            ], in: workspace)
        #expect(missing.code == 1 && missing.errors.contains("nowhere"), "\(missing.errors)")
    }
}
