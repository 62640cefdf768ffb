import Foundation
import TestSupport
import Testing

@testable import TextMetrics

@Suite struct ScoreTests {
    @Test("200 made-up instances score as the original scripts score them")
    func synthetic() throws {
        let corpus = try MetricGoldens.read("synthetic.json", as: MetricGoldens.Corpus.self)
        #expect(corpus.predictions.count == 200)
        try compare(corpus.predictions, corpus.references, corpus.scores, "synthetic")
    }

    @Test("Edge cases score as the original scripts score them")
    func edges() throws {
        let corpora = try MetricGoldens.read("edges.json", as: [String: MetricGoldens.Corpus].self)
        #expect(corpora.count == 10)
        for (name, corpus) in corpora.sorted(by: { $0.key < $1.key }) {
            try compare(corpus.predictions, corpus.references, corpus.scores, name)
        }
    }

    @Test(
        "Outputs made from the real test sets score as the original scripts score them",
        .enabled(if: Fixtures.sharedData != nil, "needs the E2E and WebNLG test sets (PREFIXTUNE_DATA)"),
        arguments: ["e2e", "webnlg"])
    func realData(name: String) throws {
        let folder = try #require(Fixtures.sharedData)
        let golden = try #require(try MetricGoldens.read("real.json", as: [String: MetricGoldens.Real].self)[name])
        let groups = try MetricGoldens.realReferences(name, in: folder)
        #expect(groups.count == golden.instances)
        let (predictions, references) = MetricGoldens.systemOutputs(groups)
        try compare(predictions, references, golden.scores, name)
    }

    /// Compares every score of every suite and every part of a multi-bleu result.
    private func compare(
        _ predictions: [String], _ references: [[String]], _ golden: MetricGoldens.Scores, _ name: String
    ) throws {
        var worst = 0.0
        func check(_ value: Double, _ expected: Double, _ what: String) {
            worst = max(worst, abs(value - expected))
            #expect(abs(value - expected) < 1e-8, "\(name), \(what): \(value), original \(expected)")
        }
        check(try E2EBLEU().score(predictions: predictions, references: references), golden.bleu, "E2E BLEU")
        let nist = try E2ENIST().score(predictions: predictions, references: references)
        if let expected = golden.nist { check(nist, expected, "NIST") } else { #expect(nist.isFinite) }
        check(try ROUGEL().score(predictions: predictions, references: references), golden.rougeL, "ROUGE-L")
        check(try CIDEr().score(predictions: predictions, references: references), golden.cider, "CIDEr")

        let padded = pad(references)
        let pairs: [(String, MultiBLEU.Result, MultiBLEU.Result)] = [
            ("multi-bleu", try MultiBLEU().score(predictions: predictions, references: padded), golden.multiBLEU),
            (
                "multi-bleu -lc", try MultiBLEU(lowercased: true).score(predictions: predictions, references: padded),
                golden.multiBLEULowercased
            ),
        ]
        for (what, result, expected) in pairs {
            check(result.score, expected.score, what)
            #expect(result.precisions.count == 4)
            for (own, theirs) in zip(result.precisions, expected.precisions) { check(own, theirs, what + " precision") }
            check(result.brevityPenalty, expected.brevityPenalty, what + " brevity penalty")
            check(result.lengthRatio, expected.lengthRatio, what + " ratio")
            #expect(result.predictionLength == expected.predictionLength, "\(name), \(what)")
            #expect(result.referenceLength == expected.referenceLength, "\(name), \(what)")
        }

        func report(_ suite: EvaluationSuite) throws -> EvaluationReport {
            try EvaluationReport.evaluate(predictions: predictions, references: references, suite: suite)
        }
        check(try #require(try report(.webnlg)["BLEU"]), golden.webnlg.score, "WebNLG suite")
        check(try #require(try report(.dart)["BLEU"]), golden.dart.score, "DART suite")
        check(try #require(try report(.plain)["BLEU"]), golden.multiBLEU.score, "plain suite")
        check(try #require(try report(.plain)["BLEU-lc"]), golden.multiBLEULowercased.score, "plain suite, -lc")
        let e2e = try report(.e2e)
        check(try #require(e2e["BLEU"]) / 100, golden.bleu, "E2E suite BLEU")
        check(try #require(e2e["NIST"]), nist, "E2E suite NIST")
        check(try #require(e2e["ROUGE-L"]) / 100, golden.rougeL, "E2E suite ROUGE-L")
        check(try #require(e2e["CIDEr"]), golden.cider, "E2E suite CIDEr")
        print("TextMetrics: \(name): greatest difference from the originals \(worst)")
    }

    private func pad(_ references: [[String]]) -> [[String]] {
        let most = references.map(\.count).max() ?? 0
        return references.map { $0 + Array(repeating: "", count: most - $0.count) }
    }
}
