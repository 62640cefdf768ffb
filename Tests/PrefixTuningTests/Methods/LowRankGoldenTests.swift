import Foundation
@testable import LanguageModels
@testable import PrefixTuning
import Tensors
import TestSupport
import Testing

/// LoRA of heads, DoRA, trained biases and modules against PEFT in float64 (Tests/Goldens/low-rank/generate.py).
@Suite("LoRA, DoRA, biases and modules against PEFT") @Compute struct LowRankGoldenTests {
    struct Golden: Decodable {
        struct Case: Decodable {
            struct Example: Decodable {
                var source, tokens: [Int32]
                var target_start: Int

                var tokenized: TokenizedExample {
                    TokenizedExample(source: source, tokens: tokens, targetStart: target_start)
                }
            }
            var model: String
            var targets, modules: [String]
            var magnitudes: Bool
            var biases: TrainedParts.Biases
            var examples: [Example]
            var losses, gradient_norms: [Double]
        }
        var rank, batch_size: Int
        var alpha: Float
        var learning_rate: Double
        var cases: [String: Case]
    }

    nonisolated static let names = [
        "gpt2-magnitudes", "gpt2-parts", "gpt2-table", "qwen2-biases", "llama-magnitudes", "opt-head", "neox-head",
        "neox-tied-head", "bart-parts",
    ]
    nonisolated static let area = Fixtures.goldens.appendingPathComponent("low-rank")

    static func golden() throws -> Golden {
        try JSONDecoder().decode(Golden.self, from: Data(contentsOf: area.appendingPathComponent("runs.json")))
    }

    static func values(_ name: String) throws -> (String) throws -> [Float] {
        let file = try SafetensorsFile(area.appendingPathComponent("\(name).safetensors"))
        return { key in try CheckpointReader(file).read(key, shape: try #require(file.shape(of: key), "no \(key)")) }
    }

    static func method(_ golden: Golden, _ run: Golden.Case, _ folder: URL, dropout: Float = 0) throws -> LowRankMethod
    {
        var settings = LowRankMethod.Settings()
        (settings.rank, settings.alpha, settings.targets) = (golden.rank, golden.alpha, run.targets)
        (settings.trainsMagnitudes, settings.biases, settings.modules) = (run.magnitudes, run.biases, run.modules)
        (settings.modelDropout, settings.dropout) = (0, dropout)
        return try LowRankMethod(folder: folder, settings: settings, seed: 1)
    }

    /// Logits of all positions but the last.
    static func logits(_ model: LanguageModel, _ example: TokenizedExample) -> [Float] {
        let network = model.network, tokens = TokenBatch([Array(example.tokens.dropLast())])
        var source: [KeyValues] = []
        if let network = network as? any EncoderDecoderModel {
            source = network.encode(TokenBatch([example.source]), after: [nil], dropout: nil)
        }
        let cache = KVCache(shape: network.shape, sequences: [.init(reading: source)], keepsTokens: false)
        return network.head(network.hiddenStates(tokens, cache: cache, dropout: nil)).values
    }

    @Test("the gradients of a step and twenty steps equal PEFT's", arguments: names)
    func training(name: String) throws {
        let golden = try Self.golden(), run = try #require(golden.cases[name]), values = try Self.values(name)
        let saved = try SafetensorsFile(Self.area.appendingPathComponent("\(name)/adapter_model.safetensors"))
        try MethodGoldenTests.withModel(run.model) { folder in
            let method = try Self.method(golden, run, folder), examples = run.examples.map(\.tokenized)
            for (key, value) in method.parameters { value.assign(try values("initial.\(key)")) }
            // PEFT writes more than it trains: the base of a head, and a module beside its copy.
            let expected = saved.names.filter {
                !$0.contains(".original_module.") && !$0.contains(".modules_to_save.")
                    && !$0.hasSuffix(".base_layer.weight")
            }
            #expect(Set(method.parameters.map(\.name)) == Set(expected))
            #expect(method.parameters.count == expected.count)

            let batch = Array(examples.prefix(golden.batch_size)), targets = batch.reduce(0) { $0 + $1.targetCount }
            let (loss, _) = TargetLoss.evaluate(
                batch, model: method.model.network, start: nil, weight: 1 / Float(targets))
            method.passTape.backward(from: loss)
            for (key, value) in method.parameters {
                let gradient = try #require(value.gradient?.value, "no gradient of \(key)").values
                let expected = try values("grad.\(key)")
                // The bias of keys changes no attention: its gradient is zero to rounding.
                if (expected.map(abs).max() ?? 0) < 1e-12 {
                    #expect((gradient.map(abs).max() ?? 1) < 1e-6, "\(key)")
                    continue
                }
                let distance = relativeDistance(gradient, expected)
                #expect(distance < 1e-4, "\(key): \(distance)")
                value.gradient?.clear()
            }
            method.passTape.reset()

            var settings = TrainingSettings.tiny(batch: golden.batch_size, reduction: .mean)
            (settings.duration, settings.learningRate) = (.steps(run.losses.count), golden.learning_rate)
            let trainer = try Trainer(method, examples: examples, settings: settings)
            var steps: [Trainer.Step] = []
            while !trainer.isFinished { steps.append(try trainer.step()) }
            let losses = relativeDifference(steps.map(\.loss), run.losses)
            #expect(losses < 2e-5, "losses: \(losses)")
            let norms = relativeDifference(steps.map(\.gradientNorm), run.gradient_norms)
            #expect(norms < 2e-4, "gradient norms: \(norms)")
            for (key, value) in method.parameters {
                let expected = try CheckpointReader(saved).read(key, shape: value.shape)
                // Where a gradient is zero to rounding, AdamW's steps have its sign: see above.
                let gradient = try values("grad.\(key)"), largest = gradient.map(abs).max() ?? 0
                let isKey = gradient.map { key.hasSuffix(".bias") && abs($0) <= max(1e-12, 1e-6 * largest) }
                func rest(_ values: [Float]) -> [Float] { zip(values, isKey).filter { !$1 }.map(\.0) }
                guard isKey.contains(false) else { continue }
                let distance = relativeDistance(rest(value.values), rest(expected))
                #expect(distance < 2e-4, "\(key): \(distance)")
            }
        }
    }

    @Test("PEFT's adapters give PEFT's logits, beside the weights and merged", arguments: names, [false, true])
    func loading(name: String, merging: Bool) throws {
        let run = try #require(Self.golden().cases[name]), values = try Self.values(name)
        try MethodGoldenTests.withModel(run.model) { folder in
            let updates = try LowRankFile(Self.area.appendingPathComponent(name)).updates(merging: merging)
            let model = try LanguageModel.load(folder, adapters: updates), plain = try LanguageModel.load(folder)
            for (index, example) in run.examples.prefix(2).map(\.tokenized).enumerated() {
                let expected = try values("logits.\(index)")
                let error = relativeError(Self.logits(model, example), expected)
                #expect(error < 1e-5, "\(error)")
                #expect(relativeError(Self.logits(plain, example), try values("plain.\(index)")) < 1e-5)
                #expect(relativeError(try values("plain.\(index)"), expected) > 1e-2)
            }
        }
    }

    @Test("what is trained is what is written and read, beside the weights and merged", arguments: names)
    func written(name: String) throws {
        let golden = try Self.golden(), run = try #require(golden.cases[name]), values = try Self.values(name)
        try MethodGoldenTests.withModel(run.model) { folder in
            let method = try Self.method(golden, run, folder), saved = folder.appendingPathComponent("saved")
            for (key, value) in method.parameters { value.assign(try values("initial.\(key)")) }
            try method.write(to: saved)
            let example = try #require(run.examples.first).tokenized, expected = Self.logits(method.model, example)
            for merging in [false, true] {
                let updates = try LowRankFile(saved).updates(merging: merging)
                #expect(updates.parameterCount == method.storedParameterCount)
                let model = try LanguageModel.load(folder, adapters: updates)
                #expect(relativeError(Self.logits(model, example), expected) < 1e-5)
            }
        }
    }

    @Test("rounded and 16-bit models: adapters beside the weights and merged, and a step of training", arguments: names)
    func precisions(name: String) throws {
        let golden = try Self.golden(), run = try #require(golden.cases[name]), values = try Self.values(name)
        try MethodGoldenTests.withModel(run.model) { folder in
            let example = try #require(run.examples.first).tokenized, exact = try values("logits.0")
            for merging in [false, true] {
                let updates = try LowRankFile(Self.area.appendingPathComponent(name)).updates(merging: merging)
                let model = try LanguageModel.load(folder, precision: .int8, adapters: updates)
                // 8 bits are worth a few hundredths in models of such widths; the adapter is worth far more.
                let error = relativeError(Self.logits(model, example), exact)
                #expect(error < 0.1, "merged \(merging): \(error)")
            }
            var settings = LowRankMethod.Settings()
            (settings.rank, settings.targets, settings.modelDropout) = (golden.rank, run.targets, 0)
            (settings.trainsMagnitudes, settings.biases, settings.modules) = (run.magnitudes, run.biases, run.modules)
            let method = try LowRankMethod(folder: folder, settings: settings, precision: .int8, seed: 1)
            let batch = run.examples.prefix(3).map(\.tokenized)
            let trainer = try Trainer(method, examples: batch, settings: .tiny(batch: 3))
            let before = trainer.validationLoss(batch)
            while !trainer.isFinished { _ = try trainer.step() }
            #expect(trainer.validationLoss(batch) < before)
        }
    }
}
