import Foundation
@testable import LanguageModels
@testable import PrefixTuning
import Tensors
import TestSupport
import Testing

/// What prefix-tuning and fine-tuning train, drop out and keep.
@Suite("Tuning methods") @Compute struct MethodTests {
    @Test("counts of parameters")
    func counts() throws {
        let model = try TinyModel.worded(), row = model.network.shape.prefixRowWidth
        #expect(row == 64)
        let flat = try PrefixMethod(model: model, settings: .tiny(length: 3, hiddenWidth: nil), seed: 1)
        #expect(flat.trainableParameterCount == 3 * 64 && flat.storedParameterCount == 3 * 64)
        let mlp = try PrefixMethod(model: model, settings: .tiny(length: 3, hiddenWidth: 5), seed: 1)
        #expect(mlp.trainableParameterCount == 3 * 16 + 16 * 5 + 5 + 5 * 64 + 64)
        #expect(mlp.storedParameterCount == 3 * 64)
        var settings = PrefixMethod.Settings.tiny(length: 3, hiddenWidth: nil)
        settings.textPosition = .zero
        #expect(flat.reservedPositions == 3)
        #expect(try PrefixMethod(model: model, settings: settings, seed: 1).reservedPositions == 0)
        try withTrainingFolder { folder in
            try TinyModel.writeWorded(to: folder)
            let fineTuning = try FineTuning(folder: folder)
            #expect(fineTuning.trainableParameterCount == TinyModel.wordedConfiguration.parameterCount)
            #expect(fineTuning.storedParameterCount == fineTuning.trainableParameterCount)
            #expect(fineTuning.reservedPositions == 0)
            #expect(fineTuning.start() == nil && fineTuning.beginStep(dropoutSeed: 1) == nil)
        }
    }

    @Test("what a method starts from in evaluation is recorded nowhere", arguments: [nil, 5])
    func startIsConstant(hiddenWidth: Int?) throws {
        let model = try TinyModel.worded()
        let method = try PrefixMethod(model: model, settings: .tiny(length: 3, hiddenWidth: hiddenWidth), seed: 1)
        let start = try #require(method.start()?.decoder)
        for layer in start.layers { #expect(layer.source.gradient == nil) }
        #expect(start.matrix(keyWidth: model.network.shape.keyWidth).values == (try method.prefix().values))
    }

    @Test("dropout on P: elements are zero or enlarged, and P on average")
    func prefixDropout() throws {
        let model = try TinyModel.worded(), probability: Float = 0.25
        let method = try PrefixMethod(
            model: model, settings: .tiny(length: 3, hiddenWidth: nil, dropout: probability), seed: 1)
        let p = try method.prefix().values
        @Compute func dropped(_ seed: UInt64) throws -> [Float] {
            let start = try #require(method.beginStep(dropoutSeed: seed)?.decoder)
            method.endStep()
            return try #require(start.layers[0].source.tensor).values
        }
        #expect(try dropped(1) == dropped(1))
        #expect(try dropped(1) != dropped(2))
        let draws: UInt64 = 4000
        var sum = [Double](repeating: 0, count: p.count), zeros = 0, others = 0
        for seed in 0..<draws {
            for (index, value) in try dropped(seed).enumerated() {
                sum[index] += Double(value)
                if value == 0 {
                    zeros += 1
                } else if abs(value - p[index] / (1 - probability)) > 1e-6 * abs(p[index]) {
                    others += 1
                }
            }
        }
        #expect(others == 0)
        let n = Double(draws), total = n * Double(p.count)
        #expect(abs(Double(zeros) / total - 0.25) < 5 * (0.25 * 0.75 / total).squareRoot())
        // The standard error of a mean of n draws of x · mask is |x| √(0.25 / 0.75 / n).
        for (index, value) in p.enumerated() {
            #expect(abs(sum[index] / n - Double(value)) < 6 * Double(abs(value)) * (1 / 3 / n).squareRoot())
        }
        let start = try #require(method.start()?.decoder)
        #expect(start.matrix(keyWidth: model.network.shape.keyWidth).values == p, "evaluation drops nothing")
    }

    @Test("training a prefix changes no bit of the model")
    func frozen() throws {
        let model = try TinyModel.worded()
        let method = try PrefixMethod(model: model, settings: .tiny(length: 3, hiddenWidth: 5, dropout: 0.1), seed: 1)
        let text: [Int32] = [3, 99, 250, 0, 17]
        let without = model.logits(text), with = model.logits(text, after: method.start())
        var settings = TrainingSettings()
        (settings.duration, settings.learningRate) = (.steps(6), 0.05)
        let trainer = try Trainer(method, examples: TinyModel.examples(8, vocabulary: 300), settings: settings)
        while !trainer.isFinished { _ = try trainer.step() }
        #expect(model.logits(text).map(\.bitPattern) == without.map(\.bitPattern))
        #expect(model.logits(text, after: method.start()) != with)
        #expect(model.network.parameters.isEmpty)
    }

    @Test("an adapter written after training gives what the trained method gives")
    func writtenPrefix() throws {
        let model = try TinyModel.worded()
        var settings = PrefixMethod.Settings.tiny(length: 3, hiddenWidth: 5)
        settings.textPosition = .zero
        let method = try PrefixMethod(model: model, settings: settings, seed: 1)
        try withTrainingFolder { folder in
            try method.write(to: folder)
            let prefix = try Prefix(folder: folder, model: model.network.shape)
            #expect(prefix == (try method.prefix()))
            #expect(prefix.baseModel == "worded" && prefix.textPosition == .zero)
            let text: [Int32] = [3, 99, 250, 0, 17]
            let start = try prefix.keyValues(for: model.network.shape)
            #expect(model.logits(text, after: start) == model.logits(text, after: method.start()))
        }
    }
}
