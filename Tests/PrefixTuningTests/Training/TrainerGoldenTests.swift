import Foundation
import LanguageModels
import PrefixTuning
import Tensors
import TestSupport
import Testing

/// Twenty steps of a flat prefix against PEFT and `torch.optim.AdamW` in float64 (Tests/Goldens/prefix/generate.py).
@Suite("Training against PEFT") @Compute struct TrainerGoldenTests {
    struct Golden: Decodable {
        struct Run: Decodable {
            var clip: Double
            var loss_reduction: TrainingSettings.Reduction
            var losses, gradient_norms: [Double]
        }
        var batch_size, prefix_length: Int
        var learning_rate, weight_decay, epsilon: Double
        var examples: [PrefixGolden.Example]
        var runs: [String: Run]
    }

    @Test("losses, gradient norms and the final prefix", arguments: ["plain", "clipped", "clipped-sum"], [256, 1])
    func training(name: String, tokensPerPass: Int) throws {
        let golden: Golden = try PrefixGolden.decode("training/training.json")
        let tensors = try PrefixGolden("training/prefixes.safetensors")
        let run = try #require(golden.runs[name])
        var settings = TrainingSettings()
        settings.duration = .steps(run.losses.count)
        (settings.batchSize, settings.shuffles) = (golden.batch_size, false)
        (settings.learningRate, settings.schedule) = (golden.learning_rate, .constant)
        (settings.reduction, settings.tokensPerPass) = (run.loss_reduction, tokensPerPass)
        settings.optimizer.weightDecay = golden.weight_decay
        settings.optimizer.epsilon = golden.epsilon
        settings.optimizer.clip = run.clip
        let method = try PrefixMethod(
            model: TinyModel.golden("tied"), settings: .tiny(length: golden.prefix_length, hiddenWidth: nil), seed: 1)
        method.parameters[0].value.assign(try tensors.values("initial"))
        let trainer = try Trainer(method, examples: golden.examples.map(\.tokenized), settings: settings)
        var steps: [Trainer.Step] = []
        while !trainer.isFinished { steps.append(try trainer.step()) }
        #expect(steps.count == 20)
        let losses = relativeDifference(steps.map(\.loss), run.losses)
        #expect(losses < 1e-5, "losses: \(losses)")
        let norms = relativeDifference(steps.map(\.gradientNorm), run.gradient_norms)
        #expect(norms < 1e-4, "gradient norms: \(norms)")
        let final = relativeDistance(try method.prefix().values, try tensors.values("final.\(name)"))
        #expect(final < 1e-5, "final prefix: \(final)")
    }
}
