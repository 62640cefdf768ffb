import Foundation
import PrefixTuning
import Reports
import TestSupport
import Testing

@testable import PrefixExperiments

/// What a report says of the paper's claims, and that it says no more than was found.
@Suite struct ExperimentReportTests {
    /// Runs of a row with a score each.
    private static func runs(_ row: String, _ scores: [Double], width: Double? = nil, score: String = "BLEU")
        -> [RunResult]
    {
        scores.enumerated().map { index, value in
            let interval = width.map { [value - $0, value + $0] }
            return RunResult(
                plan: RunPlan(
                    row: row, dataSet: "embedded", method: MethodSettings(.prefix), subset: nil, point: nil,
                    seed: UInt64(index)),
                trainableParameters: 1, storedParameters: 1, modelParameters: 1, examples: 1, batchSize: 1,
                learningRate: 1, steps: 1, testedStep: 1, tokens: 1, seconds: 1, training: [], validation: [],
                cutSources: 0, testSeconds: 1,
                tests: [
                    .init(
                        split: "test", instances: 9,
                        scores: [.init(name: score, value: value, interval: interval, higherIsBetter: true)])
                ])
        }
    }

    private static func verdict(
        _ mine: [Double], _ others: [Double], width: Double? = nil, tolerance: Double = 0, score: String = "BLEU"
    ) -> Verdict {
        Comparison(
            runs("a", mine, width: width, score: score), "a", against: runs("b", others, width: width, score: score),
            "b",
            score: score, split: "test"
        ).verdict(tolerance: tolerance)
    }

    @Test("a verdict is given where the difference is more than chance, and the scores say something")
    func verdicts() {
        // One run of each: the root of twice the squared half width.
        #expect(Self.verdict([50], [45], width: 3) == .holds)
        #expect(Self.verdict([50], [47], width: 3) == .tooClose)
        #expect(Self.verdict([47], [50], width: 3) == .tooClose)
        #expect(Self.verdict([45], [50], width: 3) == .doesNotHold)
        #expect(Self.verdict([46], [50], width: 1, tolerance: 2) == .doesNotHold)
        #expect(Self.verdict([49], [50], width: 0.5, tolerance: 2) == .holds)
        #expect(Self.verdict([50], [20]) == .tooFew, "without intervals nothing is known of chance")
        // Two runs: t is 12.71 at one degree of freedom.
        #expect(Self.verdict([50, 52], [40, 42.4]) == .holds)
        #expect(Self.verdict([50, 52], [40, 45]) == .tooClose)
        #expect(Self.verdict([50, 51, 52, 53], [40, 40, 41, 42]) == .holds)
        #expect(Self.verdict([40, 40, 41, 42], [50, 51, 52, 53]) == .doesNotHold)
        // What both rows wrote has little to do with the references.
        #expect(Self.verdict([9], [2], width: 0.1) == .tooLow)
        #expect(Self.verdict([4.9], [2], width: 0.1, score: "ROUGE-2") == .tooLow)
        #expect(Self.verdict([11], [2], width: 0.1) == .holds)
        #expect(Self.verdict([], [2]) == .notRun)
    }

    @Test("what came of all claims is one sentence")
    func summary() {
        var claims = Claims()
        func add(_ mine: [Double], _ others: [Double], _ width: Double?) {
            claims.add(
                "c",
                Comparison(
                    Self.runs("a", mine, width: width), "a", against: Self.runs("b", others, width: width), "b",
                    score: "BLEU", split: "test"))
        }
        #expect(claims.summary == nil && claims.blocks.isEmpty)
        add([40], [50], 1)
        #expect(claims.summary == "the one claim is not seen to hold; 1 does not.")
        for _ in 0..<2 { add([50], [40], 1) }
        add([50], [50], 1)
        add([1], [2], 1)
        add([50], [50], nil)
        add([], [], nil)
        #expect(
            claims.summary
                == "2 of 7 claims hold; 1 does not; 1 is too close to tell; 1 is at scores too low to tell; 1 has too "
                + "few runs to tell; 1 is not run.")
    }

    @Test("a run with less than the defaults says so first")
    func budgets() throws {
        func warning(_ assignments: String..., name: String = "table1", usesSubsets: Bool = false) throws -> String? {
            let defaults = try ExperimentSettings.settings(for: name, suitsEmbeddedModel: true)
            let settings = try ExperimentSettings.settings(
                for: name, suitsEmbeddedModel: true, assignments: assignments)
            return Budget(settings, defaults: defaults, usesSubsets: usesSubsets).warning
        }
        #expect(try warning() == nil)
        #expect(try warning("methods.lora.steps=2") == nil, "a method that is no row of the table")
        #expect(
            try warning(
                "methods.prefix.steps=30", "methods.fine-tune.steps=20", "train_examples=200", "test_sources=30")
                == "A toy run: 20 to 30 steps instead of 300 to 600; 200 training examples instead of all; 30 test sources "
                + "instead of all. What follows shows that the program works, not what the methods can do.")
        #expect(
            try warning("methods.prefix.steps=300")
                == "A smaller run than the experiment's defaults: 300 steps instead of 600. Differences may be those of the "
                + "budget, not of the methods.")
        #expect(
            try warning("seeds=[1]", "subsets=3", name: "low-data", usesSubsets: true)
                == "A smaller run than the experiment's defaults: 1 seed instead of 2; 3 subsets instead of 5. Differences may "
                + "be those of the budget, not of the methods.")
    }

    private static let results = Fixtures.goldens.deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("Experiments/results")

    @Test("Wikinews is not called XSUM, and nothing of the paper's stands beside it")
    func trueName() throws {
        let page = try String(
            contentsOf: Self.results.appendingPathComponent("table2/report.html"), encoding: .utf8)
        #expect(page.contains("Wikinews") && !page.contains("45.14") && !page.contains(">paper<"))
        #expect(!page.contains("<h2 id=\"xsum\">") && !page.contains("xsum: "))
        for text in [
            "The paper says: Prefixes of 2% and 0.1% of the parameters come close to fine-tuning on XSUM",
            "Here, with the embedded model: 0 of 3 claims hold; 3 are at scores too low to tell.", "? too low to tell",
            "A smaller run than the experiment&#39;s defaults: 200 steps instead of 300 to 600; 200 test sources instead of all.",
            "prefixtune experiment table2 --data-folder data --set methods.fine-tune.steps=200",
        ] { #expect(page.contains(text), "\(text)") }
    }

    @Test("files that are asked for as XSUM and are others have another name")
    func otherFiles() throws {
        #expect(DataSetFiles.trueName("xsum", folder: URL(fileURLWithPath: "/d/summarization/wikinews")) == "wikinews")
        #expect(
            DataSetFiles.trueName("within-news", folder: URL(fileURLWithPath: "/d/mine")) == "summaries-within-news")
        #expect(DataSetFiles.title(of: "summaries") == "Summaries (not XSUM)")
        #expect(DataSetFiles.title(of: "wikinews-news-to-sports") == "Wikinews, news to sports")
        #expect(DataSetFiles.title(of: "mine") == "mine")
        #expect(PaperNumbers.score("xsum", split: "test", row: "fine-tune", score: "ROUGE-1") == 45.14)
        #expect(PaperNumbers.score("wikinews", split: "test", row: "fine-tune", score: "ROUGE-1") == nil)
    }

    @Test("the committed reports are what this program makes of the committed results")
    func committed() throws {
        let folders = try FileManager.default.contentsOfDirectory(at: Self.results, includingPropertiesForKeys: nil)
        #expect(folders.count > 5)
        for folder in folders {
            try withTrainingFolder { scratch in
                let page = try Experiment.rewriteReport(in: folder, to: scratch.appendingPathComponent("page.html"))
                let committed = try Data(contentsOf: folder.appendingPathComponent("report.html"))
                #expect(try Data(contentsOf: page) == committed, "\(folder.lastPathComponent)")
                let text = String(decoding: committed, as: UTF8.self)
                for part in [
                    "The paper says: ", "Here, with ", " hold", "prefixtune experiment ", "How a verdict is reached",
                ] {
                    #expect(text.contains(part), "\(folder.lastPathComponent): \(part)")
                }
            }
        }
    }
}
