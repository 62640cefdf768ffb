import Foundation
import LanguageModels
@testable import PrefixTuning
import Tensors
import TestSupport
import Testing
import Tokenizers

/// Training that computes parts twice gives the bits of training that keeps everything.
@Suite("Recomputation") @Compute struct RecomputationTests {
    nonisolated static let models = [
        "gpt2/tied", "architectures/opt-pre", "architectures/opt-post-projected", "architectures/neox-parallel",
        "architectures/llama-3", "architectures/mistral-window", "architectures/qwen3-wide",
        "architectures/gemma3-window", "architectures/phi3-window", "architectures/gptj-half",
        "architectures/bloom-norms-old",
        "bart/scaled", "t5/plain",
    ]

    private static func model(_ path: String) throws -> LanguageModel {
        Compute.threads = 1
        let folder = Fixtures.goldens.appendingPathComponent(path)
        let configuration = try ModelConfigurationFile.read(from: folder.appendingPathComponent("config.json"))
        let network = try configuration.network(
            WeightLoader(CheckpointReader(folder: folder), use: .frozen(differentiable: true)))
        // The tokenizer is there because a model must have one; no text fits it.
        return try LanguageModel(
            name: path, tokenizer: Tokenizer(folder: Fixtures.goldens.appendingPathComponent("tokenizers/roberta")),
            configuration: configuration, network: network, conventions: GenerationConventions(endTokens: [0]))
    }

    private static func examples(_ model: LanguageModel) -> [TokenizedExample] {
        guard model.network.shape.encoder == nil else { return TinyBART.examples(4) }
        return TinyModel.examples(4, vocabulary: min(40, model.network.shape.vocabularySize))
    }

    private static func train(_ model: LanguageModel, _ part: Recomputation.Part) throws -> [[UInt32]] {
        var prefix = PrefixMethod.Settings()
        (prefix.length, prefix.hiddenWidth) = (2, 5)
        (prefix.modelDropout, prefix.attentionDropout) = (0.2, 0.3)
        var settings = TrainingSettings()
        (settings.duration, settings.batchSize, settings.learningRate) = (.steps(3), 4, 1e-2)
        settings.recomputation = part
        let trainer = try Trainer(
            PrefixMethod(model: model, settings: prefix, seed: 1), examples: examples(model), settings: settings)
        while !trainer.isFinished { _ = try trainer.step() }
        return trainer.method.parameters.map { $0.value.values.map(\.bitPattern) }
    }

    @Test("the same bits, with dropout inside the model", arguments: models)
    func sameBits(path: String) throws {
        let model = try Self.model(path)
        let kept = try Self.train(model, .none)
        #expect(try Self.train(model, .attention) == kept)
        #expect(try Self.train(model, .layer) == kept)
    }

    @Test("whole layers are not kept: the memory of a pass does not grow with their number times their width")
    func recordedSteps() throws {
        let model = try Self.model("gpt2/tied"), tape = Tape()
        let shape = model.network.shape, layers = shape.decoder.layerCount
        func steps(_ part: Recomputation.Part) -> Int {
            let p = Tensor.zeros([2, shape.decoder.prefixRowWidth], tape: tape)
            let cache = KVCache(
                shape: shape, sequences: [.init(after: KeyValues(rowsOf: p, shape: shape))], keepsTokens: false,
                recomputation: Recomputation(part, on: tape))
            _ = model.network.hiddenStates(TokenBatch([[1, 2, 3]]), cache: cache, dropout: nil)
            defer { tape.reset() }
            return tape.stepCount
        }
        let all = steps(.none), attention = steps(.attention), layer = steps(.layer)
        // The final norm, and one step per layer.
        #expect(layer == layers + 1)
        #expect(attention > layer && attention < all)
    }
}
