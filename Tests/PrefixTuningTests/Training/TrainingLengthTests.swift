import Foundation
import LanguageModels
@testable import PrefixTuning
import Tensors
import TestSupport
import Testing

/// Runs that end earlier, or go on longer, than they were begun for, and when they save.
@Suite("Lengths of training runs") @Compute struct TrainingLengthTests {
    private static func trainer(_ model: LanguageModel, steps: Int, patience: Int? = nil) throws -> Trainer {
        var settings = TrainingSettings.tiny(batch: 5)
        (settings.duration, settings.learningRate, settings.validateEvery) = (.steps(steps), 0.3, 2)
        (settings.patience, settings.schedule, settings.saveEvery) = (patience, .linear, 3)
        return try TrainingRunTests.trainer(model, settings)
    }

    private struct Course: Equatable {
        var losses: [Double] = []
        var ending: TrainingRun.Ending
        var steps: Int
    }

    private static func course(
        _ trainer: Trainer, in folder: URL, resumes: Bool = false, extends: Bool = false, stop: Int = .max
    ) throws -> Course {
        let held = TinyModel.examples(6, vocabulary: 300, seed: 8)
        let run = try TrainingRun(trainer, validation: held, folder: folder, resumes: resumes, extends: extends)
        var losses: [Double] = []
        let (ending, summary) = try run.run(
            report: {
                if case .validation(_, let loss, _) = $0 { losses.append(loss) }
            }, shouldStop: { trainer.stepCount >= stop })
        return Course(losses: losses, ending: ending, steps: summary.steps)
    }

    @Test("patience ends a run after validations without a lower loss, also where it was interrupted among them")
    func patience() throws {
        let model = try TinyModel.worded()
        try withTrainingFolder { folder in
            let all = try Self.course(Self.trainer(model, steps: 30), in: folder.appendingPathComponent("all"))
            #expect(all.ending == .finished && all.losses.count == 15)
            // Where two losses in a row are not below the least before them.
            var least = Double.infinity, since = 0, expected = 0
            for loss in all.losses {
                expected += 1
                since = loss < least ? 0 : since + 1
                least = min(least, loss)
                if since == 2 { break }
            }
            #expect(since == 2 && expected < 15, "the test needs a run that gets worse before its end")

            let early = folder.appendingPathComponent("early")
            let course = try Self.course(Self.trainer(model, steps: 30, patience: 2), in: early)
            #expect(course.ending == .stoppedEarly && course.steps == 2 * expected)
            #expect(course.losses == Array(all.losses.prefix(expected)))
            let written = try TrainingSummary(contentsOf: early)
            #expect(written.ending == .stoppedEarly && written.steps == 2 * expected)
            // Nothing is left to do; with more patience it goes on.
            let again = try Self.course(Self.trainer(model, steps: 30, patience: 2), in: early, resumes: true)
            #expect(again.ending == .stoppedEarly && again.losses == [])
            let longer = try Self.course(Self.trainer(model, steps: 30, patience: 15), in: early, resumes: true)
            #expect(longer.ending == .finished && course.losses + longer.losses == all.losses)

            let broken = folder.appendingPathComponent("broken")
            let first = try Self.course(
                Self.trainer(model, steps: 30, patience: 2), in: broken, stop: 2 * expected - 1)
            #expect(first.ending == .interrupted)
            let second = try Self.course(Self.trainer(model, steps: 30, patience: 2), in: broken, resumes: true)
            #expect(second.ending == .stoppedEarly && first.losses + second.losses == course.losses)
        }
    }

    @Test("a finished run goes on for more steps where that is allowed, never for fewer")
    func extended() throws {
        let model = try TinyModel.worded()
        try withTrainingFolder { folder in
            #expect(try Self.course(Self.trainer(model, steps: 4), in: folder).ending == .finished)
            let longer = try Self.trainer(model, steps: 10)
            #expect(throws: TrainingError.self) { try Self.course(longer, in: folder, resumes: true) }
            #expect(throws: TrainingError.self) {
                try Self.course(Self.trainer(model, steps: 3), in: folder, resumes: true, extends: true)
            }
            let course = try Self.course(longer, in: folder, resumes: true, extends: true)
            #expect(longer.stepsBeforeExtension == 4 && course.ending == .finished && course.steps == 10)
            #expect(course.losses.count == 3)
            // The rate of the longer run's schedule: linear to 0 over 10 steps.
            let lines = try TrainingRunTests.lines(folder, "metrics.jsonl")
            #expect(lines.map { $0["step"] } == (1...10).map(Double.init))
            let rate = try #require(lines[4]["learning_rate"])
            #expect(abs(rate - 0.3 * (1 - 4.0 / 10)) < 1e-12)
            let whole = try Self.trainer(model, steps: 10)
            #expect(whole.stepsBeforeExtension == nil)
        }
    }

    @Test("a state is saved after a time, too")
    func saveInterval() throws {
        let model = try TinyModel.worded()
        try withTrainingFolder { folder in
            @Compute func saves(_ name: String, _ interval: Duration) throws -> [Int] {
                let run = try TrainingRun(
                    Self.trainer(model, steps: 5), validation: [], folder: folder.appendingPathComponent(name),
                    resumes: false, saveInterval: interval)
                var steps: [Int] = []
                _ = try run.run(report: { if case .saved(let step) = $0 { steps.append(step) } })
                return steps
            }
            let often = try saves("often", .zero), seldom = try saves("seldom", .seconds(3600))
            #expect(often == [1, 2, 3, 4, 5] && seldom == [3, 5])
        }
    }
}
