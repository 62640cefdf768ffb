import Foundation
import Tensors
import TestSupport
import Testing

@testable import PrefixTuning

/// The page that a run leaves behind, and one of several runs.
@Suite @Compute struct TrainingReportTests {
    @Compute private static func train(
        _ folder: URL, rate: Double = 0.01, stop: Int = 100, sampler: (@Compute () throws -> [TrainingSample])? = nil
    ) throws {
        var settings = TrainingSettings.tiny()
        (settings.duration, settings.learningRate, settings.validateEvery) = (.steps(8), rate, 2)
        let trainer = try TrainingRunTests.trainer(TinyModel.worded(), settings)
        _ = try TrainingRun(
            trainer, validation: TinyModel.examples(3, vocabulary: 300, seed: 8), folder: folder, resumes: false,
            details: ["command": "prefixtune train --learning-rate \(rate)", "version": "7.8.9"], sampler: sampler
        ).run(shouldStop: { trainer.stepCount == stop })
    }

    private static func page(_ folder: URL) throws -> String {
        try String(contentsOf: folder.appendingPathComponent("report.html"), encoding: .utf8)
    }

    @Test func aRunLeavesItsPage() throws {
        try withTrainingFolder { folder in
            try Self.train(folder) { [TrainingSample(prompt: "a : b", reference: "A is b.", text: "It is <b>.")] }
            let page = try Self.page(folder)
            for text in [
                "Finished after 8 steps.", "prefixtune train --learning-rate 0.01", "7.8.9", "Loss per token",
                "least validation", "What it writes", "It is &lt;b&gt;.", "A is b.", "learning rate</dt><dd>0.01",
                "duration steps</dt><dd>8", "form of the method</dt><dd>length ", "tokens per second",
            ] { #expect(page.contains(text), "\(text)") }
        }
    }

    @Test func anInterruptedRunToo() throws {
        try withTrainingFolder { folder in
            try Self.train(folder, stop: 5) {
                Issue.record("an interrupted run has no time for samples"); return []
            }
            #expect(try Self.page(folder).contains("Interrupted after 5 steps; it can be resumed."))
        }
    }

    @Test func samplesThatCannotBeMadeAreNoFailure() throws {
        try withTrainingFolder { folder in
            try Self.train(folder) { throw TrainingError.noData }
            #expect(try !Self.page(folder).contains("What it writes"))
        }
    }

    @Test func severalRunsLieOverEachOther() throws {
        try withTrainingFolder { folder in
            let slow = folder.appendingPathComponent("slow"), fast = folder.appendingPathComponent("fast")
            try Self.train(slow)
            try Self.train(fast, rate: 0.1)
            let page = TrainingReport([try TrainingRecord(slow), try TrainingRecord(fast)]).html
            for text in ["2 training runs", "slow, fast", "All are finished.", "Validation loss per token"] {
                #expect(page.contains(text), "\(text)")
            }
            let table = try #require(
                page.split(separator: "Settings that differ").last?.split(separator: "</table>").first)
            #expect(table.contains(">learning rate<") && table.contains(">0.01<") && table.contains(">0.1<"))
            #expect(
                !table.contains("batch size") && !table.contains("form of the method"), "what is the same is not shown")
        }
    }

    @Test func aRunThatGoesOnHasAPage() throws {
        try withTrainingFolder { folder in
            try Self.train(folder)
            try FileManager.default.removeItem(at: folder.appendingPathComponent("summary.json"))
            let file = folder.appendingPathComponent("metrics.jsonl")
            try Data(contentsOf: file).dropLast(9).write(to: file)
            let record = try TrainingRecord(folder)
            #expect(record.lastStep == 7 && record.summary == nil && !record.isCurrent)
            #expect(
                TrainingReport([record]).html.contains(
                    "After 7 steps, not finished: the run goes on, or its process went away."))
        }
    }

    @Test func anotherFolderIsNone() throws {
        try withTrainingFolder { folder in
            let error = failure(TrainingError.self) { _ = try TrainingRecord(folder) }
            #expect(
                error?.description
                    == "\(folder.path) holds no training run: neither summary.json nor metrics.jsonl is there; "
                    + "name the folder that a run wrote to")
        }
    }

    @Test func theRemarkSaysWhereLearningByHeartBegins() throws {
        try withTrainingFolder { folder in
            try Self.train(folder)
            func record(_ losses: [Double]) throws -> TrainingRecord {
                let lines = losses.enumerated().map { "{\"step\":\($0 + 1),\"loss\":\($1),\"perplexity\":1}\n" }
                try Data(lines.joined().utf8).write(to: folder.appendingPathComponent("validation.jsonl"))
                return try TrainingRecord(folder)
            }
            #expect(TrainingReport.remark(try record([3, 2, 1])) == nil)
            #expect(
                TrainingReport.remark(try record([3, 1, 2]))
                    == "Validation loss is least after step 2 (1) and 2 at the end, while training loss goes on: from there on the "
                    + "run learns its examples by heart. best/ holds what it was after step 2.")
        }
    }
}
