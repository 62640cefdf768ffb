import Foundation
import LanguageModels
@testable import PrefixTuning
import Tensors
import TestSupport
import Testing

/// Rates that fall from layer to layer, against one parameter group per layer in PyTorch
/// (Tests/Goldens/prefix/finetune/generate.py), and by hand.
@Suite("Layer-wise learning rates") @Compute struct LayerDecayTests {
    struct Golden: Decodable {
        var factor: Double
        var losses, gradient_norms: [Double]
    }

    private static func settings() throws -> TrainingSettings {
        let golden: MethodFineTuningTests.Golden = try PrefixGolden.decode("finetune/training.json")
        var settings = TrainingSettings()
        (settings.duration, settings.batchSize) = (.steps(golden.steps), golden.batch_size)
        (settings.learningRate, settings.warmupSteps) = (golden.learning_rate, golden.warmup)
        (settings.reduction, settings.shuffles) = (.mean, false)
        settings.optimizer.weightDecay = golden.weight_decay
        settings.optimizer.epsilon = golden.epsilon
        settings.optimizer.clip = golden.clip
        return settings
    }

    @Test("three steps of AdamW with a group per layer")
    func training() throws {
        let golden: Golden = try PrefixGolden.decode("finetune/layer-decay.json")
        let data: MethodFineTuningTests.Data = try PrefixGolden.decode("training/training.json")
        let tensors = try PrefixGolden("finetune/layer-decay.safetensors")
        var settings = try Self.settings()
        settings.layerDecay = golden.factor
        let method = try MethodFineTuningTests.tied()
        let examples = data.examples.prefix(golden.losses.count * settings.batchSize).map(\.tokenized)
        let trainer = try Trainer(method, examples: examples, settings: settings)
        var steps: [Trainer.Step] = []
        while !trainer.isFinished { steps.append(try trainer.step()) }
        #expect(relativeDifference(steps.map(\.loss), golden.losses) < 1e-5)
        #expect(relativeDifference(steps.map(\.gradientNorm), golden.gradient_norms) < 1e-4)
        for (name, value) in method.parameters {
            let error = relativeDistance(value.values, try tensors.values(name))
            #expect(error < 1e-5, "\(name): \(error)")
        }
        // A saved state is another run's where the factor is another.
        try withTrainingFolder { folder in
            try trainer.saveState(to: folder)
            settings.layerDecay = nil
            let other = try Trainer(MethodFineTuningTests.tied(), examples: examples, settings: settings)
            let error = failure(TrainingError.self) { try other.restoreState(from: folder) }
            #expect(
                error?.description.contains("the layer decay was 0.4, not 1.0") == true, "\(String(describing: error))")
        }
    }

    @Test("the factor of every name")
    func names() throws {
        let two = ModelShape(
            layerCount: 3, keyHeadCount: 2, headWidth: 4, width: 8, positionCount: 9, vocabularySize: 9,
            encoder: AttentionStack(layerCount: 2, keyHeadCount: 2, headWidth: 4))
        var one = two
        one.encoder = nil
        for (type, name, depth) in [
            ("gpt2", "transformer.wte.weight", 3), ("gpt2", "transformer.wpe.weight", 3),
            ("gpt2", "transformer.h.0.ln_1.weight", 2), ("gpt2", "transformer.h.2.mlp.c_fc.bias", 0),
            ("gpt2", "transformer.ln_f.weight", 0), ("gpt2", "lm_head.weight", 0),
            ("gpt2", "h.1.adapter.down.weight", 1),
            ("gpt2", "base_model.model.transformer.h.1.attn.c_attn.lora_A.weight", 1),
            ("opt", "model.decoder.embed_positions.weight", 3), ("opt", "model.decoder.project_in.weight", 3),
            ("opt", "model.decoder.project_out.weight", 0), ("opt", "model.decoder.final_layer_norm.weight", 0),
            ("opt", "decoder.layers.1.final_layer_norm.weight", 1), ("opt", "base_model.model.lm_head.weight", 0),
            ("gpt_neox", "gpt_neox.embed_in.weight", 3), ("gpt_neox", "gpt_neox.layers.0.attention.dense.weight", 2),
            ("gpt_neox", "embed_out.weight", 0), ("gpt_neox", "lm_head.weight", 0),
            ("llama", "model.embed_tokens.weight", 3), ("llama", "model.layers.2.self_attn.q_proj.weight", 0),
            ("qwen2", "model.norm.weight", 0), ("bart", "model.shared.weight", 5),
            ("bart", "model.encoder.embed_positions.weight", 5), ("bart", "model.encoder.layernorm_embedding.bias", 5),
            ("bart", "model.encoder.layers.0.fc1.weight", 4),
            ("bart", "model.encoder.layers.1.self_attn.q_proj.weight", 3),
            ("bart", "model.decoder.embed_positions.weight", 5),
            ("bart", "model.decoder.layers.0.encoder_attn.q_proj.weight", 2),
            ("bart", "model.decoder.layers.2.fc2.bias", 0), ("bart", "final_logits_bias", 0),
        ] {
            let parts = try #require(ModelParts.of(modelType: type))
            let decay = LayerDecay(factor: 0.5, parts, shape: type == "bart" ? two : one)
            #expect(decay.rate(of: name) == pow(0.5, Double(depth)), "\(name) of \(type)")
        }
    }

    @Test("every block of every tiny model has its rate, and every tensor its part", arguments: Fixtures.models)
    func everyArchitecture(path: String) throws {
        let folder = Fixtures.goldens.appendingPathComponent(path), tape = Tape()
        let configuration = try ModelConfigurationFile.read(from: folder.appendingPathComponent("config.json"))
        let weights = try WeightLoader(CheckpointReader(folder: folder), use: .trainable(tape))
        let shape = configuration.shape, decay = LayerDecay(factor: 0.5, configuration)
        let encoder = shape.encoder?.layerCount ?? 0
        var counts: [Double: Int] = [:]
        for (name, _) in try configuration.network(weights).parameters {
            #expect(configuration.parts.place(of: name) != nil, "\(name) is no part of a \(configuration.architecture)")
            // A number stands in the names of blocks only.
            let number = name.split(separator: ".").compactMap { Int($0) }.first
            let isOfEncoder = ["encoder.layers.", "encoder.block."].contains { name.contains($0) }
            let below = number.map { isOfEncoder ? $0 : $0 + encoder }
            let rate = decay.rate(of: name)
            counts[rate, default: 0] += 1
            if let below {
                #expect(rate == pow(0.5, Double(encoder + shape.layerCount - 1 - below)), "\(name)")
            } else {
                #expect(rate == 1 || rate == pow(0.5, Double(encoder + shape.layerCount)), "\(name)")
            }
        }
        #expect(counts.count == encoder + shape.layerCount + 1, "\(counts)")
    }

    @Test("in the first step every parameter of BART moves by its factor")
    func firstStep() throws {
        try MethodGoldenTests.withModel("bart/uneven") { folder in
            @Compute func moved(_ decay: Double?) throws -> [(name: String, by: [Double])] {
                let method = try FineTuning(folder: folder, dropout: 0)
                let before = method.parameters.map(\.value.values)
                var settings = TrainingSettings.tiny(batch: 4)
                (settings.layerDecay, settings.learningRate) = (decay, 1e-2)
                let trainer = try Trainer(method, examples: TinyBART.examples(4), settings: settings)
                _ = try trainer.step()
                return zip(method.parameters, before).map { parameter, before in
                    (parameter.name, zip(parameter.value.values, before).map { Double($0) - Double($1) })
                }
            }
            let (plain, decayed) = (try moved(nil), try moved(0.5))
            let shape = try LanguageModel.load(folder).network.shape
            let decay = try LayerDecay(factor: 0.5, LanguageModel.load(folder).configuration)
            var rates: Set<Double> = []
            for (one, other) in zip(plain, decayed) {
                let rate = decay.rate(of: one.name)
                rates.insert(rate)
                for (a, b) in zip(one.by, other.by) { #expect(abs(b - rate * a) < 2e-6, "\(one.name)") }
            }
            #expect(rates.count == shape.layerCount + (shape.encoder?.layerCount ?? 0) + 1)
        }
    }

    @Test("bad factors, and methods that train nothing in the layers, are refused")
    func refusals() throws {
        let examples = TinyModel.examples(2, vocabulary: 300)
        let method = try PrefixMethod(model: TinyModel.worded(), settings: .tiny(length: 2, hiddenWidth: 4), seed: 1)
        var settings = TrainingSettings.tiny()
        for factor in [0, -0.5, 1.5, Double.nan, 0.9] {
            settings.layerDecay = factor
            #expect(throws: TrainingError.self) { _ = try Trainer(method, examples: examples, settings: settings) }
        }
        settings.layerDecay = 1
        _ = try Trainer(method, examples: examples, settings: settings)
    }
}
