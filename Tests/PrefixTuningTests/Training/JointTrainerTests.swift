import Foundation
import LanguageModels
@testable import PrefixTuning
import Tensors
import TestSupport
import Testing

/// Runs that share passes through the model come to what they come to alone.
@Suite("Training several prefixes together") @Compute struct JointTrainerTests {
    struct Plan: Sendable {
        var length = 3
        var hiddenWidth: Int? = nil
        var batch = 2
        var steps = 7
        var rate = 1e-2
        var examples = 9
        var seed: UInt64 = 1
        var dropout: Float = 0
    }

    nonisolated static let plans = [
        Plan(), Plan(length: 1, hiddenWidth: 5, batch: 3, seed: 2), Plan(steps: 3, rate: 5e-2, examples: 4, seed: 3),
        Plan(length: 5, batch: 1, steps: 9, rate: 1e-3, seed: 4, dropout: 0.2),
    ]

    static func trainer(_ plan: Plan, _ model: LanguageModel, tape: Tape = Tape(), tokensPerPass: Int) throws -> Trainer
    {
        let method = try PrefixMethod(
            model: model,
            settings: .tiny(length: plan.length, hiddenWidth: plan.hiddenWidth, dropout: plan.dropout), seed: plan.seed,
            passTape: tape)
        var settings = TrainingSettings()
        (settings.duration, settings.batchSize, settings.learningRate) = (.steps(plan.steps), plan.batch, plan.rate)
        (settings.seed, settings.tokensPerPass) = (plan.seed, tokensPerPass)
        return try Trainer(
            method, examples: TinyModel.examples(plan.examples, vocabulary: 300, seed: plan.seed), settings: settings)
    }

    @Test("seeds, lengths, rates, batches and data may differ", arguments: [1, 24, 256])
    func equalsAlone(tokensPerPass: Int) throws {
        let model = try TinyModel.worded(), tape = Tape()
        let together = try JointTrainer(
            Self.plans.map { try Self.trainer($0, model, tape: tape, tokensPerPass: tokensPerPass) })
        var steps = [[Trainer.Step]](repeating: [], count: Self.plans.count)
        while !together.isFinished {
            for (index, outcome) in together.step().enumerated() {
                if let outcome { steps[index].append(try outcome.get()) }
            }
        }
        #expect(steps.map(\.count) == Self.plans.map(\.steps))
        #expect(together.step().allSatisfy { $0 == nil })
        for (plan, (joint, steps)) in zip(Self.plans, zip(together.trainers, steps)) {
            let alone = try Self.trainer(plan, model, tokensPerPass: tokensPerPass)
            var own: [Trainer.Step] = []
            while !alone.isFinished { own.append(try alone.step()) }
            #expect(relativeDifference(steps.map(\.loss), own.map(\.loss)) < 1e-5)
            #expect(relativeDifference(steps.map(\.gradientNorm), own.map(\.gradientNorm)) < 1e-4)
            if tokensPerPass == 1 {
                // Every pass is one example, here as there: the same sums in the same order.
                #expect(joint.method.bits == alone.method.bits)
            } else {
                for (found, expected) in zip(joint.method.parameters, alone.method.parameters) {
                    let distance = relativeDistance(found.value.values, expected.value.values)
                    #expect(distance < 1e-5, "\(plan) \(found.name): \(distance)")
                }
            }
        }
    }

    @Test("a run that diverges stands still; the others go on")
    func divergence() throws {
        let model = try TinyModel.worded(), tape = Tape()
        let trainers = try [Plan(), Plan(seed: 2)].map { try Self.trainer($0, model, tape: tape, tokensPerPass: 256) }
        let together = try JointTrainer(trainers)
        _ = together.step()
        let value = trainers[0].method.parameters[0].value
        value.assign([Float](repeating: .nan, count: value.count))
        let outcomes = together.step()
        guard case .failure(.diverged(step: 2, _, _, _, _))? = outcomes[0], case .success(let step)? = outcomes[1]
        else {
            Issue.record("a divergence and a step were expected, not \(outcomes)")
            return
        }
        #expect(step.loss.isFinite && step.number == 2)
        while !together.isFinished { #expect(together.step()[0] == nil) }
        #expect(trainers[1].isFinished && trainers[0].stepCount == 1)
        #expect(trainers[1].method.parameters.allSatisfy { $0.value.isFinite })
    }

    @Test("runs in folders: the same files as alone")
    func folders() throws {
        let model = try TinyModel.worded(), tape = Tape(), held = TinyModel.examples(4, vocabulary: 300, seed: 77)
        try withTrainingFolder { folder in
            @Compute func run(_ plan: Plan, _ tape: Tape, _ name: String) throws -> TrainingRun {
                try TrainingRun(
                    Self.trainer(plan, model, tape: tape, tokensPerPass: 1), validation: held,
                    folder: folder.appendingPathComponent(name), resumes: false)
            }
            let joint = try JointTrainingRun(Self.plans.enumerated().map { try run($1, tape, "joint-\($0)") })
            let results = try joint.run()
            for (index, result) in results.enumerated() {
                guard case .ended(.finished, let summary) = result else {
                    Issue.record("run \(index) ended with \(result)")
                    continue
                }
                let (_, own) = try run(Self.plans[index], Tape(), "alone-\(index)").run()
                #expect(summary.steps == own.steps && summary.tokens == own.tokens)
                #expect(summary.best_validation_loss == own.best_validation_loss)
                for name in ["adapter_model.safetensors", "best/adapter_model.safetensors", "validation.jsonl"] {
                    let pair = try ["joint", "alone"].map {
                        try Data(contentsOf: folder.appendingPathComponent("\($0)-\(index)/\(name)"))
                    }
                    #expect(pair[0] == pair[1], "\(name) of run \(index)")
                }
            }
        }
    }

    @Test("a stop saves all runs, and they go on as if nothing had been")
    func stopping() throws {
        let model = try TinyModel.worded(), plans = Array(Self.plans.prefix(2))
        try withTrainingFolder { folder in
            @Compute func joint(_ name: String, resumes: Bool) throws -> JointTrainingRun {
                let tape = Tape()
                return try JointTrainingRun(
                    plans.enumerated().map { index, plan in
                        try TrainingRun(
                            Self.trainer(plan, model, tape: tape, tokensPerPass: 256), validation: [],
                            folder: folder.appendingPathComponent("\(name)-\(index)"), resumes: resumes)
                    })
            }
            var asked = 0
            let stopped = try joint("stopped", resumes: false).run(shouldStop: {
                asked += 1; return asked > 3
            })
            for result in stopped {
                guard case .ended(.interrupted, let summary) = result else {
                    Issue.record("an interruption was expected, not \(result)")
                    continue
                }
                #expect(summary.steps == 3)
            }
            _ = try joint("stopped", resumes: true).run()
            _ = try joint("whole", resumes: false).run()
            for index in plans.indices {
                let pair = try ["stopped", "whole"].map {
                    try Data(contentsOf: folder.appendingPathComponent("\($0)-\(index)/adapter_model.safetensors"))
                }
                #expect(pair[0] == pair[1])
            }
        }
    }

    @Test("passes that have rows of a run are counted")
    func passCounts() {
        #expect(JointTrainer.passCounts([2, 3, 1], of: [1, 2, 3]) == [2, 2, 1])
        #expect(JointTrainer.passCounts([4], of: [4]) == [1])
        #expect(JointTrainer.passCounts([1, 1, 1], of: [3]) == [1, 1, 1])
        #expect(JointTrainer.passCounts([3, 3], of: [1, 1, 1, 1, 1, 1]) == [3, 3])
    }

    @Test("what cannot share a pass is refused")
    func refusals() throws {
        let model = try TinyModel.worded(), other = try TinyModel.worded(), tape = Tape()
        @Compute func reason(_ trainers: () throws -> [Trainer]) -> String? {
            guard
                case .cannotJoin(let reason)? = failure(
                    TrainingError.self, of: { _ = try JointTrainer(trainers()) })
            else { return nil }
            return reason
        }
        let plan = Plan()
        @Compute func make(_ model: LanguageModel, _ tape: Tape, _ tokens: Int = 256) throws -> Trainer {
            try Self.trainer(plan, model, tape: tape, tokensPerPass: tokens)
        }
        #expect(reason { [] } == "there are none")
        #expect(reason { try [make(model, tape), make(other, tape)] } == "their models are not one and the same")
        #expect(reason { try [make(model, tape), make(model, Tape())] } == "they do not record on one tape")
        #expect(reason { try [make(model, tape), make(model, tape, 9)] } == "their passes are of different sizes")
        try withTrainingFolder { folder in
            try TinyModel.writeWorded(to: folder)
            let method = try FineTuning(folder: folder, dropout: 0)
            let trainer = try Trainer(
                method, examples: TinyModel.examples(4, vocabulary: 300), settings: TrainingSettings())
            #expect(reason { [trainer] } == "one trains weights inside the model")
        }
    }
}
