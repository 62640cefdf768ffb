import Foundation
import TestSupport
import Testing
import Tokenizers

/// The commands on stand-ins for published models, prefixes and adapters, each in the files that were published
/// (Tests/Goldens/published), against `transformers` and PEFT in float64.
@Suite struct PublishedTests {
    private struct Text: Decodable {
        let text: String
        let token_ids: [Int32]
    }
    private struct Score: Decodable {
        let token_ids: [Int32]
        let logprobs: [Float]
    }
    private struct Line: Encodable {
        let prompt, completion: String
    }

    /// A model's folder, and the prefix that was published for it.
    nonisolated static let prefixed = [
        ("crumb/base", "crumb/adapter"), ("crumb/base-sharded", "crumb/adapter"),
        ("rinna", "rinna/smileface_suffix.task0.weight"), ("rinna-nf4", "rinna/smileface_suffix.task0.weight"),
        ("rinna-int8", "rinna/smileface_suffix.task0.weight"), ("rinna-awq", "rinna/smileface_suffix.task0.weight"),
    ]

    private func run(_ arguments: [String], in workspace: Workspace) async throws -> Tool.Result {
        let result = try await Tool.run(arguments + ["--threads", "1"], in: workspace)
        #expect(result.code == 0, "\(arguments.joined(separator: " ")): \(result.errors)")
        return result
    }

    private func line<Value: Decodable>(_ type: Value.Type, _ result: Tool.Result) throws -> Value {
        try JSONDecoder().decode(type, from: Data(result.output.utf8))
    }

    private func write(prompt: String, completion: String, in workspace: Workspace) throws {
        try JSONEncoder().encode(Line(prompt: prompt, completion: completion)).write(to: workspace["texts.jsonl"])
    }

    /// The longest part of an answer whose text becomes the same tokens again, after a prompt that does: only such a part
    /// can be scored.
    private func scorable(_ ids: [Int32], after prompt: String, _ tokenizer: Tokenizer) throws -> Range<Int> {
        var longest = 0..<0
        for start in ids.indices {
            let before = Array(ids[..<start])
            let prompted = try tokenizer.encode(prompt + tokenizer.decode(before))
            guard try prompted == tokenizer.encode(prompt) + before else { continue }
            for end in stride(from: ids.count, to: start + longest.count, by: -1) {
                guard try tokenizer.encode(tokenizer.decode(ids[start..<end])) == Array(ids[start..<end]) else {
                    continue
                }
                longest = start..<end
                break
            }
        }
        return longest
    }

    /// Generates with `options`, and scores what was generated.
    ///
    /// - Returns: How many tokens could be scored.
    private func check(
        _ answer: PublishedAnswer, prompt: String, end: Int32, _ options: [String], tokenizer: Tokenizer,
        in workspace: Workspace
    ) async throws -> Int {
        let ids = answer.token_ids, count = (ids.firstIndex(of: end) ?? ids.count - 1) + 1
        try write(prompt: prompt, completion: "", in: workspace)
        let text = try line(
            Text.self,
            await run(
                ["generate", "--input", "texts.jsonl", "--max-new-tokens", "\(ids.count)"] + options, in: workspace))
        #expect(text.token_ids == Array(ids.prefix(count)), "\(options)")
        let part = try scorable(ids, after: prompt, tokenizer)
        guard !part.isEmpty else { return 0 }
        try write(
            prompt: prompt + tokenizer.decode(ids[..<part.lowerBound]), completion: tokenizer.decode(ids[part]),
            in: workspace)
        let score = try line(Score.self, await run(["score", "--data", "texts.jsonl"] + options, in: workspace))
        #expect(score.token_ids == ids[part] + [end])
        #expect(
            relativeError(Array(score.logprobs.dropLast()), Array(answer.logprobs[part])) < 1e-5, "\(options)")
        return part.count
    }

    @Test(arguments: prefixed)
    func answersAfterAPublishedPrefix(model: String, prefix: String) async throws {
        let workspace = try Workspace()
        let expected: PublishedExpectation = try PublishedFiles.decode(
            model.hasPrefix("crumb") ? "crumb/expected.json" : "\(model)/expected.json")
        let texts: PublishedExpectation = try PublishedFiles.decode(
            model.hasPrefix("crumb") ? "crumb/expected.json" : "rinna/expected.json")
        try PublishedFiles.install(model, tokenizer: model.hasPrefix("crumb") ? "crumb/base" : "rinna", in: workspace)
        let tokenizer = try Tokenizer(folder: workspace["published"]), prompt = try #require(texts.prompt)
        let end = try #require(tokenizer.endOfText), place = PublishedFiles.url(prefix).path
        var scored = 0
        for (answer, options) in [
            (expected.without, []), (try #require(expected.with_prefix ?? expected.with_adapter), ["--prefix", place]),
        ] {
            scored += try await check(
                answer, prompt: prompt, end: end, ["--model", "published"] + options, tokenizer: tokenizer,
                in: workspace)
        }
        #expect(scored >= 6, "most tokens of an answer can be scored")
    }

    @Test(arguments: prefixed)
    func trainsFromAPublishedPrefix(model: String, prefix: String) async throws {
        let workspace = try Workspace(), prefix = PublishedFiles.url(prefix).path
        try PublishedFiles.install(model, tokenizer: model.hasPrefix("crumb") ? "crumb/base" : "rinna", in: workspace)
        try write(prompt: "the house", completion: " of the river", in: workspace)
        let training = try await run(
            [
                "train", "--model", "published", "--data", "texts.jsonl", "--output", "run", "--steps", "30",
                "--learning-rate", "0.05", "--schedule", "constant", "--reparametrization", "none",
                "--init", "adapter:\(prefix)",
            ], in: workspace)
        #expect(training.output == "")
        var losses: [Float] = []
        for prefix in [prefix, "run"] {
            let score = try line(
                Score.self,
                await run(
                    ["score", "--model", "published", "--prefix", prefix, "--data", "texts.jsonl"], in: workspace))
            losses.append(-score.logprobs.reduce(0, +))
        }
        #expect(losses[1] < 0.8 * losses[0], "\(losses)")
    }

    @Test(arguments: ["base", "loralib", "peft-gpt2", "peft-llama", "peft-llama-rslora"], [false, true])
    func answersWithALowRankAdapter(name: String, merges: Bool) async throws {
        let workspace = try Workspace(), isLlama = name.contains("llama")
        let expected: PublishedLowRankExpectation = try PublishedFiles.decode("lora/expected.json")
        try PublishedFiles.install(
            isLlama ? "../architectures/llama-plain-old" : "lora/base", tokenizer: nil, in: workspace)
        let tokenizer = try Tokenizer(folder: workspace["published"])
        let adapter = name == "loralib" ? "lora/model.8000.pt" : "lora/\(name)"
        var options = ["--model", "published"]
        if name != "base" {
            options += ["--lora", PublishedFiles.url(adapter).path] + (merges ? ["--merge-lora"] : [])
        }
        let scored = try await check(
            try #require(expected.answers[name]), prompt: tokenizer.decode(expected.prompt_ids), end: isLlama ? 3 : 0,
            options, tokenizer: tokenizer, in: workspace)
        #expect(scored == 12)
    }

    @Test func inspectsPublishedFiles() async throws {
        let workspace = try Workspace()
        for (name, says) in [
            (
                "crumb/adapter",
                """
                Prefix
                  kind            PREFIX_TUNING, as PEFT stores it
                  positions       24
                  for a model of  2 layers with 2 key heads of width 8
                  parameters      1,536 (24 × 64)
                  text starts     at position 24, after the prefix
                  base model      facebook/opt-2.7b
                """
            ),
            (
                "rinna/smileface_suffix.task0.weight",
                """
                Prefix
                  kind            rinna's bare tensor
                  positions       10
                  for a model of  not recorded; only the model tells
                  parameters      640 (10 × 64)
                  text starts     at position 10, after the prefix
                """
            ),
            ("lora/model.8000.pt", "Adapter\n  kind        LORA, as loralib stores it\n  matrices    2\n"),
            ("lora/peft-gpt2", "Adapter\n  kind        LORA, as PEFT stores it\n  matrices    2\n"),
            ("lora/peft-llama-rslora", "Adapter\n  kind        LORA, as PEFT stores it\n  matrices    6\n"),
            ("rinna-awq", "Model\n  architecture  GPT-NeoX, 2 layers, 2 heads of width 8\n"),
            ("crumb/base-sharded", "Model\n  architecture  OPT, 2 layers, 2 heads of width 8\n"),
        ] {
            var place = PublishedFiles.url(name).path
            if says.hasPrefix("Model") {
                try PublishedFiles.install(
                    name, tokenizer: name.hasPrefix("crumb") ? "crumb/base" : "rinna", as: name, in: workspace)
                place = name
            }
            let result = try await Tool.run(["inspect", place], in: workspace)
            #expect(result.code == 0 && result.output.hasPrefix(says), "\(name): \(result.output)\(result.errors)")
        }
    }
}
