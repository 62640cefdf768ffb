import Foundation
import Testing

/// What users of other programs look for in generate.
@Suite struct AnswerOptionsTests {
    private struct Line: Decodable, Equatable {
        struct Token: Decodable, Equatable {
            var token_id: Int32
            var token: String
            var logprob: Float
        }

        struct Answer: Decodable, Equatable {
            var text: String
            var token_ids: [Int32]
        }

        var prompt, text: String
        var token_ids: [Int32]
        var logprobs: [Float]?
        var top_logprobs: [[Token]]?
        var answers: [Answer]?
    }

    private func line(_ workspace: Workspace, _ prompt: String, _ more: String...) async throws -> Line {
        let result = try await Tool.run(
            ["generate", "--model", "model", "--prompt", prompt, "--max-new-tokens", "24", "--json"] + more,
            in: workspace)
        #expect(result.code == 0, "\(result.errors)")
        return try JSONDecoder().decode(Line.self, from: Data(result.output.utf8))
    }

    @Test(arguments: [[], ["--beams", "3"]])
    func stopTexts(_ search: [String]) async throws {
        let workspace = try Workspace()
        func line(_ more: String...) async throws -> Line {
            let result = try await Tool.run(
                ["generate", "--model", "model", "--prompt", "the cat", "--max-new-tokens", "24", "--json"] + search
                    + more,
                in: workspace)
            #expect(result.code == 0, "\(result.errors)")
            return try JSONDecoder().decode(Line.self, from: Data(result.output.utf8))
        }
        let whole = try await line()
        let middle = whole.text.index(whole.text.startIndex, offsetBy: whole.text.count / 2)
        let stop = String(whole.text[middle...].prefix(3))
        let cut = try await line("--stop", "- no such text", "--stop", stop)
        if search.isEmpty {
            let start = try #require(whole.text.range(of: stop)).lowerBound
            #expect(cut.text == String(whole.text[..<start]) && whole.token_ids.starts(with: cut.token_ids))
            #expect(cut.token_ids.count < whole.token_ids.count)
        }
        #expect(!cut.text.contains(stop))
    }

    @Test func answersAndLogProbabilities() async throws {
        let workspace = try Workspace()
        let sample = ["--sample", "--seed", "4"]
        let one = try await line(workspace, "a dog", sample[0], sample[1], sample[2])
        let three = try await line(workspace, "a dog", sample[0], sample[1], sample[2], "--answers", "3")
        #expect(one.answers == nil && three.answers?.count == 3)
        #expect(three.text == one.text && three.answers?[0].token_ids == one.token_ids)
        #expect(Set(three.answers?.map(\.token_ids) ?? []).count == 3)
        let beams = try await line(workspace, "a dog", "--beams", "4", "--answers", "4", "--logprobs", "0")
        #expect(Set(beams.answers?.map(\.token_ids) ?? []).count == 4)
        #expect(beams.logprobs?.count == beams.token_ids.count && beams.top_logprobs == nil)
        let greedy = try await line(workspace, "a dog", "--logprobs", "2")
        #expect(greedy.logprobs?.count == greedy.token_ids.count)
        #expect(greedy.top_logprobs?.map { $0[0].token_id } == greedy.token_ids)
        #expect(greedy.top_logprobs?.map { $0[0].logprob } == greedy.logprobs)
        #expect(greedy.top_logprobs?.allSatisfy { $0.count == 2 && $0[0].logprob >= $0[1].logprob } == true)
        // Before temperature: the distribution is the same.
        let cold = try await line(
            workspace, "a dog", "--logprobs", "2", "--sample", "--top-k", "1", "--temperature", "0.2")
        #expect(cold == greedy)
        let texts = try await Tool.run(
            ["generate", "--model", "model", "--prompt", "a dog", "--max-new-tokens", "24", "--answers", "3"] + sample,
            in: workspace)
        #expect(texts.output == (three.answers ?? []).map(\.text).joined(separator: "\n\n") + "\n")
    }

    @Test func contrastiveSearch() async throws {
        let workspace = try Workspace()
        let usual = try await line(workspace, "a dog", "--penalty-alpha", "0.6")
        let stated = try await line(workspace, "a dog", "--penalty-alpha", "0.6", "--top-k", "4")
        #expect(usual == stated)
        let others = try await line(workspace, "a dog", "--penalty-alpha", "0.9", "--top-k", "8", "--logprobs", "0")
        #expect(others.token_ids != usual.token_ids && others.logprobs?.count == others.token_ids.count)
        let greedy = try await line(workspace, "a dog"),
            none = try await line(workspace, "a dog", "--penalty-alpha", "0")
        #expect(none == greedy)
        func refusal(_ more: String...) async throws -> String {
            let result = try await Tool.run(["generate", "--model", "model", "--prompt", "a"] + more, in: workspace)
            #expect(result.code == 2)
            return result.errors
        }
        #expect(
            try await refusal("--top-k", "4").contains(
                "--top-k has no meaning without --sample or --penalty-alpha; add one of them or leave it out."))
        #expect(
            try await refusal("--penalty-alpha", "0.6", "--sample").contains(
                "--penalty-alpha and --sample exclude each other"))
        #expect(
            try await refusal("--penalty-alpha", "0.6", "--beams", "4").contains(
                "--penalty-alpha and the options of beam search exclude each other"))
        #expect(
            try await refusal("--penalty-alpha", "2").contains(
                "--penalty-alpha is 2.0, but must be between 0 (the most probable token) and 1."))
        #expect(
            try await refusal("--penalty-alpha", "0.6", "--top-k", "1").contains(
                "--top-k is 1, but must be between 2 and 256 in contrastive search."))
        #expect(
            try await refusal("--penalty-alpha", "0.6", "--answers", "2").contains(
                "--answers is 2, but must be 1 in contrastive search, which draws nothing"))
    }

    @Test func badWordsAndPenalties() async throws {
        let workspace = try Workspace()
        let plain = try await line(workspace, "the cat")
        let word = String(try #require(plain.text.split(separator: " ").first { $0.allSatisfy(\.isLetter) }))
        let without = try await line(workspace, "the cat", "--bad-words", word)
        #expect(!without.text.split(separator: " ").contains(Substring(word)) && without.text != plain.text)
        let fresh = try await line(workspace, "the cat", "--presence-penalty", "2", "--frequency-penalty", "2")
        let stale = try await line(workspace, "the cat", "--presence-penalty", "-2", "--frequency-penalty", "-2")
        #expect(Set(fresh.token_ids).count > Set(stale.token_ids).count)
    }

    @Test func promptsOnStandardInput() async throws {
        let workspace = try Workspace()
        try workspace.write("the cat\n", to: "prompt.txt")
        let arguments = ["generate", "--model", "model", "--max-new-tokens", "8", "--json", "--prompt"]
        let found = try await Tool.start(arguments + ["-"], in: workspace, input: workspace["prompt.txt"]).result()
        let given = try await Tool.run(arguments + ["the cat\n"], in: workspace)
        #expect(found.code == 0 && found.output == given.output)
        try await workspace.makePrefix()
        let side = try await Tool.start(
            [
                "compare", "--model", "model", "--prefixes", "prefix", "--json", "--max-new-tokens", "2", "--prompt",
                "-",
            ],
            in: workspace, input: workspace["prompt.txt"]
        ).result()
        #expect(side.output.contains("\"prompt\":\"the cat\\n\""), "\(side.errors)")
        try Data([0x61, 0xff]).write(to: workspace["prompt.txt"])
        let bad = try await Tool.start(arguments + ["-"], in: workspace, input: workspace["prompt.txt"]).result()
        #expect(bad.code == 1)
        #expect(bad.errors == "Error: the prompt on standard input is not UTF-8 text; convert it\n")
    }

    @Test func emptyPrompts() async throws {
        let workspace = try Workspace()
        try await workspace.makePrefix()
        for more in [[], ["--prefix", "prefix"]] {
            let empty = try await Tool.run(
                ["generate", "--model", "model", "--prompt", "", "--max-new-tokens", "8"] + more, in: workspace)
            let mark = try await Tool.run(
                ["generate", "--model", "model", "--prompt", "<|endoftext|>", "--max-new-tokens", "8"] + more,
                in: workspace)
            #expect(empty.code == 0 && empty.output == mark.output && !empty.output.isEmpty, "\(empty.errors)")
        }
        try workspace.write(#"{"prompt": "", "completion": " sat."}"# + "\n", to: "data.jsonl")
        let score = try await Tool.run(["score", "--model", "model", "--data", "data.jsonl"], in: workspace)
        try workspace.write(#"{"prompt": "<|endoftext|>", "completion": " sat."}"# + "\n", to: "marked.jsonl")
        let marked = try await Tool.run(["score", "--model", "model", "--data", "marked.jsonl"], in: workspace)
        #expect(score.code == 0 && score.output == marked.output, "\(score.errors)")
        let train = try await Tool.run(workspace.train("run"), in: workspace)
        #expect(train.code == 0, "\(train.errors)")

        // A model that names no token to begin with.
        for name in ["config.json", "tokenizer_config.json"] {
            let file = workspace["model/\(name)"]
            guard let data = try? Data(contentsOf: file),
                var keys = try JSONSerialization.jsonObject(with: data) as? [String: Any]
            else { continue }
            for key in ["bos_token_id", "bos_token"] where keys[key] != nil { keys[key] = NSNull() }
            try JSONSerialization.data(withJSONObject: keys).write(to: file)
        }
        let sentence =
            "line 1: the prompt is empty, and the model names no token that begins a text (bos_token_id); give at least one "
            + "character, because the first token of the completion is predicted from the token before it\n"
        let refused = try await Tool.run(["generate", "--model", "model", "--prompt", ""], in: workspace)
        #expect(refused.code == 1 && refused.errors == "Error: --prompt, \(sentence)")
        try workspace.write("{\"prompt\": \"\", \"completion\": \" sat.\"}\n", to: "data.jsonl")
        let untrained = try await Tool.run(workspace.train("other"), in: workspace)
        #expect(untrained.code == 1 && untrained.errors.hasSuffix(sentence), "\(untrained.errors)")

        // Nor does it need one where the tokenizer puts a token before every text.
        try workspace.write(
            #"{"bos_token": "<|endoftext|>", "eos_token": "<|endoftext|>", "add_bos_token": true}"#,
            to: "model/tokenizer_config.json")
        let begun = try await Tool.run(["score", "--model", "model", "--data", "data.jsonl"], in: workspace)
        #expect(begun.code == 0 && begun.output == score.output, "\(begun.errors)")
    }

    /// The place to write to, by its own name and by links.
    @Test func outputsThatAreInputs() async throws {
        let workspace = try Workspace()
        try await workspace.makePrefix()
        let files = FileManager.default
        try files.createSymbolicLink(at: workspace["soft.jsonl"], withDestinationURL: workspace["data.jsonl"])
        try files.linkItem(at: workspace["data.jsonl"], to: workspace["hard.jsonl"])
        try files.createSymbolicLink(at: workspace["same-prefix"], withDestinationURL: workspace["prefix"])
        let before = try workspace.snapshot()
        let model = ["--model", "model"], answered = ["--max-new-tokens", "2"]
        var cases: [[String]] = []
        for output in ["data.jsonl", "./data.jsonl", "soft.jsonl", "hard.jsonl"] {
            cases.append(["generate", "--input", "data.jsonl", "--output", output] + model + answered)
            cases.append(["score", "--data", "data.jsonl", "--output", output] + model)
            cases.append(
                ["compare", "--input", "data.jsonl", "--prefixes", "prefix", "--output", output] + model + answered)
            cases.append(["compare", "--input", "data.jsonl", "--prefixes", "prefix", "--report", output] + model)
            cases.append(["attention", "--input", "data.jsonl", "--prefix", "prefix", "--report", output] + model)
        }
        cases.append(["generate", "--input", "data.jsonl", "--output", "model/model.safetensors"] + model + answered)
        cases.append(
            ["generate", "--prompt", "x", "--prefix", "prefix", "--output", "prefix/adapter_config.json"] + model
                + answered)
        cases.append(["convert", "prefix", "same-prefix", "--to", "peft"])
        cases.append(["convert", "prefix/adapter_model.safetensors", "prefix", "--to", "peft"])
        cases.append(["combine", "prefix", "prefix", "--output", "same-prefix"])
        cases.append(["train", "--method", "fine-tune", "--data", "data.jsonl", "--output", "./model"] + model)
        for arguments in cases {
            let result = try await Tool.run(arguments, in: workspace)
            #expect(result.code == 1, "\(arguments)")
            #expect(
                result.errors.hasSuffix(
                    "names as well and which would be overwritten; name another place to write to\n"),
                "\(arguments): \(result.errors)")
            #expect(try workspace.snapshot() == before, "\(arguments)")
        }
    }
}
