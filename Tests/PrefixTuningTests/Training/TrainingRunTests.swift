import Foundation
import LanguageModels
@testable import PrefixTuning
import Tensors
import TestSupport
import Testing

/// A run with its folder: what it writes, how it ends, how it continues.
@Suite("Training runs") @Compute struct TrainingRunTests {
    @Test("files, events and the summary of a finished run")
    func finished() throws {
        let model = try TinyModel.worded(), held = TinyModel.examples(3, vocabulary: 300, seed: 8)
        try withTrainingFolder { folder in
            let trainer = try Self.trainer(model)
            let run = try TrainingRun(
                trainer, validation: held, folder: folder, resumes: false, details: ["data": "tables"])
            var steps: [Trainer.Step] = [], saved: [Int] = []
            var validations: [(step: Int, loss: Double, isBest: Bool)] = []
            let (ending, summary) = try run.run(report: { event in
                switch event {
                case .step(let step, let rate, let left):
                    steps.append(step)
                    #expect(rate > 0 && left >= 0)
                case .validation(let step, let loss, let isBest): validations.append((step, loss, isBest))
                case .saved(let step): saved.append(step)
                case .ranks: Issue.record("there is one rank")
                }
            })
            #expect(ending == .finished)
            #expect(steps.map(\.number) == Array(1...8))
            #expect(saved == [3, 6, 8])
            #expect(validations.map(\.step) == [3, 6, 8], "at the end of each epoch, and at the end")

            let lines = try Self.lines(folder, "metrics.jsonl")
            #expect(lines.map { $0["step"] } == (1...8).map(Double.init))
            #expect(lines.map { $0["loss"] } == steps.map(\.loss))
            #expect(lines.map { $0["token_loss"] } == steps.map(\.tokenLoss))
            #expect(lines.map { $0["gradient_norm"] } == steps.map(\.gradientNorm))
            #expect(lines.map { $0["learning_rate"] } == steps.map(\.learningRate))
            #expect(lines.map { $0["tokens"] } == steps.map { Double($0.tokens) })
            let seconds = lines.compactMap { $0["seconds"] }
            #expect(seconds == seconds.sorted() && seconds[0] > 0)
            let losses = try Self.lines(folder, "validation.jsonl")
            #expect(losses.map { $0["loss"] } == validations.map(\.loss))
            #expect(losses.map { $0["perplexity"] } == validations.map { exp($0.loss) })

            let best = try #require(validations.map(\.loss).min())
            #expect(summary.ending == .finished && summary.steps == 8 && summary.method == "prefix")
            #expect(summary.model == "worded" && summary.details == ["data": "tables"])
            #expect(summary.tokens == steps.reduce(0) { $0 + $1.tokens })
            #expect(summary.best_validation_loss == best && summary.last_loss == steps.last?.tokenLoss)
            #expect(summary.seconds == seconds.last && summary.tokens_per_second > 0)
            #expect(summary.trainable_parameters == trainer.method.trainableParameterCount)
            #expect(summary.stored_parameters == 3 * 64)
            #expect(summary.model_parameters == TinyModel.wordedConfiguration.parameterCount)
            #expect(summary.settings == trainer.settings && summary.threads == Compute.threads)
            #expect(summary.peak_memory_bytes > 1 << 20)
            let written = try JSONDecoder().decode(
                TrainingSummary.self, from: Data(contentsOf: folder.appendingPathComponent("summary.json")))
            #expect(written.steps == 8 && written.best_validation_loss == best && written.settings == summary.settings)

            let prefix = try Prefix(folder: folder, model: model.network.shape)
            #expect(prefix == (try (trainer.method as? PrefixMethod)?.prefix()))
            #expect(Trainer.hasState(in: folder.appendingPathComponent("training-state")))
        }
    }

    @Test("best/ holds the prefix of the least validation loss")
    func best() throws {
        let model = try TinyModel.worded()
        // Learning the training examples by heart at a high rate makes others worse: the best is not the last.
        let held = TinyModel.examples(6, vocabulary: 300, seed: 8)
        try withTrainingFolder { folder in
            var settings = TrainingSettings.tiny(batch: 5)
            (settings.duration, settings.learningRate, settings.validateEvery) = (.steps(30), 0.3, 2)
            let trainer = try Self.trainer(model, settings)
            let run = try TrainingRun(trainer, validation: held, folder: folder, resumes: false)
            var validations: [(step: Int, loss: Double, isBest: Bool)] = []
            let (_, summary) = try run.run(report: { event in
                if case .validation(let step, let loss, let isBest) = event { validations.append((step, loss, isBest)) }
            })
            #expect(validations.map(\.step) == Array(stride(from: 2, through: 30, by: 2)))
            var least = Double.infinity
            for validation in validations {
                #expect(validation.isBest == (validation.loss < least))
                least = min(least, validation.loss)
            }
            #expect(summary.best_validation_loss == least)
            #expect(try #require(validations.last).loss > least, "the test needs a run that gets worse")
            @Compute func loss(_ folder: URL) throws -> Double {
                let start = try Prefix(folder: folder, model: model.network.shape).keyValues(for: model.network.shape)
                let losses = held.flatMap { model.losses($0, after: start) }
                return losses.reduce(0, +) / Double(losses.count)
            }
            #expect(abs(try loss(folder.appendingPathComponent("best")) - least) < 1e-5 * least)
            #expect(abs(try loss(folder) - (try #require(validations.last).loss)) < 1e-5 * least)
        }
    }

    @Test("an interrupted run saves, and continues to the same bits and the same lines", arguments: [0, 1, 3, 4, 7])
    func interrupted(stop: Int) throws {
        let model = try TinyModel.worded(), held = TinyModel.examples(3, vocabulary: 300, seed: 8)
        try withTrainingFolder { folder in
            @Compute func run(_ name: String, resumes: Bool, stop: Int) throws -> (
                Trainer, TrainingRun.Ending, TrainingSummary
            ) {
                let trainer = try Self.trainer(model)
                let run = try TrainingRun(
                    trainer, validation: held, folder: folder.appendingPathComponent(name), resumes: resumes)
                let (ending, summary) = try run.run(shouldStop: { trainer.stepCount == stop })
                return (trainer, ending, summary)
            }
            let (whole, _, expected) = try run("whole", resumes: false, stop: 100)
            let (first, ending, summary) = try run("parts", resumes: false, stop: stop)
            #expect(ending == .interrupted && summary.ending == .interrupted && summary.steps == stop)
            #expect(first.stepCount == stop)
            let parts = folder.appendingPathComponent("parts")
            #expect(throws: Never.self) { try Prefix(folder: parts, model: model.network.shape) }
            let (second, end, continued) = try run("parts", resumes: true, stop: 100)
            #expect(end == .finished && continued.steps == 8)
            #expect(second.method.bits == whole.method.bits)
            #expect(continued.tokens == expected.tokens)
            #expect(continued.best_validation_loss == expected.best_validation_loss)
            for file in ["metrics.jsonl", "validation.jsonl"] {
                let found = try Self.lines(parts, file),
                    other = try Self.lines(
                        folder.appendingPathComponent("whole"), file)
                for key in ["step", "loss", "gradient_norm", "tokens"] {
                    #expect(found.map { $0[key] } == other.map { $0[key] }, "\(file): \(key)")
                }
            }
        }
    }

    @Test("lines of steps after the saved state are dropped when a crashed run is resumed")
    func crashed() throws {
        let model = try TinyModel.worded()
        try withTrainingFolder { folder in
            let whole = folder.appendingPathComponent("whole"), parts = folder.appendingPathComponent("parts")
            _ = try TrainingRun(Self.trainer(model), validation: [], folder: whole, resumes: false).run()
            let trainer = try Self.trainer(model)
            _ = try TrainingRun(trainer, validation: [], folder: parts, resumes: false)
                .run(shouldStop: { trainer.stepCount == 3 })
            // As a crash after the fifth step would leave it.
            let lines = String(
                decoding: try Data(contentsOf: parts.appendingPathComponent("metrics.jsonl")), as: UTF8.self)
            let later = "{\"step\":4,\"loss\":9,\"tokens\":5}\n{\"step\":5,\"lo"
            try Data((lines + later).utf8).write(to: parts.appendingPathComponent("metrics.jsonl"))
            _ = try TrainingRun(Self.trainer(model), validation: [], folder: parts, resumes: true).run()
            let found = try Self.lines(parts, "metrics.jsonl"), expected = try Self.lines(whole, "metrics.jsonl")
            #expect(found.map { $0["loss"] } == expected.map { $0["loss"] })
            #expect(found.map { $0["step"] } == (1...8).map(Double.init))
        }
    }

    @Test("a metrics file keeps the lines that the state counts, whatever they hold")
    func metricsFile() throws {
        try withTrainingFolder { folder in
            let url = folder.appendingPathComponent("metrics.jsonl")
            @Compute func line(_ step: Int) -> String { "{\"seconds\":\(step),\"step\":\(step),\"tokens\":7}\n" }
            let four = (1...4).map { line($0) }.joined()
            for ending in ["", "{\"step\": 5, \"lo", "garbage\n", "{\"step\": 1e300}\n", line(5), "{}\n", "\n\n"] {
                try Data((four + ending).utf8).write(to: url)
                let file = try MetricsFile(url, keeping: 4, upTo: 4)
                #expect(file.count == 4 && file.last["seconds"] == 4 && file.start?.tokens == 14, "\(ending)")
                #expect(try Data(contentsOf: url) == Data(four.utf8), "\(ending)")
            }
            for damaged in ["garbage\n", "{\"step\":\n", "{\"step\":-1e300,\"tokens\":1e300}\n", "\n", "[1]\n"] {
                let text = line(1) + damaged + line(3) + line(4)
                try Data((text + line(5)).utf8).write(to: url)
                let file = try MetricsFile(url, keeping: 4, upTo: 4)
                #expect(file.count == 4 && file.last["seconds"] == 4 && file.start == nil, "\(damaged)")
                #expect(try Data(contentsOf: url) == Data(text.utf8), "\(damaged)")
            }
            // A line that somebody took away makes no room for one of a later step.
            try Data((line(1) + line(3) + line(4) + line(5)).utf8).write(to: url)
            #expect(try MetricsFile(url, keeping: 4, upTo: 4).count == 3)
            var file = try MetricsFile(url, keeping: 3, upTo: 4)
            try file.append(["step": 5.0, "seconds": 9])
            #expect(file.count == 4 && file.last["seconds"] == 9)
            #expect(try Self.lines(folder, "metrics.jsonl").compactMap { $0["step"] } == [1, 3, 4, 5])
            _ = try MetricsFile(url, keeping: 0, upTo: 0)
            #expect(try Data(contentsOf: url).isEmpty)
        }
    }

    @Test(
        "damaged lines of metrics survive a resumed run, and its summary counts all tokens", arguments: ["{", "1e300"])
    func damagedMetrics(damage: String) throws {
        let model = try TinyModel.worded()
        try withTrainingFolder { folder in
            let whole = folder.appendingPathComponent("whole"), parts = folder.appendingPathComponent("parts")
            let (_, expected) = try TrainingRun(Self.trainer(model), validation: [], folder: whole, resumes: false)
                .run()
            let trainer = try Self.trainer(model)
            _ = try TrainingRun(trainer, validation: [], folder: parts, resumes: false)
                .run(shouldStop: { trainer.stepCount == 5 })
            let file = parts.appendingPathComponent("metrics.jsonl")
            var lines = String(decoding: try Data(contentsOf: file), as: UTF8.self).split(separator: "\n").map(
                String.init)
            lines[2] = damage == "{" ? damage : "{\"step\":-1e300,\"tokens\":1e300,\"seconds\":1e300}"
            try Data((lines.joined(separator: "\n") + "\n").utf8).write(to: file)
            let (_, summary) = try TrainingRun(Self.trainer(model), validation: [], folder: parts, resumes: true).run()
            #expect(summary.tokens == expected.tokens && summary.steps == 8 && summary.tokens_per_second > 0)
            let found = String(decoding: try Data(contentsOf: file), as: UTF8.self).split(separator: "\n").map(
                String.init)
            #expect(found.count == 8 && found.prefix(5) == lines[...])
        }
    }

    @Test("a folder with a run is not written over")
    func folderInUse() throws {
        let model = try TinyModel.worded()
        try withTrainingFolder { folder in
            _ = try TrainingRun(Self.trainer(model), validation: [], folder: folder, resumes: false).run()
            let before = try Data(contentsOf: folder.appendingPathComponent("metrics.jsonl"))
            let error = failure(TrainingError.self) {
                _ = try TrainingRun(Self.trainer(model), validation: [], folder: folder, resumes: false)
            }
            #expect(error == .folderInUse(folder: folder.path))
            #expect(try Data(contentsOf: folder.appendingPathComponent("metrics.jsonl")) == before)
            let empty = failure(TrainingError.self) {
                _ = try TrainingRun(
                    Self.trainer(model), validation: [], folder: folder.appendingPathComponent("new"), resumes: true)
            }
            let state = folder.appendingPathComponent("new/training-state").path
            #expect(empty == .nothingToResume(folder: state))
        }
    }

    @Test("a finished run that is resumed does nothing and keeps its summary")
    func resumedAtEnd() throws {
        let model = try TinyModel.worded()
        try withTrainingFolder { folder in
            let first = try TrainingRun(Self.trainer(model), validation: [], folder: folder, resumes: false).run()
            let lines = try Self.lines(folder, "metrics.jsonl")
            let (ending, summary) = try TrainingRun(
                Self.trainer(model), validation: [], folder: folder, resumes: true
            ).run(report: { _ in Issue.record("nothing was left to do") })
            #expect(ending == .finished && summary.steps == 8 && summary.tokens == first.summary.tokens)
            #expect(summary.last_loss == first.summary.last_loss)
            #expect(try Self.lines(folder, "metrics.jsonl") == lines)
        }
    }

    @Test("divergence keeps the last saved state and prefix; a validation loss that is no number is divergence, too")
    func divergence() throws {
        let model = try TinyModel.worded()
        for validateEvery in [1, 100] {
            try withTrainingFolder { folder in
                var settings = TrainingSettings.tiny()
                (settings.duration, settings.learningRate, settings.saveEvery) = (.steps(50), 1e38, 1)
                settings.validateEvery = validateEvery
                let run = try TrainingRun(
                    Self.trainer(model, settings), validation: TinyModel.examples(3, vocabulary: 300, seed: 8),
                    folder: folder, resumes: false)
                let error = failure(TrainingError.self) { _ = try run.run() }
                guard case .diverged = try #require(error) else { throw try #require(error) }
                #expect(Trainer.hasState(in: folder.appendingPathComponent("training-state")))
                let hasCheckpoint = FileManager.default.fileExists(
                    atPath: folder.appendingPathComponent("adapter_model.safetensors").path)
                let saysSo = try #require(error).description.contains("the last good checkpoint was kept")
                #expect(saysSo == hasCheckpoint)
            }
        }
    }

    @Test("no checkpoint is spoken of where none was written")
    func divergenceAtOnce() throws {
        let model = try TinyModel.worded()
        try withTrainingFolder { folder in
            var settings = TrainingSettings.tiny()
            (settings.duration, settings.learningRate) = (.steps(50), 1e38)
            let run = try TrainingRun(Self.trainer(model, settings), validation: [], folder: folder, resumes: false)
            let error = try #require(failure(TrainingError.self) { _ = try run.run() })
            #expect(error.description.hasSuffix("; start again with a lower learning rate or a warm-up"))
        }
    }

    @Test("a run that is stopped within a step, or within a validation, continues to the same bits", arguments: 0..<24)
    func stoppedAnywhere(query: Int) throws {
        let model = try TinyModel.worded(), held = TinyModel.examples(6, vocabulary: 300, seed: 8)
        try withTrainingFolder { folder in
            @Compute func run(_ name: String, resumes: Bool, stop: Int) throws -> (TrainingRun.Ending, Trainer) {
                let trainer = try Self.trainer(model)
                let run = try TrainingRun(
                    trainer, validation: held, folder: folder.appendingPathComponent(name), resumes: resumes)
                var asked = 0
                let ending = try run.run(shouldStop: {
                    asked += 1
                    return asked > stop
                }).ending
                return (ending, trainer)
            }
            let (_, whole) = try run("whole", resumes: false, stop: .max)
            let (ending, _) = try run("parts", resumes: false, stop: query)
            #expect(ending == .interrupted, "the test asks at moments of the run")
            let (_, parts) = try run("parts", resumes: true, stop: .max)
            #expect(parts.method.bits == whole.method.bits)
            for name in [
                "training-state/state.safetensors", "adapter_model.safetensors", "best/adapter_model.safetensors",
            ] {
                let files = try ["whole", "parts"].map {
                    try Data(contentsOf: folder.appendingPathComponent("\($0)/\(name)"))
                }
                #expect(files[0] == files[1], "\(name)")
            }
            let losses = try ["whole", "parts"].map {
                try Self.lines(folder.appendingPathComponent($0), "validation.jsonl")
            }
            #expect(losses[0] == losses[1])
        }
    }

    @Test("one run at a time works in a folder")
    func locked() throws {
        let model = try TinyModel.worded()
        try withTrainingFolder { folder in
            let run = try TrainingRun(Self.trainer(model), validation: [], folder: folder, resumes: false)
            let error = failure(CheckpointError.self) {
                _ = try TrainingRun(Self.trainer(model), validation: [], folder: folder, resumes: false)
            }
            guard case .inUse(_, let holder)? = error else { throw try #require(error) }
            #expect(holder.hasPrefix("process \(ProcessInfo.processInfo.processIdentifier) on "))
            _ = try run.run()
        }
    }

    static func trainer(_ model: LanguageModel, _ settings: TrainingSettings? = nil) throws -> Trainer {
        var standard = TrainerStateTests.settings(seed: 1)
        (standard.duration, standard.saveEvery) = (.steps(8), 3)
        return try Trainer(
            PrefixMethod(model: model, settings: .tiny(length: 3, hiddenWidth: 6, dropout: 0.2), seed: 1),
            examples: TinyModel.examples(5, vocabulary: 300), settings: settings ?? standard)
    }

    static func lines(_ folder: URL, _ name: String) throws -> [[String: Double]] {
        try Data(contentsOf: folder.appendingPathComponent(name)).split(separator: UInt8(ascii: "\n"))
            .map { try JSONDecoder().decode([String: Double].self, from: $0) }
    }
}
