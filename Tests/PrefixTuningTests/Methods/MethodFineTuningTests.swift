import Foundation
import LanguageModels
import PrefixTuning
import Tensors
import TestSupport
import Testing
import Tokenizers

/// Full fine-tuning against PyTorch in float64 (Tests/Goldens/prefix/finetune/generate.py), and its files.
@Suite("Fine-tuning") @Compute struct MethodFineTuningTests {
    struct Golden: Decodable {
        var batch_size, steps, warmup: Int
        var learning_rate, weight_decay, epsilon, clip: Double
        var losses, gradient_norms, learning_rates: [Double]
    }

    struct Data: Decodable { var examples: [PrefixGolden.Example] }

    @Test("three steps of AdamW over all weights")
    func training() throws {
        let golden: Golden = try PrefixGolden.decode("finetune/training.json")
        let data: Data = try PrefixGolden.decode("training/training.json")
        let tensors = try PrefixGolden("finetune/final.safetensors")
        let examples = data.examples.prefix(golden.steps * golden.batch_size).map(\.tokenized)
        var settings = TrainingSettings()
        (settings.duration, settings.batchSize) = (.steps(golden.steps), golden.batch_size)
        (settings.learningRate, settings.warmupSteps) = (golden.learning_rate, golden.warmup)
        (settings.reduction, settings.shuffles) = (.mean, false)
        settings.optimizer.weightDecay = golden.weight_decay
        settings.optimizer.epsilon = golden.epsilon
        settings.optimizer.clip = golden.clip
        let method = try Self.tied()
        let trainer = try Trainer(method, examples: examples, settings: settings)
        var steps: [Trainer.Step] = []
        while !trainer.isFinished { steps.append(try trainer.step()) }
        #expect(relativeDifference(steps.map(\.loss), golden.losses) < 1e-5)
        #expect(relativeDifference(steps.map(\.gradientNorm), golden.gradient_norms) < 1e-4)
        for (found, expected) in zip(steps.map(\.learningRate), golden.learning_rates) {
            #expect(abs(found - expected) < 1e-15)
        }
        #expect(method.parameters.count == 28)
        for (name, value) in method.parameters {
            let error = relativeDistance(value.values, try tensors.values(name))
            #expect(error < 1e-5, "\(name): \(error)")
        }
    }

    @Test("a trained model is written as a folder that gives the same logits")
    func write() throws {
        try withTrainingFolder { folder in
            try TinyModel.writeWorded(to: folder)
            let method = try FineTuning(folder: folder, dropout: 0)
            let text: [Int32] = [3, 99, 250, 0, 17]
            let before = method.model.logits(text)
            var settings = TrainingSettings()
            (settings.duration, settings.learningRate) = (.steps(3), 1e-2)
            let trainer = try Trainer(method, examples: TinyModel.examples(8, vocabulary: 300), settings: settings)
            while !trainer.isFinished { _ = try trainer.step() }
            let target = folder.appendingPathComponent("tuned")
            try method.write(to: target)
            let after = method.passTape.withoutRecording { method.model.logits(text) }
            #expect(relativeError(after, before) > 1e-2)
            #expect(try FineTuning(folder: target).bits == method.bits)
            #expect(relativeError(try LanguageModel.load(target).logits(text), after) < 1e-5)
            let loaded = try LanguageModel.load(target)
            #expect(try loaded.configuration.fileContents == method.model.configuration.fileContents)
            #expect(try loaded.tokenizer.encode(" the table") == method.model.tokenizer.encode(" the table"))
        }
    }

    @Test("dropout comes from config.json unless stated, differs by seed and is off at 0")
    func dropout() throws {
        try withTrainingFolder { folder in
            try TinyModel.writeWorded(to: folder)
            let x = Tensor([Float](repeating: 1, count: 20_000), shape: [20_000])
            @Compute func drawn(_ method: FineTuning, _ seed: UInt64) -> [Float]? {
                method.dropout(seed: seed)?(x).values
            }
            let stated = try FineTuning(folder: folder, dropout: 0.5), default_ = try FineTuning(folder: folder)
            #expect(try drawn(FineTuning(folder: folder, dropout: 0), 1) == nil)
            let half = try #require(drawn(stated, 1)), tenth = try #require(drawn(default_, 1))
            #expect(abs(half.count { $0 == 0 } - 10_000) < 300)
            #expect(abs(tenth.count { $0 == 0 } - 2_000) < 200)
            #expect(drawn(stated, 1) == half)
            #expect(drawn(stated, 2) != half)
            let twice = try #require(stated.dropout(seed: 1))
            #expect(twice(x).values != twice(x).values, "every place in the model has a mask of its own")
        }
    }

    @Test("attention dropout comes from config.json unless stated, or unless dropout is off")
    func attentionDropout() throws {
        try withTrainingFolder { folder in
            try TinyModel.writeWorded(to: folder)
            #expect(try FineTuning(folder: folder).fingerprint == "dropout 0.1, on attention 0.1")
            #expect(try FineTuning(folder: folder, dropout: 0).fingerprint == "dropout 0.0")
            #expect(
                try FineTuning(folder: folder, dropout: 0, attentionDropout: 0.2).fingerprint
                    == "dropout 0.0, on attention 0.2")
            #expect(try FineTuning(folder: folder, attentionDropout: 0).fingerprint == "dropout 0.1")
            #expect(throws: TrainingError.self) { _ = try FineTuning(folder: folder, attentionDropout: 1) }
            let examples = TinyModel.examples(4, vocabulary: 300)
            @Compute func losses(_ attention: Float, seed: UInt64) throws -> [Double] {
                var settings = TrainingSettings.tiny(batch: 4)
                (settings.learningRate, settings.seed) = (0, seed)
                let method = try FineTuning(folder: folder, dropout: 0, attentionDropout: attention)
                let trainer = try Trainer(method, examples: examples, settings: settings)
                return try [trainer.validationLoss(examples), trainer.step().loss, trainer.step().loss]
            }
            let none = try losses(0, seed: 1), some = try losses(0.3, seed: 1), others = try losses(0.3, seed: 2)
            #expect(none[0] == some[0] && abs(none[1] / none[2] - 1) < 1e-6)
            #expect(Set(some[1...] + others[1...] + [none[1]]).count == 5, "every step has its masks")
        }
    }

    @Test("dropout outside 0..<1 is refused", arguments: [-0.1, 1, 1.5, Float.nan])
    func badDropout(probability: Float) throws {
        try withTrainingFolder { folder in
            try TinyModel.writeWorded(to: folder)
            #expect(throws: TrainingError.self) { _ = try FineTuning(folder: folder, dropout: probability) }
        }
    }

    /// The golden model `tied` with trainable weights; a folder of its own, because the golden has no tokenizer.
    static func tied() throws -> FineTuning {
        try withTrainingFolder { folder in
            let frozen = try TinyModel.golden("tied")
            let golden = Fixtures.goldens.appendingPathComponent("gpt2/tied")
            for name in ["config.json", "model.safetensors"] {
                try FileManager.default.copyItem(
                    at: golden.appendingPathComponent(name), to: folder.appendingPathComponent(name))
            }
            try frozen.tokenizer.write(to: folder)
            return try FineTuning(folder: folder, dropout: 0)
        }
    }
}
