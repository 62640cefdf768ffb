import Foundation
@testable import LanguageModels
@testable import PrefixTuning
import Tensors
import TestSupport
import Testing

/// Bottleneck adapters and top layers in decoders against PyTorch in float64 (Tests/Goldens/adapters/generate.py); GPT-2's and
/// BART's are in ``MethodGoldenTests``.
@Suite("Adapters and top layers in every decoder") @Compute struct AdapterGoldenTests {
    struct Golden: Decodable {
        var examples: [PrefixGolden.Example]
        var losses: [String: Double]

        /// Of all examples.
        var targets: Int { examples.reduce(0) { $0 + $1.tokenized.tokens.count - $1.tokenized.targetStart } }
    }

    nonisolated static let models = [
        "opt-pre", "opt-post-projected", "neox-parallel", "neox-sequential-old", "llama-3", "qwen3-wide",
        "gemma3-window",
    ]
    private static let folder = Fixtures.goldens.appendingPathComponent("adapters")

    private static func golden(_ model: String) throws -> (Golden, SafetensorsFile) {
        let all = try JSONDecoder().decode(
            [String: Golden].self, from: Data(contentsOf: folder.appendingPathComponent("losses.json")))
        return (
            try #require(all[model]), try SafetensorsFile(folder.appendingPathComponent("\(model).safetensors"))
        )
    }

    private static func values(_ file: SafetensorsFile, _ key: String) throws -> [Float] {
        try CheckpointReader(file).read(key, shape: try #require(file.shape(of: key), "no \(key)"))
    }

    /// The loss, and the gradients of what is trained beside the goldens' under the prefix.
    private static func check(
        _ method: any TuningMethod, _ golden: Golden, loss key: String, gradients prefix: String,
        _ file: SafetensorsFile
    ) throws -> Tensor {
        let expected = file.names.filter { $0.hasPrefix(prefix) }.map { String($0.dropFirst(prefix.count)) }
        #expect(Set(method.parameters.map(\.name)) == Set(expected))
        let (loss, _) = TargetLoss.evaluate(
            golden.examples.map(\.tokenized), model: method.model.network, start: nil, weight: 1 / Float(golden.targets)
        )
        #expect(abs(Double(loss.values[0]) / (try #require(golden.losses[key])) - 1) < 1e-5)
        method.passTape.backward(from: loss)
        for (name, value) in method.parameters {
            let gradient = try #require(value.gradient?.value, "no gradient of \(name)").values
            let expected = try values(file, prefix + name)
            if expected.allSatisfy({ abs($0) < 1e-7 }) {
                // A bias of keys moves all scores of a query alike, which a softmax does not see; that of OPT is in 32 bits.
                #expect(gradient.allSatisfy { abs($0) < 1e-6 }, "\(name)")
                continue
            }
            let distance = relativeDistance(gradient, expected)
            #expect(distance < 1e-4, "\(name): \(distance)")
        }
        return loss
    }

    @Test(
        "bottleneck adapters: logits, loss and all gradients", arguments: models, BottleneckAdapters.Placement.allCases)
    func adapters(model: String, placement: BottleneckAdapters.Placement) throws {
        let (golden, file) = try Self.golden(model), place = placement.rawValue
        try MethodGoldenTests.withModel("architectures/\(model)") { folder in
            var settings = BottleneckMethod.Settings()
            (settings.bottleneck, settings.placement, settings.modelDropout) = (3, placement, 0)
            let method = try BottleneckMethod(folder: folder, settings: settings, seed: 1)
            for (name, value) in method.parameters {
                value.assign(try Self.values(file, "\(place).value.\(name)"))
            }
            let example = try #require(golden.examples.first).tokenized
            let size = method.model.network.shape.vocabularySize
            let logits = method.passTape.withoutRecording { method.model.logits(example.tokens) }
                .dropFirst((example.targetStart - 1) * size).dropLast(size)
            #expect(relativeDistance(Array(logits), try Self.values(file, "\(place).logits")) < 1e-5)
            let loss = try Self.check(method, golden, loss: place, gradients: "\(place).grad.", file)
            let saved = folder.appendingPathComponent("saved")
            try method.write(to: saved)
            let again = try LanguageModel.load(
                folder, trained: TrainedAdapters(bottleneck: BottleneckFile(saved).adapters()))
            let (same, _) = TargetLoss.evaluate(
                golden.examples.map(\.tokenized), model: again.network, start: nil, weight: 1 / Float(golden.targets))
            #expect(same.values == loss.values)
        }
    }

    @Test("top layers: loss and gradients", arguments: models)
    func topLayers(model: String) throws {
        let (golden, file) = try Self.golden(model)
        try MethodGoldenTests.withModel("architectures/\(model)") { folder in
            let method = try FineTuning(folder: folder, part: .topLayers(1), dropout: 0)
            _ = try Self.check(method, golden, loss: "top_layers", gradients: "top.", file)
        }
    }

    /// A model's files and how its weights are held.
    nonisolated private static let rounded: [(String, WeightPrecision)] =
        models.map { ("architectures/\($0)", .int8) } + [("gpt2/tied", .int8), ("architectures/llama-3", .int4)]
        + ["llama", "qwen3", "gptneox", "gemma3", "gpt2"].map { ("gguf/\($0).gguf", .int8) }
        + [("gguf/blocks.gguf", .stored), ("gguf/gpt2-q8_0.gguf", .stored)]

    @Test("trained through rounded weights, written, loaded, generating", arguments: rounded)
    func throughRoundedWeights(path: String, precision: WeightPrecision) throws {
        @Compute func roundTrip(_ base: URL, _ saved: URL) throws {
            let files = try modelFiles(at: base)
            let method = try BottleneckMethod(files, settings: .init(), precision: precision, seed: 1)
            let size = method.model.network.shape.vocabularySize
            var settings = TrainingSettings.tiny(batch: 2)
            (settings.duration, settings.learningRate) = (.steps(3), 3e-2)
            let trainer = try Trainer(method, examples: TinyModel.examples(6, vocabulary: size), settings: settings)
            while !trainer.isFinished {
                let step = try trainer.step()
                #expect(step.loss.isFinite && step.gradientNorm > 0)
            }
            try method.write(to: saved)
            var own = AdaptedModel.Files(model: base, precision: precision)
            own.adapter = saved
            let adapted = try AdaptedModel.load(own)
            #expect(adapted.mismatches.isEmpty)
            let options = DecodingOptions(.greedy, maxNewTokens: 8)
            let prompts: [[Int32]] = [[5, 17, 33, 3], [2]]
            let before = try method.passTape.withoutRecording {
                try Generator(method.model.network).generate(prompts, options: options)
            }
            let after = try Generator(adapted.model.network).generate(prompts, options: options)
            #expect(before.map(\.tokenIds) == after.map(\.tokenIds))
            let text: [Int32] = [5, 17, 33, 3, 8, 1]
            let trained = method.passTape.withoutRecording { method.model.logits(text) }
            #expect(relativeDistance(adapted.model.logits(text), trained) < 1e-5)
            let alone = try LanguageModel.load(files, precision: precision)
            #expect(relativeDistance(alone.logits(text), trained) > 1e-4)
        }
        Compute.threads = 1
        if path.hasSuffix(".gguf") {
            try withTrainingFolder { try roundTrip(Fixtures.goldens.appendingPathComponent(path), $0) }
        } else {
            try MethodGoldenTests.withModel(path) { try roundTrip($0, $0.appendingPathComponent("saved")) }
        }
    }
}
