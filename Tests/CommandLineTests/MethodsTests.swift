import Foundation
import Testing

/// The methods that a prefix is compared with, and what is done with two prefixes or two systems, from the command line.
@Suite struct MethodsTests {
    /// Arguments of a short training run.
    private func train(_ output: String, _ method: String, _ more: String...) -> [String] {
        [
            "train", "--model", "model", "--data", "data.jsonl", "--output", output, "--steps", "4", "--batch-size",
            "2", "--learning-rate", "0.01", "--threads", "1", "--method", method,
        ] + more
    }

    @Test(arguments: ["top-layers", "adapter", "lora", "prompt-tuning", "p-tuning", "embedding-only", "infix"])
    func everyMethodTrainsAndGenerates(_ method: String) async throws {
        let workspace = try Workspace()
        let whole = try await Tool.run(train("whole", method), in: workspace)
        #expect(whole.code == 0, "\(whole.errors)")
        let file = method == "top-layers" ? "model.safetensors" : "adapter_model.safetensors"
        #expect(FileManager.default.fileExists(atPath: workspace["whole/\(file)"].path))
        let use: [String] =
            switch method {
            case "top-layers": ["--model", "whole"]
            case "adapter": ["--model", "model", "--adapter", "whole"]
            case "lora": ["--model", "model", "--lora", "whole"]
            default: ["--model", "model", "--prefix", "whole"]
            }
        let text = try await Tool.run(
            ["generate"] + use + ["--prompt", "name : Blue", "--max-new-tokens", "3"], in: workspace)
        #expect(text.code == 0, "\(text.errors)")
        let inspected = try await Tool.run(["inspect", "whole"], in: workspace)
        let lines = inspected.output.split(separator: "\n").map { $0.split(separator: " ") }
        #expect(inspected.code == 0 && lines.contains(["method", Substring(method)]), "\(inspected.errors)")
    }

    @Test func lowRankWithAllThatPEFTKeepsBesideIt() async throws {
        let workspace = try Workspace()
        let whole = try await Tool.run(
            train(
                "whole", "lora", "--dora", "--lora-bias", "all", "--lora-targets", "c_attn", "lm_head",
                "--lora-dropout",
                "0.1", "--modules-to-save", "ln_f", "wte"), in: workspace)
        #expect(whole.code == 0, "\(whole.errors)")
        let configuration = try String(contentsOf: workspace["whole/adapter_config.json"], encoding: .utf8)
        for line in ["\"bias\" : \"all\"", "\"use_dora\" : true", "\"ln_f\",\n    \"wte\""] {
            #expect(configuration.contains(line), "\(configuration)")
        }
        var texts: Set<String> = []
        for more in [[], ["--merge-lora"]] {
            let text = try await Tool.run(
                ["generate", "--model", "model", "--lora", "whole", "--prompt", "name : Blue", "--max-new-tokens", "3"]
                    + more, in: workspace)
            #expect(text.code == 0, "\(text.errors)")
            texts.insert(text.output)
        }
        #expect(texts.count == 1)
        let other = try await Tool.run(train("other", "lora", "--modules-to-save", "nothing"), in: workspace)
        #expect(
            other.code == 1 && other.errors.contains("no module of the model ends in \"nothing\"; choose among"),
            "\(other.errors)")
        #expect(!FileManager.default.fileExists(atPath: workspace["other"].path))
    }

    @Test func optionsOfOtherMethodsAreRefused() async throws {
        let workspace = try Workspace()
        for (arguments, message) in [
            (
                ["lora", "--bottleneck", "3"],
                "--bottleneck or --placement has no meaning with --method lora; leave it out."
            ),
            (["adapter", "--lora-rank", "3"], "A LoRA option has no meaning with --method adapter; leave it out."),
            (["adapter", "--dora"], "A LoRA option has no meaning with --method adapter; leave it out."),
            (["prefix", "--lora-bias", "all"], "A LoRA option has no meaning with --method prefix; leave it out."),
            (["infix", "--modules-to-save", "wte"], "A LoRA option has no meaning with --method infix; leave it out."),
            (["lora", "--prefix-length", "3"], "A prefix option has no meaning with --method lora; leave it out."),
            (
                ["top-layers", "--precision", "int8"],
                "--method top-layers changes the weights: --precision must be f32."
            ),
            (["p-tuning", "--init", "words:a b"], "--method p-tuning starts from random values; leave --init out."),
            (
                ["infix", "--init", "words:a b"],
                "--method infix starts from random values or adapter:DIR; leave --init out."
            ),
            (
                ["fine-tune", "--init", "random"],
                "--method fine-tune starts from the model's own weights or those of adapter:DIR; leave --init out."
            ),
            (["prefix", "--freeze", "lora_A"], "A LoRA option has no meaning with --method prefix; leave it out."),
            (["lora", "--proximal", "-1"], "--proximal is -1.0, but a number from 0 on is needed."),
            (["lora", "--proximal", "inf"], "--proximal is inf, but a number from 0 on is needed."),
            (["lora", "--summary-only", "--dry-run"], "--summary-only is of one run: leave out --dry-run."),
            (["infix", "--text-at-zero"], "A prefix option has no meaning with --method infix; leave it out."),
        ] {
            let result = try await Tool.run(
                ["train", "--model", "model", "--data", "x", "--output", "y", "--method"] + arguments, in: workspace)
            #expect(result.code == 2 && result.errors.hasPrefix("Error: \(message)\n"), "\(result.errors)")
        }
        let deep = try await Tool.run(train("deep", "top-layers", "--top-layers", "99"), in: workspace)
        #expect(deep.code == 1 && deep.errors.hasPrefix("Error: the number of trained layers is 99"), "\(deep.errors)")
        #expect(!FileManager.default.fileExists(atPath: workspace["deep"].path))
    }

    @Test func twoPrefixesBecomeOne() async throws {
        let workspace = try Workspace()
        try await workspace.makePrefix()
        let mixed = try await Tool.run(
            ["combine", "prefix", "prefix", "--weight", "0.5", "--output", "same"], in: workspace)
        #expect(
            mixed.code == 0 && mixed.errors.hasSuffix("positions, written to \(workspace["same"].path)\n"),
            "\(mixed.errors)")
        #expect(
            try Data(contentsOf: workspace["same/adapter_model.safetensors"])
                == Data(contentsOf: workspace["prefix/adapter_model.safetensors"]))
        let row = try await Tool.run(["combine", "prefix", "same", "--output", "row"], in: workspace)
        #expect(row.code == 0)
        // What both were trained on goes along; what they were not agreed on, or what stood there before, does not.
        let record = try workspace.text("prefix/prefixtune_task.json")
        #expect(try workspace.text("same/prefixtune_task.json") == record)
        try workspace.write(#"{"task": "e2e"}"#, to: "same/prefixtune_task.json")
        let apart = try await Tool.run(["combine", "prefix", "same", "--output", "row"], in: workspace)
        #expect(
            apart.code == 0
                && apart.errors.hasPrefix(
                    "the two were trained on different tasks or templates: the result records none, and is used as --task "
                        + "and --prompt-template say\n"),
            "\(apart.errors)")
        #expect(!FileManager.default.fileExists(atPath: workspace["row/prefixtune_task.json"].path))
        let unequal = try await Tool.run(
            ["combine", "prefix", "row", "--weight", "0.5", "--output", "none"], in: workspace)
        #expect(
            unequal.code == 1 && unequal.errors.hasPrefix("Error: the two prefixes cannot be combined: one has "),
            "\(unequal.errors)")
        let over = try await Tool.run(["combine", "prefix", "same", "--output", "same"], in: workspace)
        #expect(over.code == 1)
        #expect(!FileManager.default.fileExists(atPath: workspace["none"].path))
    }

    @Test func twoSystemsAreCompared() async throws {
        let workspace = try Workspace()
        let references = (0..<30).map { "the \($0) mill is a pub near the river" }
        let blocks = references.joined(separator: "\n\n") + "\n"
        try Data(blocks.utf8).write(to: workspace["references.txt"])
        for (name, words) in [("good.txt", 8), ("bad.txt", 5)] {
            let texts = references.map { $0.split(separator: " ").prefix(words).joined(separator: " ") }
            try Data((texts.joined(separator: "\n") + "\n").utf8).write(to: workspace[name])
        }
        let call = ["evaluate", "--predictions", "good.txt", "--references", "references.txt"]
        let result = try await Tool.run(
            call + ["--bootstrap", "200", "--baseline", "bad.txt", "--json"], in: workspace)
        #expect(result.code == 0, "\(result.errors)")
        struct Report: Decodable {
            struct Score: Decodable {
                var name: String
                var value: Double
                var interval: [Double]?
                var baseline, p_value: Double?
            }
            var scores: [Score]
        }
        let report = try JSONDecoder().decode(Report.self, from: Data(result.output.utf8))
        let ter = try #require(report.scores.first { $0.name == "TER" })
        // One of nine words is missing, or four.
        let baseline = try #require(ter.baseline)
        #expect(abs(ter.value - 100.0 / 9) < 1e-9 && abs(baseline - 400.0 / 9) < 1e-9)
        #expect(try #require(ter.interval).allSatisfy { abs($0 - ter.value) < 1e-9 } && ter.p_value == 1.0 / 201)
        try Data("a\nb\n".utf8).write(to: workspace["short.txt"])
        let short = try await Tool.run(call + ["--baseline", "short.txt"], in: workspace)
        #expect(
            short.code == 1 && short.errors.hasPrefix("Error: 2 texts in ")
                && short.errors.hasSuffix("both systems must answer the same instances, in the same order\n"),
            "\(short.errors)")
    }
}
