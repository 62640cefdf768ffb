import Foundation
import TestSupport
import Testing

/// BERTScore beside the other scores of `evaluate`.
@Suite struct BERTScoreTests {
    private struct Report: Decodable {
        struct Score: Decodable {
            var name, description: String
            var value: Double
            var interval: [Double]?
            var baseline, p_value: Double?
        }
        var scores: [Score]
    }

    private struct Edges: Decodable {
        struct Case: Decodable {
            var model: String
            var layer: Int
            var idf, rescaled: Bool
            var scores: [[Double?]]
        }
        var predictions: [String]
        var references: [[String]]
        var cases: [Case]
    }

    private static let golden = Fixtures.goldens.appendingPathComponent("bertscore")

    /// Texts of the goldens in files, and the call that scores them.
    private func call(_ workspace: Workspace) throws -> (call: [String], golden: Edges) {
        let golden = try JSONDecoder().decode(
            Edges.self, from: Data(contentsOf: Self.golden.appendingPathComponent("edges.json")))
        try FileManager.default.copyItem(at: Self.golden.appendingPathComponent("roberta"), to: workspace["encoder"])
        try FileManager.default.copyItem(
            at: Self.golden.appendingPathComponent("baseline.csv"), to: workspace["baseline.csv"])
        func lines(_ records: [some Encodable]) throws -> String {
            try records.map { String(decoding: try JSONEncoder().encode($0), as: UTF8.self) + "\n" }.joined()
        }
        try workspace.write(try lines(golden.predictions.map { ["text": $0] }), to: "texts.jsonl")
        try workspace.write(try lines(golden.predictions.map { ["text": "x \($0)"] }), to: "others.jsonl")
        try workspace.write(try lines(golden.references.map { ["references": $0] }), to: "references.jsonl")
        return (["evaluate", "--predictions", "texts.jsonl", "--references", "references.jsonl"], golden)
    }

    @Test(arguments: [false, true]) func rowsEqualThoseOfBERTScore(rescaled: Bool) async throws {
        let workspace = try Workspace()
        let (call, golden) = try call(workspace)
        let item = try #require(
            golden.cases.first { $0.model == "roberta" && $0.layer == (rescaled ? 3 : 2) && $0.rescaled == rescaled })
        var options = ["--bert-score", "encoder", "--bert-score-layer", "\(item.layer)", "--threads", "1", "--json"]
        if item.idf { options.append("--bert-score-idf") }
        if rescaled { options += ["--rescale-baseline", "baseline.csv"] }
        let result = try await Tool.run(call + options, in: workspace)
        #expect(result.code == 0, "\(result.errors)")
        let scores = try JSONDecoder().decode(Report.self, from: Data(result.output.utf8)).scores.suffix(3)
        #expect(scores.map(\.name) == ["BERTScore P", "BERTScore R", "BERTScore F1"])
        let signature =
            "\(workspace["encoder"].path)_L\(item.layer)" + (item.idf ? "_idf" : "_no-idf")
            + (rescaled ? "-custom-rescaled" : "")
        for (score, expected) in zip(scores, item.scores) {
            let values = expected.compactMap(\.self)
            try #require(values.count == golden.predictions.count)
            #expect(abs(score.value - 100 * values.reduce(0, +) / Double(values.count)) < 1e-3)
            #expect(score.description.contains("of bert_score, \(signature) (which"), "\(score.description)")
        }
        let plain = try await Tool.run(call + ["--json"], in: workspace)
        #expect(!plain.output.contains("BERTScore") && plain.errors == "")
    }

    @Test func anotherSystemAndIntervals() async throws {
        let workspace = try Workspace()
        let (call, _) = try call(workspace)
        let result = try await Tool.run(
            call + [
                "--bert-score", "encoder", "--bert-score-layer", "1", "--baseline", "others.jsonl", "--bootstrap", "50",
                "--json", "--threads", "1",
            ], in: workspace)
        #expect(result.code == 0, "\(result.errors)")
        let score = try #require(JSONDecoder().decode(Report.self, from: Data(result.output.utf8)).scores.last)
        #expect(score.interval?.count == 2 && score.p_value != nil)
        #expect(try #require(score.baseline) != score.value)
    }

    @Test func whatCannotBeDoneIsSaid() async throws {
        let workspace = try Workspace()
        let (call, _) = try call(workspace)
        let encoder = workspace["encoder"].path
        for (options, message) in [
            (["encoder"], "bert_score has no layer of its own choice for the model \(encoder); name one, from 0"),
            (["encoder", "--bert-score-layer", "4"], "there is no layer 4 in the model \(encoder); name one from 0"),
            (
                ["model", "--bert-score-layer", "1"],
                "config.json, key \"model_type\": the model type is \"gpt2\", but an"
            ),
            (
                ["encoder", "--bert-score-layer", "1", "--rescale-baseline", "texts.jsonl"],
                "texts.jsonl, line 1: found "
            ),
        ] {
            let result = try await Tool.run(call + ["--bert-score"] + options, in: workspace)
            #expect(result.code == 1 && result.output == "", "\(options)")
            #expect(result.errors.hasPrefix("Error: ") && result.errors.contains(message), "\(result.errors)")
        }
        let alone = try await Tool.run(call + ["--bert-score-idf"], in: workspace)
        #expect(alone.code == 2 && alone.errors.contains("have no meaning without --bert-score"), "\(alone.errors)")
    }
}
