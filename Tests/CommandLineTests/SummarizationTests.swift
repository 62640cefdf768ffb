import Foundation
import LanguageModels
import PrefixTuning
import Tensors
import TestSupport
import Testing

/// The paper's second task from end to end, on a tiny BART that reads text (Tests/Goldens/xsum).
@Suite("Summarisation on the command line") struct SummarizationTests {
    private struct Golden: Decodable {
        struct Row: Decodable { var document, summary: String }
        struct Example: Decodable {
            var source, target: [Int32]
            var logprobs: [Float]
            var answer: [Int32]
            var answer_text: String
        }
        struct Case: Decodable {
            var source_limit, target_limit: Int
            var examples: [Example]
        }
        var rows: [Row]
        var cases: [Case]

        init() throws {
            let url = Fixtures.goldens.appendingPathComponent("xsum/cases.json")
            self = try JSONDecoder().decode(Self.self, from: Data(contentsOf: url))
        }
    }

    private struct Text: Decodable, Equatable {
        let prompt, text: String
        let token_ids: [Int32]
    }
    private struct Score: Decodable {
        let token_ids: [Int32]
        let logprobs: [Float]
    }

    private func lines<Line: Decodable>(_ type: Line.Type, _ text: String) throws -> [Line] {
        try text.split(separator: "\n").map { try JSONDecoder().decode(Line.self, from: Data($0.utf8)) }
    }

    /// A workspace with the model in `bart` and the texts in `news.source` and `news.target`.
    private func workspace(_ golden: Golden) throws -> Workspace {
        let workspace = try Workspace(), files = FileManager.default
        try files.copyItem(at: Fixtures.goldens.appendingPathComponent("xsum/model"), to: workspace["bart"])
        for name in ["tokenizer.json", "tokenizer_config.json"] {
            try files.copyItem(
                at: Fixtures.goldens.appendingPathComponent("tokenizers/roberta/\(name)"),
                to: workspace["bart/\(name)"])
        }
        // The tokenizer is used as the file has it, without the conventions of BART's own class.
        let configuration = try workspace.text("bart/tokenizer_config.json")
        try workspace.write(
            #"{"tokenizer_class": "PreTrainedTokenizerFast", "# + configuration.dropFirst(),
            to: "bart/tokenizer_config.json")
        for (name, text) in [("news.source", \Golden.Row.document), ("news.target", \Golden.Row.summary)] {
            try workspace.write(golden.rows.map { $0[keyPath: text] + "\n" }.joined(), to: name)
        }
        return workspace
    }

    private let search = [
        "--task", "xsum", "--beams", "6", "--length-penalty", "0.8", "--min-length", "5", "--max-length", "18",
        "--threads", "1",
    ]

    @Test("summaries, scores and texts are those of transformers, at the paper's lengths and at others")
    func untuned() async throws {
        let golden = try Golden(), workspace = try workspace(golden)
        for limits in golden.cases {
            let lengths =
                limits.source_limit == 512
                ? []
                : ["--max-source-tokens", "\(limits.source_limit)", "--max-target-tokens", "\(limits.target_limit)"]
            let result = try await Tool.run(
                ["generate", "--model", "bart", "--input", "news.source"] + search + lengths, in: workspace)
            #expect(result.code == 0, "\(result.errors)")
            let answers = try lines(Text.self, result.output)
            #expect(answers.map(\.token_ids) == limits.examples.map(\.answer))
            #expect(
                answers.map(\.text)
                    == limits.examples.map { $0.answer_text.trimmingCharacters(in: .whitespacesAndNewlines) })
            #expect(answers.map(\.prompt) == golden.rows.map(\.document))
            let scored = try await Tool.run(
                ["score", "--model", "bart", "--task", "xsum", "--data", "news.target", "--threads", "1"] + lengths,
                in: workspace)
            #expect(scored.code == 0, "\(scored.errors)")
            let scores = try lines(Score.self, scored.output)
            #expect(scores.map(\.token_ids) == limits.examples.map(\.target))
            for (score, expected) in zip(scores, limits.examples) {
                #expect(relativeError(score.logprobs, expected.logprobs) < 1e-5)
            }
        }
    }

    @Test("three prefixes are trained, resumed, inspected, and used as the library uses them")
    func tuned() async throws {
        let golden = try Golden(), workspace = try workspace(golden)
        func train(_ output: String, _ steps: Int, _ more: String...) -> [String] {
            [
                "train", "--model", "bart", "--task", "xsum", "--data", "news.source", "--output", output, "--steps",
                "\(steps)", "--batch-size", "2", "--prefix-length", "4", "--reparametrization", "8", "--learning-rate",
                "0.02", "--max-source-tokens", "24", "--max-target-tokens", "8", "--threads", "1",
            ] + more
        }
        let training = try await Tool.run(train("run", 12, "--validation", "news.target"), in: workspace)
        #expect(training.code == 0, "\(training.errors)")
        let again = try await Tool.run(train("other", 12, "--validation", "news.target"), in: workspace)
        #expect(again.code == 0, "\(again.errors)")
        let adapter = try Data(contentsOf: workspace["run/adapter_model.safetensors"])
        #expect(try Data(contentsOf: workspace["other/adapter_model.safetensors"]) == adapter)

        let options = ["--prefix", "run", "--model", "bart", "--max-source-tokens", "24"]
        let result = try await Tool.run(["generate", "--input", "news.source"] + options + search, in: workspace)
        #expect(result.code == 0, "\(result.errors)")
        let answers = try lines(Text.self, result.output), sources = golden.cases[1].examples.map(\.source)
        let (ids, perplexity) = try await Self.library(workspace, sources, golden.cases[1].examples.map(\.target))
        #expect(answers.map(\.token_ids) == ids)
        #expect(ids != golden.cases[1].examples.map(\.answer), "the prefix changes nothing")

        let score = ["score", "--task", "xsum", "--data", "news.source", "--max-target-tokens", "8", "--threads", "1"]
        let scored = try await Tool.run(score + options, in: workspace)
        #expect(scored.code == 0, "\(scored.errors)")
        let logprobs = try lines(Score.self, scored.output).flatMap(\.logprobs)
        let loss = -logprobs.reduce(0) { $0 + Double($1) } / Double(logprobs.count)
        #expect(abs(loss - perplexity) < 1e-6)
        let plain = golden.cases[1].examples.flatMap(\.logprobs)
        #expect(loss < -plain.reduce(0) { $0 + Double($1) } / Double(plain.count), "training helps")

        let inspection = try await Tool.run(["inspect", "run"], in: workspace)
        #expect(inspection.code == 0, "\(inspection.errors)")
        for line in [
            "positions       4\n", "for a model of  2 layers with 2 key heads of width 8\n",
            "attentions      decoder, encoder, cross\n", "text starts     at position 0, as without a prefix\n",
            "step 12 of 12, finished\n",
        ] { #expect(inspection.output.contains(line), "\(line) is not in\n\(inspection.output)") }
    }

    /// What the library makes of the trained prefix: summaries, and the mean loss of the targets.
    @Compute private static func library(
        _ workspace: Workspace, _ sources: [[Int32]], _ targets: [[Int32]]
    ) throws -> ([[Int32]], Double) {
        Compute.threads = 1
        let model = try LanguageModel.load(workspace["bart"])
        let prefix = try Prefix(folder: workspace["run"], model: model.network.shape)
        let start = try prefix.keyValues(for: model.network.shape)
        var options = DecodingOptions.summarization(endToken: 2)
        (options.minNewTokens, options.maxNewTokens) = (4, 17)
        let found = try Generator(model.network).generate(sources, after: start, options: options)
        let scores = try Scorer(model.network, after: start).score(
            zip(sources, targets).map { TokenizedExample(source: $0, tokens: [2] + $1, targetStart: 1) })
        let logprobs = scores.flatMap(\.logprobs)
        return (found.map(\.tokenIds), -logprobs.reduce(0) { $0 + Double($1) } / Double(logprobs.count))
    }

    @Test("ROUGE of summaries: references from a pair of files, a file of lines, and JSON lines")
    func evaluation() async throws {
        let workspace = try Workspace()
        try workspace.write("The mayors announced it.\nNothing was lost.\n", to: "texts.txt")
        try workspace.write("A document.\nAnother one.\n", to: "news.source")
        try workspace.write("The mayor announces something.\nNothing lost.\n", to: "news.target")
        try workspace.write("The mayor announces something.\nNothing lost.\n", to: "alone.target")
        try workspace.write(
            """
            {"document": "A document.", "summary": "The mayor announces something."}
            {"document": "Another one.", "summary": "Nothing lost."}
            """, to: "news.jsonl")
        try workspace.write(
            """
            {"references": ["Unlike.", "The mayor announces something."]}
            {"references": ["Nothing lost."]}
            """, to: "references.jsonl")
        for references in ["news.target", "news.source", "alone.target", "news.jsonl", "references.jsonl"] {
            let result = try await Tool.run(
                ["evaluate", "--task", "xsum", "--predictions", "texts.txt", "--references", references],
                in: workspace)
            #expect(result.code == 0, "\(references): \(result.errors)")
            let rows = result.output.split(separator: "\n")
            let count = references == "references.jsonl" ? 3 : 2
            #expect(rows.first == "2 predictions, \(count) references, xsum rules", "\(references)")
            // (3/4 + 4/5) / 2, (2/3 + 0) / 2, and again 3/4 and 4/5.
            for (row, expected) in zip(
                rows.dropFirst(), ["ROUGE-1    77.5000", "ROUGE-2    33.3333", "ROUGE-L    77.5000"])
            {
                #expect(row.hasPrefix(expected), "\(references): \(row)")
            }
            #expect(rows.count == 4)
        }
    }

    @Test("lengths that leave no token of a text")
    func badLimits() async throws {
        let workspace = try Workspace()
        for command in [
            ["generate", "--model", "model", "--prompt", "a"], ["score", "--model", "model", "--data", "data.jsonl"],
            ["train", "--model", "model", "--data", "data.jsonl", "--output", "run"],
        ] {
            let result = try await Tool.run(command + ["--max-source-tokens", "2"], in: workspace)
            #expect(result.code == 2)
            #expect(result.errors.contains("--max-source-tokens is 2, but at least 3 is needed."), "\(result.errors)")
        }
    }

    @Test("a pair of files that does not match is named")
    func badPair() async throws {
        let workspace = try workspace(Golden())
        try workspace.write("One.\n", to: "news.target")
        let result = try await Tool.run(
            ["score", "--model", "bart", "--task", "xsum", "--data", "news.source"], in: workspace)
        #expect(result.code == 1)
        #expect(
            result.errors
                == "Error: \(workspace["news.target"].path): its number of lines is 1, but that of "
                + "\(workspace["news.source"].path) is 8; one summary per document, in the same order, is needed\n")
    }
}
