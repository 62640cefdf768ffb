import Foundation
import LanguageModels
@testable import PrefixTuning
import Tensors
import TestSupport
import Testing

/// Same seed, same bits; and a run that was stopped anywhere continues as if it had not been.
@Suite("Training states") @Compute struct TrainerStateTests {
    /// What a run leaves: bits of parameters and moments, and every step's numbers.
    struct Outcome: Equatable {
        var bits: [[UInt32]]
        var losses: [UInt64]
        var epochs: [Int]

        @Compute init(_ trainer: Trainer, _ steps: [Trainer.Step]) {
            bits = trainer.optimizer.entries.flatMap { [$0.value, $0.first, $0.second] }
                .map { $0.values.map(\.bitPattern) }
            losses = steps.flatMap { [$0.loss, $0.gradientNorm, $0.learningRate] }.map(\.bitPattern)
            epochs = steps.map(\.epoch)
        }
    }

    @Test("the seed fixes every bit", arguments: [1, 2])
    func determinism(threads: Int) throws {
        let model = try TinyModel.worded()
        Compute.threads = threads
        defer { Compute.threads = 1 }
        @Compute func outcome(_ seed: UInt64) throws -> Outcome {
            try Self.train { try Self.prefixTrainer(model, seed: seed) }
        }
        let one = try outcome(1)
        #expect(try outcome(1) == one)
        let two = try outcome(2)
        #expect(two.bits != one.bits && two.losses != one.losses)
    }

    @Test("a run does not go on with weights of another precision")
    func precisions() throws {
        @Compute func trainer(_ precision: WeightPrecision) throws -> Trainer {
            let exact = try TinyModel.worded()
            let network = try GPT2(
                TinyModel.wordedConfiguration, reader: CheckpointReader(TensorsInMemory(TinyModel.wordedTensors())),
                use: .frozen(differentiable: true, precision: precision))
            return try Self.prefixTrainer(
                LanguageModel(
                    name: "worded", tokenizer: exact.tokenizer, configuration: TinyModel.wordedConfiguration,
                    network: network, precision: precision))
        }
        let first = try trainer(.int8)
        _ = try first.step()
        try withTrainingFolder { folder in
            try first.saveState(to: folder)
            #expect(throws: TrainingError.self) { try trainer(.float32).restoreState(from: folder) }
            let next = try trainer(.int8)
            try next.restoreState(from: folder)
            #expect(try next.step().loss == first.step().loss)
        }
    }

    @Test("dropout masks differ from step to step")
    func masks() throws {
        let method = try PrefixMethod(
            model: TinyModel.worded(), settings: .tiny(length: 3, hiddenWidth: nil, dropout: 0.3), seed: 1)
        var settings = TrainingSettings.tiny(batch: 4)
        settings.learningRate = 0
        let trainer = try Trainer(method, examples: TinyModel.examples(4, vocabulary: 300), settings: settings)
        var losses: Set<Double> = []
        while !trainer.isFinished { losses.insert(try trainer.step().loss) }
        #expect(losses.count == trainer.totalSteps)
    }

    @Test("a prefix run resumed after any step: MLP, dropout, shuffled data")
    func resumedPrefix() throws {
        let model = try TinyModel.worded()
        let whole = try Self.train { try Self.prefixTrainer(model) }
        #expect(whole.epochs == [0, 0, 1, 1, 1, 2, 2])
        for k in 0...7 {
            #expect(try Self.train(stoppingAfter: k) { try Self.prefixTrainer(model) } == whole, "after \(k) steps")
        }
    }

    @Test("a fine-tuning run resumed after any step: dropout, shuffled data")
    func resumedFineTuning() throws {
        try withTrainingFolder { folder in
            try TinyModel.writeWorded(to: folder)
            @Compute func trainer() throws -> Trainer {
                try Trainer(
                    FineTuning(folder: folder, dropout: 0.2), examples: TinyModel.examples(5, vocabulary: 300),
                    settings: Self.settings(seed: 1))
            }
            let whole = try Self.train(trainer)
            for k in 0...7 { #expect(try Self.train(stoppingAfter: k, trainer) == whole, "after \(k) steps") }
        }
    }

    @Test("the least validation loss is remembered")
    func bestLoss() throws {
        let model = try TinyModel.worded()
        try withTrainingFolder { folder in
            let trainer = try Self.prefixTrainer(model)
            trainer.bestValidationLoss = 0.1 + 0.2
            try trainer.saveState(to: folder)
            let other = try Self.prefixTrainer(model)
            try other.restoreState(from: folder)
            #expect(other.bestValidationLoss == 0.1 + 0.2)
        }
    }

    /// A change that makes another run.
    struct Change: CustomTestStringConvertible, Sendable {
        var testDescription: String
        var examples = 5
        var prefix: @Sendable (inout PrefixMethod.Settings) -> Void = { _ in }
        var training: @Sendable (inout TrainingSettings) -> Void = { _ in }
    }

    nonisolated static let changes = [
        Change(testDescription: "number of steps", training: { $0.duration = .steps(9) }),
        Change(testDescription: "learning rate", training: { $0.learningRate = 2e-2 }),
        Change(testDescription: "batch size", training: { $0.batchSize = 3 }),
        Change(testDescription: "seed", training: { $0.seed = 9 }),
        Change(testDescription: "reduction", training: { $0.reduction = .mean }),
        Change(testDescription: "schedule", training: { $0.schedule = .cosine }),
        Change(testDescription: "warm-up", training: { $0.warmupSteps = 2 }),
        Change(testDescription: "shuffling", training: { $0.shuffles = false }),
        Change(testDescription: "weight decay", training: { $0.optimizer.weightDecay = 0.1 }),
        Change(testDescription: "clip", training: { $0.optimizer.clip = 0.5 }),
        Change(testDescription: "tokens per pass", training: { $0.tokensPerPass = 1 }),
        Change(testDescription: "less data", examples: 4),
        Change(testDescription: "more data", examples: 6),
        Change(testDescription: "prefix length", prefix: { $0.length = 4 }),
        Change(testDescription: "hidden width", prefix: { $0.hiddenWidth = 7 }),
        Change(testDescription: "flat prefix", prefix: { $0.hiddenWidth = nil }),
    ]

    @Test("the state of another run is refused", arguments: changes)
    func otherRun(change: Change) throws {
        let model = try TinyModel.worded()
        try withTrainingFolder { folder in
            let first = try Self.prefixTrainer(model)
            _ = try first.step()
            try first.saveState(to: folder)
            var prefix = PrefixMethod.Settings.tiny(length: 3, hiddenWidth: 6, dropout: 0.2)
            var settings = Self.settings(seed: 1)
            change.prefix(&prefix)
            change.training(&settings)
            let method = try PrefixMethod(model: model, settings: prefix, seed: 1)
            let second = try Trainer(
                method, examples: TinyModel.examples(change.examples, vocabulary: 300), settings: settings)
            let before = method.bits
            do {
                try second.restoreState(from: folder)
                Issue.record("the state was taken")
            } catch let error as TrainingError {
                #expect(error.description.contains("belongs to another run"))
                #expect(method.bits == before)
            } catch let error as CheckpointError {
                #expect(!error.description.isEmpty)
            }
        }
    }

    @Test("how often a run saves and validates may change")
    func harmlessChanges() throws {
        let model = try TinyModel.worded()
        try withTrainingFolder { folder in
            let first = try Self.prefixTrainer(model)
            _ = try first.step()
            try first.saveState(to: folder)
            var settings = Self.settings(seed: 1)
            (settings.saveEvery, settings.validateEvery) = (3, 2)
            let method = try PrefixMethod(
                model: model, settings: .tiny(length: 3, hiddenWidth: 6, dropout: 0.2), seed: 1)
            let second = try Trainer(method, examples: TinyModel.examples(5, vocabulary: 300), settings: settings)
            try second.restoreState(from: folder)
            #expect(second.stepCount == 1)
        }
    }

    @Test("other methods, other numbers of threads, no state, a damaged state")
    func unusable() throws {
        let model = try TinyModel.worded()
        try withTrainingFolder { folder in
            let trainer = try Self.prefixTrainer(model)
            let nothing = failure(TrainingError.self) { try trainer.restoreState(from: folder) }
            #expect(nothing == .nothingToResume(folder: folder.path))
            #expect(!Trainer.hasState(in: folder))
            try trainer.saveState(to: folder)
            #expect(Trainer.hasState(in: folder))

            try TinyModel.writeWorded(to: folder.appendingPathComponent("model"))
            let fineTuning = try Trainer(
                FineTuning(folder: folder.appendingPathComponent("model")),
                examples: TinyModel.examples(5, vocabulary: 300), settings: Self.settings(seed: 1))
            let method = failure(TrainingError.self) { try fineTuning.restoreState(from: folder) }
            #expect(method?.description.contains("the method was prefix, not fine-tune") == true)

            let threads = Compute.threads
            Compute.threads = threads + 1
            let other = failure(TrainingError.self) { try trainer.restoreState(from: folder) }
            Compute.threads = threads
            #expect(other?.description.contains("the number of threads was \(threads)") == true)

            let file = folder.appendingPathComponent("state.safetensors")
            let data = try Data(contentsOf: file)
            try data.dropLast(100).write(to: file)
            #expect(throws: CheckpointError.self) { try trainer.restoreState(from: folder) }
        }
    }

    nonisolated static func settings(seed: UInt64) -> TrainingSettings {
        var settings = TrainingSettings.tiny()
        (settings.schedule, settings.shuffles, settings.seed) = (.linear, true, seed)
        settings.tokensPerPass = 10
        return settings
    }

    static func prefixTrainer(_ model: LanguageModel, seed: UInt64 = 1) throws -> Trainer {
        try Trainer(
            PrefixMethod(model: model, settings: .tiny(length: 3, hiddenWidth: 6, dropout: 0.2), seed: seed),
            examples: TinyModel.examples(5, vocabulary: 300), settings: settings(seed: seed))
    }

    /// Trains to the end; where told to, by way of a state saved after `k` steps and restored in a new trainer.
    static func train(stoppingAfter k: Int? = nil, _ make: () throws -> Trainer) throws -> Outcome {
        var trainer = try make(), steps: [Trainer.Step] = []
        while !trainer.isFinished {
            if steps.count == k { trainer = try restored(trainer, make) }
            steps.append(try trainer.step())
        }
        if steps.count == k { trainer = try restored(trainer, make) }
        return Outcome(trainer, steps)
    }

    private static func restored(_ trainer: Trainer, _ make: () throws -> Trainer) throws -> Trainer {
        try withTrainingFolder { folder in
            try trainer.saveState(to: folder)
            let next = try make()
            try next.restoreState(from: folder)
            return next
        }
    }
}
