import Foundation
import LanguageModels
@testable import PrefixTuning
import Tensors
import TestSupport
import Testing

/// What a client of federated learning asks of training: FedProx, FFA-LoRA, and a summary of the round.
@Suite("Local rounds") @Compute struct LocalRoundTests {
    @Test("the proximal term is μ(w − w₀), added before clipping")
    func proximal() {
        Compute.threads = 1
        let start: [Float] = [1, -2, 0.5], gradients: [[Float]] = [[0.5, -1, 2], [3, 0.25, -1], [0, 0, 0]]
        let mu: Float = 0.75
        func parameter() -> Tensor { Tensor(start, shape: [3], tape: Tape()) }
        var settings = Optimizer.Settings()
        settings.clip = 1.5
        let plain = Optimizer([("w", parameter())], settings: settings)
        settings.proximal = Double(mu)
        let pulled = Optimizer([("w", parameter())], settings: settings)
        for (step, gradient) in gradients.enumerated() {
            let w = pulled.entries[0].value.values
            #expect(w == plain.entries[0].value.values)
            let whole = zip(gradient, zip(w, start)).map { $0 + mu * ($1.0 - $1.1) }
            plain.entries[0].value.gradient?.add(Tensor(whole, shape: [3]))
            // The last step has no gradient of the data: what was not reached is pulled back all the same.
            if step < 2 { pulled.entries[0].value.gradient?.add(Tensor(gradient, shape: [3])) }
            #expect(pulled.step(learningRate: 0.1) == plain.step(learningRate: 0.1), "step \(step)")
        }
        #expect(pulled.entries[0].value.values == plain.entries[0].value.values)
        #expect(pulled.entries[0].value.values != start)
    }

    @Test("a run with a proximal term is resumed to the same bits, by the start that its state holds")
    func resumedProximal() throws {
        let model = try TinyModel.worded()
        @Compute func trainer(_ seed: UInt64, _ proximal: Double? = 0.3) throws -> Trainer {
            var settings = TrainerStateTests.settings(seed: 1)
            settings.optimizer.proximal = proximal
            return try Trainer(
                PrefixMethod(model: model, settings: .tiny(length: 3, hiddenWidth: 6), seed: seed),
                examples: TinyModel.examples(5, vocabulary: 300), settings: settings)
        }
        let whole = try TrainerStateTests.train { try trainer(1) }
        #expect(try TrainerStateTests.train { try trainer(1, nil) } != whole)
        for k in [0, 1, 5] {
            var seed: UInt64 = 0
            let resumed = try TrainerStateTests.train(stoppingAfter: k) {
                seed += 1
                return try trainer(seed)
            }
            #expect(resumed == whole, "after \(k) steps")
        }
        try withTrainingFolder { folder in
            let first = try trainer(1)
            _ = try first.step()
            try first.saveState(to: folder)
            let refusal = failure(TrainingError.self) { try trainer(1, 0.4).restoreState(from: folder) }
            #expect(refusal?.description.contains("the proximal weight was 0.3, not 0.4") == true)
        }
        for bad in [-1, .nan, .infinity] as [Double] {
            let refusal = failure(TrainingError.self) { _ = try trainer(1, bad) }
            #expect(refusal?.description == "the proximal weight is \(bad), but a number from 0 on is needed")
        }
    }

    @Test("a frozen A is not trained, has no moments, and is written")
    func frozen() throws {
        try withTrainingFolder { folder in
            try TinyModel.writeWorded(to: folder.appendingPathComponent("model"))
            @Compute func method(_ seed: UInt64, frozen: Bool = true, dropout: Float = 0) throws -> LowRankMethod {
                var settings = LowRankMethod.Settings()
                (settings.rank, settings.frozen, settings.dropout) = (3, frozen ? .down : nil, dropout)
                settings.modelDropout = 0
                return try LowRankMethod(folder: folder.appendingPathComponent("model"), settings: settings, seed: seed)
            }
            @Compute func trainer(_ seed: UInt64, dropout: Float = 0) throws -> Trainer {
                try Trainer(
                    method(seed, dropout: dropout), examples: TinyModel.examples(5, vocabulary: 300),
                    settings: TrainerStateTests.settings(seed: 1))
            }
            func downs(_ name: String) throws -> [String: [Float]] {
                let file = try SafetensorsFile(folder.appendingPathComponent("\(name)/adapter_model.safetensors"))
                var found: [String: [Float]] = [:]
                for key in file.names where key.contains("lora_A") {
                    found[key] = try CheckpointReader(file).read(key, shape: file.shape(of: key) ?? [])
                }
                return found
            }
            let first = try trainer(1), whole = try method(1, frozen: false)
            #expect(first.optimizer.entries.allSatisfy { $0.name.contains("lora_B") })
            #expect(first.method.trainableParameterCount < whole.trainableParameterCount)
            #expect(first.method.storedParameterCount == whole.storedParameterCount)
            try first.method.write(to: folder.appendingPathComponent("before"))
            let outcome = try TrainerStateTests.train { first }
            try first.method.write(to: folder.appendingPathComponent("after"))
            #expect(try downs("before") == downs("after") && !downs("after").isEmpty)
            #expect(outcome.bits != (try TrainerStateTests.train { try trainer(2) }.bits))
            // Dropout on what A reads is there although A is not trained.
            #expect(try TrainerStateTests.train { try trainer(1, dropout: 0.5) }.losses != outcome.losses)
            #expect(try TrainerStateTests.train(stoppingAfter: 3) { try trainer(1) } == outcome)
            // A is in no state: another one is another run.
            let state = folder.appendingPathComponent("state")
            try first.saveState(to: state)
            let refusal = failure(TrainingError.self) { try trainer(2).restoreState(from: state) }
            #expect(refusal?.description.contains("A frozen (checksum ") == true)
            // Of two clients that share A, the mean of B is the mean of the products.
            let start = try LowRankStart(folder.appendingPathComponent("after"))
            var settings = start.settings
            (settings.frozen, settings.modelDropout) = (.down, 0)
            let next = try LowRankMethod(
                folder: folder.appendingPathComponent("model"), settings: settings, seed: 7, start: start)
            #expect(next.fingerprint == first.method.fingerprint && next.bits == first.method.bits)
        }
    }

    @Test("the summary of a round")
    func summary() throws {
        let model = try TinyModel.worded()
        let examples = TinyModel.examples(5, vocabulary: 300), held = TinyModel.examples(4, vocabulary: 300, seed: 9)
        @Compute func trainer() throws -> Trainer {
            try Trainer(
                PrefixMethod(model: model, settings: .tiny(length: 3, hiddenWidth: nil), seed: 1), examples: examples,
                settings: .tiny())
        }
        try withTrainingFolder { folder in
            let before = try trainer().validationLoss(held)
            // As a function of its own, which gives the folder free.
            @Compute func begin() throws {
                let one = try trainer()
                let run = try TrainingRun(one, validation: held, folder: folder, resumes: false)
                try one.measureStart(on: held)
                var left = 3
                _ = try run.run { _ in
                } shouldStop: {
                    left -= 1
                    return left < 0
                }
            }
            try begin()
            let two = try trainer()
            _ = try TrainingRun(two, validation: held, folder: folder, resumes: true).run()
            let round = try TrainingRound(two, in: folder)
            #expect(round.examples == 5 && round.target_tokens == examples.reduce(0) { $0 + $1.targetCount })
            #expect(round.loss_on == .validation && round.loss_before == before && round.steps == 7)
            #expect(round.loss_after == two.validationLoss(held) && round.loss_after != before)
            let file = folder.appendingPathComponent("adapter_model.safetensors")
            #expect(try round.bytes == Data(contentsOf: file).count && round.seconds > 0)
        }
        try withTrainingFolder { folder in
            let one = try trainer()
            _ = try TrainingRun(one, validation: [], folder: folder, resumes: false).run()
            let round = try TrainingRound(one, in: folder), steps = try TrainingRecord(folder).steps
            #expect(round.loss_on == .batches && round.loss_before == steps.first?.token_loss)
            #expect(round.loss_after == steps.last?.token_loss)
        }
    }
}
