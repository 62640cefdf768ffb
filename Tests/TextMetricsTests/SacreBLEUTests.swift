import Foundation
import TestSupport
import Testing

@testable import TextMetrics

/// BLEU, chrF, chrF++ and TER against sacrebleu (Tests/Goldens/sacrebleu/generate.py).
@Suite("Scores of sacrebleu") struct SacreBLEUTests {
    struct Scores: Decodable {
        var bleu, bleuLowercased, chrf, chrfPlusPlus, ter, terCased: Double
        var bleuSignature, bleuLowercasedSignature: String
    }

    struct Synthetic: Decodable {
        var scores: Scores
        /// Of each instance alone.
        var chrf, ter: [Double]
    }

    private func golden<Value: Decodable>(_ name: String) throws -> Value {
        try JSONDecoder().decode(
            Value.self, from: Data(contentsOf: Fixtures.goldens.appendingPathComponent("sacrebleu/\(name)")))
    }

    private func compare(
        _ predictions: [String], _ references: [[String]], _ golden: Scores, _ name: String
    ) throws {
        var worst = 0.0
        func check(_ found: Double, _ expected: Double, _ what: String) {
            worst = max(worst, abs(found - expected))
            #expect(abs(found - expected) < 1e-9, "\(name), \(what): \(found), sacrebleu \(expected)")
        }
        let (cased, lower) = (SacreBLEU(), SacreBLEU(lowercased: true))
        check(try cased.score(predictions: predictions, references: references), golden.bleu, "BLEU")
        check(try lower.score(predictions: predictions, references: references), golden.bleuLowercased, "BLEU -lc")
        check(try ChrF().score(predictions: predictions, references: references), golden.chrf, "chrF")
        let plus = try ChrF(wordOrder: 2).score(predictions: predictions, references: references)
        check(plus, golden.chrfPlusPlus, "chrF++")
        check(try TER().score(predictions: predictions, references: references), golden.ter, "TER")
        let ter = try TER(caseSensitive: true).score(predictions: predictions, references: references)
        check(ter, golden.terCased, "TER, cased")
        #expect(cased.signature(references: references) == golden.bleuSignature)
        #expect(lower.signature(references: references) == golden.bleuLowercasedSignature)
        print("sacrebleu: \(name): greatest difference \(worst)")
    }

    @Test("200 made-up instances, together and one by one")
    func synthetic() throws {
        let corpus = try MetricGoldens.read("synthetic.json", as: MetricGoldens.Corpus.self)
        let golden: Synthetic = try golden("synthetic.json")
        try compare(corpus.predictions, corpus.references, golden.scores, "synthetic")
        for (index, (prediction, references)) in zip(corpus.predictions, corpus.references).enumerated() {
            let chrf = try ChrF().score(predictions: [prediction], references: [references])
            #expect(abs(chrf - golden.chrf[index]) < 1e-9, "chrF of \(prediction)")
            let ter = try TER().score(predictions: [prediction], references: [references])
            #expect(abs(ter - golden.ter[index]) < 1e-9, "TER of \(prediction)")
        }
    }

    @Test("edge cases")
    func edges() throws {
        let corpora = try MetricGoldens.read("edges.json", as: [String: MetricGoldens.Corpus].self)
        let golden: [String: Scores] = try golden("edges.json")
        for (name, corpus) in corpora {
            try compare(corpus.predictions, corpus.references, try #require(golden[name]), name)
        }
    }

    @Test(
        "outputs made from the real test sets",
        .enabled(if: Fixtures.sharedData != nil, "needs the E2E and WebNLG test sets (PREFIXTUNE_DATA)"),
        arguments: ["e2e", "webnlg"])
    func realData(name: String) throws {
        let golden: [String: Scores] = try golden("real.json")
        let groups = try MetricGoldens.realReferences(name, in: try #require(Fixtures.sharedData))
        let (predictions, references) = MetricGoldens.systemOutputs(groups)
        try compare(predictions, references, try #require(golden[name]), name)
    }

    @Test("distinct-n counts n-grams within texts")
    func distinct() {
        let texts = ["a b a b", "b a", ""]
        #expect(DistinctN(order: 1).score(predictions: texts) == 2.0 / 6)
        // ab, ba, ab; ba
        #expect(DistinctN(order: 2).score(predictions: texts) == 2.0 / 4)
        #expect(DistinctN(order: 5).score(predictions: texts) == 0)
    }

    @Test("lists that do not match are refused")
    func mismatches() {
        #expect(throws: MetricError.emptyCorpus) { try TER().score(predictions: [], references: []) }
        #expect(throws: MetricError.noReferences(index: 0)) { try ChrF().score(predictions: ["a"], references: [[]]) }
        #expect(throws: MetricError.self) { try SacreBLEU().score(predictions: ["a", "b"], references: [["a"]]) }
    }
}
