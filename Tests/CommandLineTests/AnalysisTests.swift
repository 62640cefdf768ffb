import Foundation
import LanguageModels
import PrefixTuning
import Tensors
import Testing
import Tokenizers

/// Looking at what a prefix does, from the command line.
@Suite struct AnalysisTests {
    private struct Line: Decodable {
        struct Output: Decodable {
            var prefix: String?
            var text: String
            var token_ids: [Int32]
        }
        var prompt: String
        var outputs: [Output]
    }

    private struct Answer: Decodable { var token_ids: [Int32] }

    private func lines<Value: Decodable>(_ type: Value.Type, _ text: String) throws -> [Value] {
        try text.split(separator: "\n").map { try JSONDecoder().decode(type, from: Data($0.utf8)) }
    }

    /// A workspace with two prefixes that answer differently.
    private func workspace() async throws -> Workspace {
        let workspace = try Workspace()
        try await workspace.makePrefix()
        let other = try await Tool.run(workspace.train("other", steps: 6, "--seed", "5"), in: workspace)
        #expect(other.code == 0, "\(other.errors)")
        return workspace
    }

    @Test func prefixesAreCompared() async throws {
        let workspace = try await workspace()
        let decoding = ["--max-new-tokens", "6", "--beams", "2", "--threads", "1"]
        let call = ["compare", "--model", "model", "--prefixes", "prefix", "other", "--input", "data.jsonl"] + decoding
        let result = try await Tool.run(
            call + ["--base", "--json", "--report", "page.html", "--output", "out.jsonl"], in: workspace)
        #expect(result.code == 0 && result.output == "", "\(result.errors)")
        let found = try lines(Line.self, workspace.text("out.jsonl"))
        #expect(found.map(\.prompt) == ["the cat", "a dog", "name : X", "the river"])
        for (index, name) in [nil, "prefix", "other"].enumerated() {
            #expect(found.allSatisfy { $0.outputs.count == 3 && $0.outputs[index].prefix == name })
            let alone = try await Tool.run(
                ["generate", "--model", "model", "--input", "data.jsonl"] + decoding
                    + (name.map { ["--prefix", $0] } ?? []), in: workspace)
            #expect(
                try lines(Answer.self, alone.output).map(\.token_ids) == found.map { $0.outputs[index].token_ids },
                "\(name ?? "no prefix")")
        }
        #expect(found.contains { Set($0.outputs.map(\.token_ids)).count > 1 }, "the prefixes change nothing")
        let page = try workspace.text("page.html")
        for part in ["Input 4", "<b>no prefix</b>", "<b>prefix</b>", "<b>other</b>", "X is a pub ."] {
            #expect(page.contains(part), "\(part)")
        }
        // The table says the same; one input at a time gives the same.
        let table = try await Tool.run(call + ["--limit", "1", "--batch-size", "1"], in: workspace)
        let texts = found[0].outputs.dropFirst().map { $0.text.split(whereSeparator: \.isWhitespace) }
        #expect(
            table.output.split(whereSeparator: \.isWhitespace)
                == ["prompt", "the", "cat", "prefix"] + texts[0] + ["other"] + texts[1], "\(table.output)")
    }

    @Test func oneInputTwiceTheSamePrefix() async throws {
        let workspace = try Workspace()
        try await workspace.makePrefix()
        let result = try await Tool.run(
            [
                "compare", "--model", "model", "--prefixes", "prefix", "./prefix", "--prompt", "the cat",
                "--max-new-tokens", "3", "--json",
            ], in: workspace)
        #expect(result.code == 0, "\(result.errors)")
        let line = try #require(try lines(Line.self, result.output).first)
        // Names that do not tell them apart are written in full.
        #expect(line.outputs.map(\.prefix) == [workspace["prefix"].path, workspace["prefix"].path])
        #expect(line.outputs[0].token_ids == line.outputs[1].token_ids)
    }

    private struct Mass: Decodable {
        struct Shares: Decodable {
            var share: Double
            var positions: [Double]
        }
        struct Layer: Decodable {
            var share: Double
            var positions: [Double]
            var heads: [Shares]
        }
        var attention: String
        var tokens: Int
        var share: Double
        var positions: [Double]
        var most_attended: [Int]
        var layers: [Layer]
    }

    @Test func attentionIsMeasured() async throws {
        let workspace = try Workspace()
        try await workspace.makePrefix()
        let call = ["attention", "--model", "model", "--prefix", "prefix"]
        let result = try await Tool.run(
            call + ["--input", "data.jsonl", "--json", "--report", "page.html"], in: workspace)
        #expect(result.code == 0, "\(result.errors)")
        let masses = try JSONDecoder().decode([Mass].self, from: Data(result.output.utf8))
        let mass = try #require(masses.first)
        #expect(masses.count == 1 && mass.attention == "decoder" && mass.layers.count == 2)
        #expect(mass.layers.allSatisfy { $0.heads.count == 6 && $0.positions.count == 3 })
        #expect(mass.share > 0 && mass.share < 1 && abs(mass.positions.reduce(0, +) - mass.share) < 1e-9)
        let expected = try await Self.library(workspace)
        #expect(mass.tokens == expected.tokenCount && mass.most_attended == expected.mostAttended)
        #expect(abs(mass.layers[1].heads[3].positions[2] - expected.shares(layer: 1, head: 3)[2]) < 1e-6)
        #expect(try workspace.text("page.html").contains("of decoder attention goes to the prefix"))

        let one = ["--prompt", "the cat", "--completion", " sat on the mat."]
        let table = try await Tool.run(call + one + ["--top", "2"], in: workspace)
        #expect(table.code == 0, "\(table.errors)")
        #expect(table.output.hasPrefix("decoder attention: "))
        let rows = table.output.split(separator: "\n")
        // A sentence and the most attended; head, two layers and all by two positions; head and two layers by six heads.
        try #require(rows.count == 2 + 4 + 3, "\(table.output)")
        #expect(rows[2...5].map { $0.split(separator: " ").count } == [6, 4, 4, 4], "\(table.output)")
        #expect(rows[6...].map { $0.split(separator: " ").count } == [13, 7, 7], "\(table.output)")
        let some = try await Tool.run(call + one + ["--completion-only", "--json"], in: workspace)
        let whole = try await Tool.run(call + one + ["--json"], in: workspace)
        let counts = try [some, whole].map {
            try #require(try JSONDecoder().decode([Mass].self, from: Data($0.output.utf8)).first).tokens
        }
        #expect(counts[0] > 0 && counts[0] < counts[1])
    }

    /// What the library makes of the trained prefix over all examples.
    @Compute private static func library(_ workspace: Workspace) throws -> AttentionMass {
        let model = try LanguageModel.load(workspace["model"])
        let prefix = try Prefix(folder: workspace["prefix"], model: model.network.shape)
        let tokenizer = ExampleTokenizer(model, format: .plain, reservedPositions: prefix.length)
        let texts = try AttentionMeter.texts(
            of: TuningTask.jsonl.read(workspace["data.jsonl"]), model: model.network, tokenizer: tokenizer,
            predictingOnly: false)
        return try #require(try AttentionMeter(model.network, prefix: prefix).measure(texts).first)
    }

    private struct Words: Decodable {
        struct Word: Decodable {
            var token_id: Int32
            var text: String
            var similarity: Float
        }
        var position: Int
        var quantity: String
        var attention: String?
        var layer: Int?
        var words: [Word]
    }

    @Test func wordsAreFoundAgain() async throws {
        let workspace = try Workspace()
        let tokens = try await Self.writeWords("the cat sat on the mat", workspace)
        let result = try await Tool.run(
            ["words", "--model", "model", "--prefix", "words", "--top", "2", "--json"], in: workspace)
        #expect(result.code == 0, "\(result.errors)")
        let found = try JSONDecoder().decode([Words].self, from: Data(result.output.utf8))
        #expect(found.count == 2 * tokens.count && tokens.count > 3)
        for entry in found {
            #expect(entry.attention == "decoder" && entry.layer == 0 && entry.words.count == 2)
            #expect(entry.words.first?.token_id == tokens[entry.position], "\(entry)")
            #expect(abs((entry.words.first?.similarity ?? 0) - 1) < 1e-5)
        }
        let table = try await Tool.run(
            ["words", "--model", "model", "--prefix", "words", "--top", "1", "--layers", "1", "0", "--quiet"],
            in: workspace)
        #expect(table.code == 0 && table.errors == "", "\(table.errors)")
        let rows = table.output.split(separator: "\n")
        #expect(rows.count == 2 * (1 + 2 * tokens.count) && rows.first == "decoder attention, layer 1")
        #expect(rows.contains { $0.hasPrefix("   0  key") } && rows.contains("decoder attention, layer 0"))
    }

    /// Writes the prefix that the model makes of words, untrained, and returns their tokens.
    @Compute private static func writeWords(_ words: String, _ workspace: Workspace) throws -> [Int32] {
        let model = try LanguageModel.load(workspace["model"], for: .tuning)
        var settings = PrefixMethod.Settings()
        (settings.length, settings.hiddenWidth, settings.initialization) = (nil, nil, .words(words))
        try PrefixMethod(model: model, settings: settings, seed: 1).prefix().write(to: workspace["words"])
        return try model.tokenizer.encode(" " + words)
    }

    @Test func softPromptsHaveWordsToo() async throws {
        let workspace = try Workspace()
        let trained = try await Tool.run(
            [
                "train", "--model", "model", "--data", "data.jsonl", "--output", "soft", "--steps", "2",
                "--batch-size", "2", "--learning-rate", "1e-4", "--threads", "1", "--method", "prompt-tuning",
                "--init", "words:the cat",
            ], in: workspace)
        #expect(trained.code == 0, "\(trained.errors)")
        let result = try await Tool.run(
            ["words", "--model", "model", "--prefix", "soft", "--top", "1"], in: workspace)
        #expect(result.code == 0, "\(result.errors)")
        #expect(result.output.hasPrefix("   0  embedding "), "\(result.output)")
        #expect(result.output.contains("\" the\"") && result.output.contains("\" c\""), "\(result.output)")
        let layers = try await Tool.run(
            ["words", "--model", "model", "--prefix", "soft", "--layers", "0"], in: workspace)
        #expect(layers.code == 2 && layers.errors.hasPrefix("Error: A soft prompt has no layers: "))
    }

    @Test func whatCannotBeUnderstoodIsRefused() async throws {
        let workspace = try Workspace()
        try await workspace.makePrefix()
        for (arguments, code, message) in [
            (["compare", "--model", "model", "--prompt", "a"], 2, "Missing expected argument '--prefixes"),
            (
                ["compare", "--model", "model", "--prefixes", "prefix"], 2,
                "Give either --prompt TEXT or --input FILE; - in the place of either is standard input."
            ),
            (
                ["compare", "--model", "model", "--prefixes", "prefix", "--prompt", "a", "--limit", "0"], 2,
                "--limit is 0, but at least 1 is needed."
            ),
            (["attention", "--model", "model", "--prompt", "a"], 2, "Give a prefix to look at: --prefix."),
            (
                ["attention", "--model", "model", "--prefix", "prefix", "--input", "data.jsonl", "--completion", "b"],
                2, "--completion has no meaning without --prompt; add it or leave it out."
            ),
            (
                ["attention", "--model", "model", "--prefix", "prefix", "--prompt", "a", "--completion-only"], 1,
                "--prompt, line 1: there is no text to learn"
            ),
            (
                ["words", "--model", "model", "--prefix", "prefix", "--top", "0"], 2,
                "--top is 0, but at least 1 is needed."
            ),
            (
                ["words", "--model", "model", "--prefix", "prefix", "--layers", "2"], 1,
                "layer 2 of decoder attention was asked for, but the model has layers 0 to 1"
            ),
            (
                ["words", "--model", "model", "--prefix", "prefix", "--attentions", "cross"], 1,
                "the prefix does not stand before cross attention, but before decoder; choose among these"
            ),
            (
                [
                    "compare", "--model", "model", "--prefixes", "prefix", "--prompt", "a", "--quiet", "--report",
                    "data.jsonl/page.html",
                ], 1, "cannot write "
            ),
        ] {
            let result = try await Tool.run(arguments, in: workspace)
            #expect(result.code == Int32(code), "\(arguments): \(result.errors)")
            #expect(result.errors.hasPrefix("Error: \(message)"), "\(arguments): \(result.errors)")
            #expect(result.output == "")
        }
    }
}
