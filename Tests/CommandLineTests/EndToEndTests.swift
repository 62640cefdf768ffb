import Foundation
import Testing

/// The commands one after another, as a user runs them.
@Suite struct EndToEndTests {
    private struct Text: Decodable, Equatable {
        let prompt: String
        let text: String
        let token_ids: [Int32]
    }
    private struct Score: Decodable {
        let token_ids: [Int32]
        let logprobs: [Float]
    }

    private func lines<Line: Decodable>(_ type: Line.Type, _ text: String) throws -> [Line] {
        try text.split(separator: "\n").map { try JSONDecoder().decode(Line.self, from: Data($0.utf8)) }
    }

    @Test func trainScoreGenerateEvaluateInspect() async throws {
        let workspace = try Workspace()
        let training = try await Tool.run(
            workspace.train("run", steps: 60, "--validation", "data.jsonl", "--learning-rate", "0.02"), in: workspace)
        #expect(training.code == 0, "\(training.errors)")
        #expect(training.output == "")
        for name in [
            "adapter_config.json", "adapter_model.safetensors", "best/adapter_model.safetensors", "metrics.jsonl",
            "summary.json", "training-state/state.safetensors",
        ] { #expect(FileManager.default.fileExists(atPath: workspace["run/\(name)"].path), "\(name)") }

        // Score: lines on standard output, perplexity on standard error; with --output the other way round.
        let plain = try await Tool.run(["score", "--model", "model", "--data", "data.jsonl"], in: workspace)
        let tuned = ["score", "--model", "model", "--prefix", "run", "--data", "data.jsonl"]
        let score = try await Tool.run(tuned, in: workspace)
        #expect(score.code == 0, "\(score.errors)")
        let scores = try lines(Score.self, score.output)
        #expect(scores.count == 5)  // the third example has two references
        let logprobs = scores.flatMap(\.logprobs)
        #expect(scores.allSatisfy { $0.logprobs.count == $0.token_ids.count && $0.token_ids.last == 0 })
        #expect(logprobs.allSatisfy { $0 < 0 && $0.isFinite })
        let loss = -logprobs.reduce(0) { $0 + Double($1) } / Double(logprobs.count)
        let sentence = String(
            format: "perplexity %.4f (%.4f nats per token) over %d tokens of 5 examples\n", exp(loss), loss,
            logprobs.count)
        #expect(score.errors == sentence)
        #expect(try perplexity(score.errors) < perplexity(plain.errors), "training helps")
        let toFile = try await Tool.run(tuned + ["--output", "scores.jsonl", "--quiet"], in: workspace)
        #expect(toFile.output == sentence && toFile.errors == "")
        #expect(try workspace.text("scores.jsonl") == score.output)

        // Generate: a line per prompt, in order, whatever the batches.
        let generate = [
            "generate", "--model", "model", "--prefix", "run", "--input", "data.jsonl", "--max-new-tokens", "12",
        ]
        let texts = try await Tool.run(generate, in: workspace)
        #expect(texts.code == 0 && texts.errors == "", "\(texts.errors)")
        let answers = try lines(Text.self, texts.output)
        #expect(answers.map(\.prompt) == ["the cat", "a dog", "name : X", "the river"])
        #expect(answers.allSatisfy { (1...12).contains($0.token_ids.count) && !$0.text.contains("<|endoftext|>") })
        for size in ["1", "3"] {
            let other = try await Tool.run(generate + ["--batch-size", size], in: workspace)
            #expect(try lines(Text.self, other.output) == answers)
        }
        let one = try await Tool.run(
            generate[..<5] + ["--prompt", "a dog", "--max-new-tokens", "12"], in: workspace)
        #expect(one.output == answers[1].text + "\n")
        let beams = try await Tool.run(generate + ["--beams", "3", "--output", "texts.jsonl"], in: workspace)
        #expect(beams.code == 0 && beams.output == "")

        // Keys and values in 16 bits: near, and not the same.
        let halves = ["--cache-type", "bf16"]
        let rounded = try await Tool.run(tuned + halves, in: workspace)
        let found = try lines(Score.self, rounded.output).flatMap(\.logprobs)
        #expect(found != logprobs && zip(found, logprobs).allSatisfy { abs($0 - $1) < 0.05 }, "\(rounded.errors)")
        let logged = generate + ["--logprobs", "1"]
        let exactTexts = try await Tool.run(logged, in: workspace)
        let roundedTexts = try await Tool.run(logged + halves, in: workspace)
        #expect(roundedTexts.code == 0 && roundedTexts.output != exactTexts.output)
        let alone = try await Tool.run(logged + halves + ["--batch-size", "1"], in: workspace)
        #expect(alone.output == roundedTexts.output)
        let compared = ["compare", "--model", "model", "--prefixes", "run", "--base", "--prompt", "a dog", "--json"]
        #expect(try await Tool.run(compared + halves, in: workspace).code == 0)
        let looked = try await Tool.run(
            ["attention", "--model", "model", "--prefix", "run", "--input", "data.jsonl", "--json"] + halves,
            in: workspace)
        #expect(looked.code == 0, "\(looked.errors)")

        // Evaluate and inspect.
        let table = try await Tool.run(
            ["evaluate", "--predictions", "texts.jsonl", "--references", "data.jsonl"], in: workspace)
        #expect(table.code == 0, "\(table.errors)")
        #expect(table.output.hasPrefix("4 predictions, 5 references, plain rules\nBLEU "))
        let json = try await Tool.run(
            ["evaluate", "--predictions", "texts.jsonl", "--references", "data.jsonl", "--json"], in: workspace)
        let report = try JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [String: Any]
        #expect(report?["instances"] as? Int == 4 && report?["references"] as? Int == 5)

        let inspection = try await Tool.run(["inspect", "run"], in: workspace)
        #expect(
            inspection.output.hasPrefix(
                """
                Prefix
                  kind            PREFIX_TUNING, as PEFT stores it
                  positions       3
                  for a model of  2 layers with 6 key heads of width 8
                  parameters      576 (3 × 192)
                  text starts     at position 3, after the prefix
                  base model      \(workspace["model"].path)
                """), "\(inspection.output)")
        #expect(inspection.output.contains("step 60 of 60, finished\n"))
        for result in [training, score, toFile, texts, beams, table, json, inspection] {
            let shown = (result.output + result.errors).unicodeScalars
            #expect(!shown.contains { $0.value < 0x20 && $0 != "\n" || $0.value == 0x7f })
        }
    }

    private func perplexity(_ sentence: String) throws -> Double {
        try #require(sentence.split(separator: " ").dropFirst().first.flatMap { Double($0) })
    }

    @Test func samplingDependsOnTheSeedAlone() async throws {
        let workspace = try Workspace()
        func sample(_ seed: String) async throws -> String {
            try await Tool.run(
                [
                    "generate", "--model", "model", "--prompt", "the cat", "--sample", "--seed", seed,
                    "--max-new-tokens", "20",
                ],
                in: workspace
            ).output
        }
        let first = try await sample("1")
        #expect(try await sample("1") == first)
        #expect(try await sample("2") != first)
    }

    @Test func forbiddenTokensDoNotOccur() async throws {
        let workspace = try Workspace()
        let command = ["generate", "--model", "model", "--input", "data.jsonl", "--max-new-tokens", "8"]
        let free = try lines(Text.self, await Tool.run(command, in: workspace).output)
        let used = Set(free.flatMap(\.token_ids))
        let bound = try await Tool.run(command + ["--forbid-ids"] + used.map(String.init), in: workspace)
        #expect(bound.code == 0, "\(bound.errors)")
        let tokens = try lines(Text.self, bound.output).flatMap(\.token_ids)
        #expect(!tokens.isEmpty && used.isDisjoint(with: tokens))
        let unknown = try await Tool.run(command + ["--forbid-ids", "558"], in: workspace)
        #expect(unknown.code == 1)
        #expect(
            unknown.errors
                == "Error: --forbid-ids: token 558 is not in the model's vocabulary of 558 tokens; check that tokenizer and "
                + "model belong together\n")
    }

    @Test func tableTasksGroupEqualSources() async throws {
        let workspace = try Workspace()
        try workspace.write(
            "name : X | Type : pub||The X pub . \nname : Y||Y is here . \nname : X | Type : pub||X is a pub . \n",
            to: "test.txt")
        let texts = try await Tool.run(
            [
                "generate", "--model", "model", "--task", "e2e", "--input", "test.txt", "--max-new-tokens", "6",
                "--output",
                "texts.jsonl",
            ], in: workspace)
        #expect(texts.code == 0, "\(texts.errors)")
        let answers = try lines(Text.self, workspace.text("texts.jsonl"))
        #expect(answers.map(\.prompt) == ["name : X | Type : pub", "name : Y"])
        #expect(answers.allSatisfy { !$0.text.isEmpty && !$0.text.hasPrefix(" ") && !$0.text.contains(" .") })
        let scores = try await Tool.run(
            ["evaluate", "--predictions", "texts.jsonl", "--references", "test.txt", "--task", "e2e"], in: workspace)
        #expect(scores.code == 0, "\(scores.errors)")
        #expect(scores.output.hasPrefix("2 predictions, 3 references, e2e rules\n"))
    }

    @Test func inspectKnowsModelsAndRefusesTheRest() async throws {
        let workspace = try Workspace()
        let model = try await Tool.run(["inspect", "model"], in: workspace)
        #expect(
            model.output == """
                Model
                  architecture  GPT-2, 2 layers, 6 heads of width 8
                  widths        48 (residual stream), 192 (MLP, gelu_new)
                  positions     64
                  vocabulary    558
                  parameters    86,496
                  output head   tied to the token table
                  weights       348.3 kB, stored as F32
                  tokenizer     byte-level BPE, 558 tokens, end of text <|endoftext|> (0)

                """)
        let names =
            "name the folder of a model (config.json), of an adapter (adapter_config.json) or of a training run "
            + "(summary.json)\n"
        try FileManager.default.createDirectory(at: workspace["empty"], withIntermediateDirectories: true)
        for (name, reason) in [
            ("empty", "holds no model, adapter or training run"), ("data.jsonl", "is a file, not a folder"),
            ("./nowhere", "does not exist"),
        ] {
            let result = try await Tool.run(["inspect", name], in: workspace)
            #expect(result.code == 1 && result.output == "")
            #expect(result.errors == "Error: \(workspace[name].standardizedFileURL.path) \(reason); \(names)")
        }
    }
}
