import Foundation
import LanguageModels
@testable import PrefixTuning
import Tensors
import TestSupport
import Testing

/// What a saved state belongs to, and that damage to it is seen.
@Suite("Identity of training states") @Compute struct TrainingIdentityTests {
    /// Saves the state of a run after two steps.
    static func save(to folder: URL) throws {
        let trainer = try TrainerStateTests.prefixTrainer(TinyModel.worded())
        for _ in 0..<2 { _ = try trainer.step() }
        try trainer.saveState(to: folder)
    }

    @Test("a thousand flipped bits, a thousand refusals")
    func flippedBits() throws {
        try withTrainingFolder { folder in
            try Self.save(to: folder)
            let file = folder.appendingPathComponent("state.safetensors"), data = try Data(contentsOf: file)
            let trainer = try TrainerStateTests.prefixTrainer(TinyModel.worded())
            var generator = SeededGenerator(seed: 11), refused = 0
            for _ in 0..<1000 {
                let bit = Int.random(in: 0..<8 * data.count, using: &generator)
                var damaged = data
                damaged[bit / 8] ^= 1 << (bit % 8)
                try damaged.write(to: file)
                do {
                    try trainer.restoreState(from: folder)
                    Issue.record("bit \(bit) was not missed")
                } catch is CheckpointError {
                    refused += 1
                } catch is TrainingError {
                    refused += 1
                }
            }
            #expect(refused == 1000)
            try data.write(to: file)
            try trainer.restoreState(from: folder)
            #expect(trainer.stepCount == 2)
        }
    }

    @Test(
        "progress that no run can come to is refused, although the checksum is right",
        arguments: [
            #""position":1000000000"#, #""position":-1"#, #""position":1"#, #""epoch":-1"#,
            #""epoch":4611686018427387904"#,
            #""step_count":-5"#, #""step_count":3"#, #""total_steps":0"#, #""tokens":-1"#, #""validations":9"#,
            #""example_count":0"#, #""batch_size":0"#, #""batch_size":9223372036854775807"#, #""order":[0,1,2,3,9]"#,
            #""order":[0,1,2,3,3]"#, #""order":[]"#, #""state":[1,2,3]"#,
        ])
    func forgedProgress(change: String) throws {
        try withTrainingFolder { folder in
            try Self.save(to: folder)
            let name = change.prefix { $0 != ":" }, isList = change.hasSuffix("]")
            let pattern = try Regex("\(name):" + (isList ? "\\[[^\\]]*\\]" : "[^,}{\\[]+"))
            try Self.rewrite(folder) { text in
                #expect(text.contains(pattern))
                text = text.replacing(pattern, with: change)
            }
            let trainer = try TrainerStateTests.prefixTrainer(TinyModel.worded())
            do {
                try trainer.restoreState(from: folder)
                Issue.record("the state was taken")
            } catch {
                #expect("\(error)".contains("its progress is none that a run can come to"), "\(error)")
            }
            #expect(trainer.stepCount == 0)
        }
    }

    @Test("a state of before there were digests is refused by its version")
    func oldFormat() throws {
        try withTrainingFolder { folder in
            try Self.save(to: folder)
            try Self.rewrite(folder) { $0 = $0.replacing("\"format\":3,", with: "") }
            let trainer = try TrainerStateTests.prefixTrainer(TinyModel.worded())
            let error = failure(TrainingError.self) { try trainer.restoreState(from: folder) }
            #expect(error == .otherFormat(folder: folder.path, found: 1))
        }
    }

    @Test("a run does not go on with another base model of the same sizes")
    func otherWeights() throws {
        try withTrainingFolder { folder in
            try Self.save(to: folder)
            var tensors = TinyModel.wordedTensors()
            tensors["transformer.h.1.mlp.c_fc.weight"]?.values[17].negate()
            let trainer = try TrainerStateTests.prefixTrainer(TinyModel.worded(tensors))
            let error = failure(TrainingError.self) { try trainer.restoreState(from: folder) }
            #expect(
                error?.description.contains("belongs to another run: its base model had other weights (digest ") == true
            )
            #expect(trainer.stepCount == 0)
        }
    }

    @Test("fine-tuning does not go on with another base model either")
    func otherFineTunedWeights() throws {
        try withTrainingFolder { folder in
            let state = folder.appendingPathComponent("state"), base = folder.appendingPathComponent("base")
            try TinyModel.writeWorded(to: base)
            @Compute func trainer() throws -> Trainer {
                try Trainer(
                    FineTuning(folder: base, part: .topLayers(1)), examples: TinyModel.examples(5, vocabulary: 300),
                    settings: TrainerStateTests.settings(seed: 1))
            }
            try trainer().saveState(to: state)
            let next = try trainer()
            try next.restoreState(from: state)
            // One bit of one frozen weight, the lowest of its fraction.
            let file = base.appendingPathComponent("model.safetensors")
            var data = try Data(contentsOf: file)
            data[data.count - 4] ^= 1
            try data.write(to: file)
            let error = failure(TrainingError.self) { try trainer().restoreState(from: state) }
            #expect(error?.description.contains("its base model had other weights") == true)
        }
    }

    @Test("a run does not go on with other validation data")
    func otherValidation() throws {
        let model = try TinyModel.worded(), held = TinyModel.examples(3, vocabulary: 300, seed: 8)
        try withTrainingFolder { folder in
            let first = try TrainingRunTests.trainer(model)
            _ = try TrainingRun(first, validation: held, folder: folder, resumes: false)
                .run(shouldStop: { first.stepCount == 3 })
            for other in [[], Array(held.dropLast()), TinyModel.examples(3, vocabulary: 300, seed: 9)] {
                let error = failure(TrainingError.self) {
                    _ = try TrainingRun(
                        TrainingRunTests.trainer(model), validation: other, folder: folder, resumes: true)
                }
                #expect(error?.description.contains("another run: its validation data was another") == true)
            }
            let run = try TrainingRun(
                TrainingRunTests.trainer(model), validation: held, folder: folder, resumes: true)
            #expect(try run.run().ending == .finished)
        }
    }

    @Test("adapters record which weights they were trained on")
    func recorded() throws {
        let model = try TinyModel.worded()
        try withTrainingFolder { folder in
            let base = folder.appendingPathComponent("base"), settings = LowRankMethod.Settings()
            try TinyModel.writeWorded(to: base)
            let prefix = try PrefixMethod(model: model, settings: .tiny(length: 3, hiddenWidth: nil), seed: 1)
            try prefix.write(to: folder.appendingPathComponent("prefix"))
            #expect(try PrefixFile(folder.appendingPathComponent("prefix")).baseDigest == model.digest)
            let soft = try SoftPromptMethod(model: model, settings: .init(.prompt), seed: 1)
            try soft.write(to: folder.appendingPathComponent("soft"))
            #expect(try PrefixFile(folder.appendingPathComponent("soft")).baseDigest == model.digest)
            let infix = try InfixMethod(model: model, settings: .init(), seed: 1)
            try infix.write(to: folder.appendingPathComponent("infix"))
            #expect(try InfixFile(folder.appendingPathComponent("infix")).baseDigest == model.digest)
            let lora = try LowRankMethod(folder: base, settings: settings, seed: 1)
            try lora.write(to: folder.appendingPathComponent("lora"))
            let updates = try LowRankFile(folder.appendingPathComponent("lora"))
            #expect(updates.baseDigest == model.digest && model.digest != nil)
            let bottleneck = try BottleneckMethod(folder: base, settings: .init(), seed: 1)
            try bottleneck.write(to: folder.appendingPathComponent("bottleneck"))
            let adapters = try BottleneckFile(folder.appendingPathComponent("bottleneck"))
            #expect(adapters.baseDigest == model.digest)

            // With adapters in it, it is another model; its checkpoint is the same.
            for changed in [
                try LanguageModel.load(base, adapters: updates.updates()),
                try LanguageModel.load(base, adapters: updates.updates(merging: true)),
                try LanguageModel.load(base, trained: TrainedAdapters(bottleneck: adapters.adapters())),
            ] {
                #expect(changed.weightsDigest == model.digest && changed.digest != model.digest)
            }
            for precision in WeightPrecision.allCases
            where precision != .bfloat16 || Processor.multipliesBFloat16 {
                #expect(try LanguageModel.load(base, precision: precision).digest == model.digest, "\(precision)")
            }
        }
    }

    /// Changes the progress of a state, and makes its checksum right again.
    static func rewrite(_ folder: URL, _ change: (inout String) throws -> Void) throws {
        let file = folder.appendingPathComponent("state.safetensors"), data = [UInt8](try Data(contentsOf: file))
        let length = data.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
        var header =
            try JSONSerialization.jsonObject(with: Data(data[8..<8 + length])) as? [String: [String: Any]] ?? [:]
        var text = header["__metadata__"]?["prefixtune.progress"] as? String ?? ""
        try change(&text)
        header["__metadata__"]?["prefixtune.progress"] = text
        var written = [UInt8](try JSONSerialization.data(withJSONObject: header))
        written += Array(repeating: UInt8(ascii: " "), count: (8 - written.count % 8) % 8)
        var result = (0..<8).map { UInt8(truncatingIfNeeded: written.count >> (8 * $0)) } + written
        result += data[(8 + length)..<(data.count - 8)]
        var digester = Digester()
        result.withUnsafeBytes { digester.add($0) }
        let digest = digester.digest.value
        result += (0..<8).map { UInt8(truncatingIfNeeded: digest >> (8 * $0)) }
        try Data(result).write(to: file)
    }
}
