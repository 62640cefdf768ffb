import Foundation
import TestSupport
import Testing

@testable import TextMetrics

/// ROUGE against `rouge_score`, and its stemmer against NLTK's (Tests/Goldens/rouge/generate.py).
@Suite("ROUGE against rouge_score") struct ROUGETests {
    struct Golden: Decodable {
        var predictions: [String]
        var references: [[String]]
        /// F1 of ROUGE-1, ROUGE-2 and ROUGE-L per instance.
        var scores: [[Double]]
        var mean: [Double]
    }

    private func golden<Value: Decodable>(_ name: String) throws -> Value {
        try JSONDecoder().decode(
            Value.self, from: Data(contentsOf: Fixtures.goldens.appendingPathComponent("rouge/\(name)")))
    }

    @Test("every rule of the stemmer")
    func stems() throws {
        let stems: [String: String] = try golden("stems.json")
        #expect(stems.count > 5000)
        let stemmer = PorterStemmer()
        for (word, stem) in stems {
            let found = String(decoding: stemmer.stem(Array(word.utf8)), as: UTF8.self)
            #expect(found == stem, "\(word)")
        }
    }

    @Test("252 made-up summaries with one to three references, twelve of them at the edges")
    func synthetic() throws {
        let golden: Golden = try golden("synthetic.json")
        #expect(golden.predictions.count == 252)
        let scores = try ROUGE().scores(predictions: golden.predictions, references: golden.references)
        var worst = 0.0
        for (index, (found, expected)) in zip(scores, golden.scores).enumerated() {
            for (value, expected) in zip([found.rouge1, found.rouge2, found.rougeL], expected) {
                worst = max(worst, abs(value - expected))
                #expect(abs(value - expected) < 1e-12, "\(golden.predictions[index])")
            }
        }
        let mean = try ROUGE().score(predictions: golden.predictions, references: golden.references)
        for (value, expected) in zip([mean.rouge1, mean.rouge2, mean.rougeL], golden.mean) {
            #expect(abs(value - expected) < 1e-12)
        }
        print("ROUGE: greatest difference from rouge_score \(worst)")
        let report = try EvaluationReport.evaluate(
            predictions: golden.predictions, references: golden.references, suite: .xsum)
        #expect(report.scores.map(\.name) == ["ROUGE-1", "ROUGE-2", "ROUGE-L"])
        for (score, expected) in zip(report.scores, golden.mean) { #expect(abs(score.value - 100 * expected) < 1e-9) }
    }

    @Test("lists that do not match are refused")
    func mismatches() {
        #expect(throws: MetricError.emptyCorpus) { try ROUGE().score(predictions: [], references: []) }
        #expect(throws: MetricError.noReferences(index: 0)) { try ROUGE().score(predictions: ["a"], references: [[]]) }
    }
}
