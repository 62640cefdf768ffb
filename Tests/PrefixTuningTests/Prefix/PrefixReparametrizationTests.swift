import Foundation
import LanguageModels
@testable import PrefixTuning
import Tensors
import TestSupport
import Testing
import Tokenizers

/// The paper's MLP against PyTorch in float64 (Tests/Goldens/prefix/generate.py).
@Suite("Reparametrisation against PyTorch") @Compute struct PrefixReparametrizationTests {
    struct Golden: Decodable {
        struct Run: Decodable { var losses, gradient_norms, learning_rates: [Double] }
        var batch_size, hidden, prefix_length, steps, warmup: Int
        var learning_rate, weight_decay, epsilon, clip: Double
        var betas: [Double]
        var examples: [PrefixGolden.Example]
        var runs: [String: Run]
    }

    nonisolated static let reductions: [TrainingSettings.Reduction] = [.mean, .sum]

    @Test("value of P")
    func value() throws {
        let (method, tensors, _) = try Self.method()
        let found = try method.prefix().values
        #expect(relativeError(found, try tensors.values("prefix.initial")) < 1e-6)
    }

    @Test("gradients of E, weights and biases", arguments: reductions)
    func gradients(reduction: TrainingSettings.Reduction) throws {
        let (method, tensors, golden) = try Self.method()
        let batch = golden.examples.prefix(golden.batch_size).map(\.tokenized)
        let targets = batch.reduce(0) { $0 + $1.targetCount }
        let start = method.beginStep(dropoutSeed: 0)
        let (loss, _) = TargetLoss.evaluate(
            batch, model: method.model.network, start: start,
            weight: 1 / Float(reduction == .mean ? targets : batch.count))
        method.passTape.backward(from: loss)
        method.endStep()
        #expect(method.parameters.count == 5)
        for (name, value) in method.parameters {
            let found = try #require(value.gradient?.value, "\(name) has no gradient").values
            let error = relativeError(found, try tensors.values("grad.\(reduction).\(name)"))
            #expect(error < 1e-5, "\(name): \(error)")
        }
    }

    @Test("five steps of AdamW with weight decay, clipping and a linear schedule", arguments: reductions)
    func training(reduction: TrainingSettings.Reduction) throws {
        let (method, tensors, golden) = try Self.method()
        let run = try #require(golden.runs[reduction.rawValue])
        var settings = TrainingSettings()
        settings.duration = .steps(golden.steps)
        settings.batchSize = golden.batch_size
        settings.learningRate = golden.learning_rate
        (settings.schedule, settings.warmupSteps) = (.linear, golden.warmup)
        (settings.reduction, settings.shuffles) = (reduction, false)
        settings.optimizer.weightDecay = golden.weight_decay
        settings.optimizer.epsilon = golden.epsilon
        settings.optimizer.clip = golden.clip
        let trainer = try Trainer(method, examples: golden.examples.map(\.tokenized), settings: settings)
        var steps: [Trainer.Step] = []
        while !trainer.isFinished { steps.append(try trainer.step()) }
        #expect(relativeDifference(steps.map(\.loss), run.losses) < 1e-5)
        #expect(relativeDifference(steps.map(\.gradientNorm), run.gradient_norms) < 1e-4)
        #expect(relativeDifference(steps.map(\.learningRate), run.learning_rates) < 1e-12)
        for (name, value) in method.parameters {
            let error = relativeDistance(value.values, try tensors.values("final.\(reduction).\(name)"))
            #expect(error < 1e-5, "\(name): \(error)")
        }
        let error = relativeDistance(try method.prefix().values, try tensors.values("prefix.final.\(reduction)"))
        #expect(error < 1e-5, "P: \(error)")
    }

    @Test("fitting the network to a prefix leaves E as it is")
    func fit() throws {
        let (method, _, golden) = try Self.method()
        let mlp = try #require(method.parametrizations.first?.parametrization as? MLPPrefix)
        let shape = method.model.network.shape
        var generator = SeededGenerator(seed: 3)
        let target = Tensor(
            (0..<golden.prefix_length * shape.prefixRowWidth).map { _ in Float(generator.normal()) },
            shape: [golden.prefix_length, shape.prefixRowWidth])
        @Compute func error() -> Double {
            let p = mlp.evaluate().values
            return zip(p, target.values).reduce(0) { $0 + Double(($1.0 - $1.1) * ($1.0 - $1.1)) } / Double(p.count)
        }
        let before = method.bits, first = error()
        #expect(abs(mlp.fit(target, steps: 0) - first) < 1e-6 * first)
        #expect(method.bits == before)
        let reported = mlp.fit(target, steps: 300, learningRate: 1e-2)
        #expect(reported < first / 50, "\(first) → \(reported)")
        #expect(abs(error() - reported) < 1e-4 * first)
        #expect(method.bits[0] == before[0], "E was changed")
        for (index, name) in method.parameters.map(\.name).enumerated().dropFirst() {
            #expect(method.bits[index] != before[index], "\(name) was not changed")
        }
        #expect(method.parameters.allSatisfy { $0.value.gradient?.value == nil })
    }

    @Test("words give the MLP something to be fitted to")
    func wordsThroughMLP() throws {
        let model = try TinyModel.worded()
        var settings = PrefixMethod.Settings.tiny(length: nil, hiddenWidth: 64)
        let random = try PrefixMethod(
            model: model, settings: .tiny(length: 5, hiddenWidth: 64), seed: 1)
        settings.initialization = .words("the text")
        let method = try PrefixMethod(model: model, settings: settings, seed: 1)
        let target = try #require(model.keyValues(of: model.tokenizer.encode(" the text"))[.decoder])
        let fitted = relativeDistance(try method.prefix().values, target.values)
        #expect(try method.prefix().length == target.rows)
        #expect(method.parameters[0].value.values.prefix(16) == random.parameters[0].value.values.prefix(16))
        settings.initialization = .random
        settings.length = target.rows
        let unfitted = try PrefixMethod(model: model, settings: settings, seed: 1).prefix().values
        #expect(fitted < 0.9 * relativeDistance(unfitted, target.values))
    }

    /// The golden's method and tensors.
    static func method() throws -> (PrefixMethod, PrefixGolden, Golden) {
        let golden: Golden = try PrefixGolden.decode("reparametrization/training.json")
        let tensors = try PrefixGolden("reparametrization/tensors.safetensors")
        let method = try PrefixMethod(
            model: TinyModel.golden("tied"),
            settings: .tiny(length: golden.prefix_length, hiddenWidth: golden.hidden), seed: 1)
        for (name, value) in method.parameters { value.assign(try tensors.values("initial.\(name)")) }
        return (method, tensors, golden)
    }
}
