import Foundation
import Testing

@testable import TextMetrics

@Suite struct ReportTests {
    @Test("A report survives JSON and prints one line per score")
    func report() throws {
        let report = try EvaluationReport.evaluate(
            predictions: ["The Mill is a pub ."], references: [["The Mill is a pub .", "There is a pub , The Mill ."]],
            suite: .plain)
        #expect(report["BLEU"] == 100)
        #expect(report["METEOR"] == nil)
        #expect(report.instances == 1 && report.references == 2)
        let decoded = try JSONDecoder().decode(EvaluationReport.self, from: JSONEncoder().encode(report))
        #expect(decoded == report)
        #expect(report.description.split(separator: "\n").count == 9)
    }

    @Test("multi-bleu's line is printed as the script prints it")
    func line() throws {
        let bleu = try MultiBLEU().score(
            predictions: ["the cat sat on the mat"], references: [["the cat sat on a mat"]])
        #expect(bleu.description == "BLEU = 53.73, 83.3/60.0/50.0/33.3 (BP=1.000, ratio=1.000, hyp_len=6, ref_len=6)")
    }

    @Test("Lists that do not match are refused")
    func mismatches() {
        #expect(throws: MetricError.emptyCorpus) { try E2EBLEU().score(predictions: [], references: []) }
        #expect(throws: MetricError.noReferences(index: 1)) {
            try CIDEr().score(predictions: ["a", "b"], references: [["a"], []])
        }
        #expect(
            throws: MetricError.countMismatch(predictions: 1, references: 2, predictionFile: nil, referenceFile: nil)
        ) { try EvaluationReport.evaluate(predictions: ["a"], references: [["a"], ["b"]], suite: .e2e) }
    }

    @Test("No token anywhere scores 0, not NaN")
    func empty() throws {
        let bleu = try MultiBLEU().score(predictions: ["", ""], references: [["a b"], [""]])
        #expect(bleu.score == 0 && bleu.brevityPenalty == 0 && bleu.lengthRatio == 0)
        #expect(try MultiBLEU().score(predictions: ["a"], references: [[""]]).score == 0)
        for suite in EvaluationSuite.allCases {
            let report = try EvaluationReport.evaluate(predictions: [""], references: [[""]], suite: suite)
            for score in report.scores { #expect(score.value.isFinite, "\(suite) \(score.name)") }
        }
    }
}
