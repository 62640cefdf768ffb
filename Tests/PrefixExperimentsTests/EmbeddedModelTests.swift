import Foundation
import LanguageModels
import PrefixExperiments
import PrefixTuning
import Tensors
import Testing

/// The model that comes with the package: small enough to be kept in the repository, good enough to be steered.
@Suite("The embedded model") @Compute struct EmbeddedModelTests {
    @Test("it copies from its context as the gate asks, on records with invented names")
    func gate() throws {
        let model = try LanguageModel.load(EmbeddedModel.folder())
        let gate = try CopyingGate(model: model.network, tokenizer: model.tokenizer)
        #expect(gate.copy >= CopyingGate.required.copy)
        #expect(gate.value >= CopyingGate.required.value)
        #expect(
            CopyingGate.required
                == (try JSONDecoder().decode(
                    CopyingGate.self, from: Data(#"{"copy":0.95,"value":0.75}"#.utf8))))
    }

    @Test("its files take at most 16 MB, its prefix of the demonstration at most 0.5% of its parameters")
    func size() throws {
        let folder = try EmbeddedModel.folder()
        let files = try FileManager.default.contentsOfDirectory(
            at: folder, includingPropertiesForKeys: [.fileSizeKey])
        let bytes = try files.reduce(0) { try $0 + ($1.resourceValues(forKeys: [.fileSizeKey]).fileSize ?? 0) }
        #expect(bytes > 1_000_000 && bytes <= 16_000_000)
        let model = try LanguageModel.load(folder, for: .tuning)
        var settings = PrefixMethod.Settings()
        settings.length = Demo.Settings().prefixLength
        let method = try PrefixMethod(model: model, settings: settings, seed: 1)
        #expect(Double(method.storedParameterCount) <= 0.005 * Double(model.configuration.parameterCount))
    }

    @Test("a prefix learns its task's frame within some steps")
    func learning() throws {
        let model = try LanguageModel.load(EmbeddedModel.folder(), for: .tuning)
        var settings = TrainingSettings()
        (settings.duration, settings.learningRate, settings.batchSize) = (.steps(40), 5e-3, 8)
        settings.reduction = .mean
        let method = try PrefixMethod(model: model, settings: .init(), seed: 1)
        let trainer = try Trainer(
            method, task: .jsonl, data: [EmbeddedModel.tables(.train)], settings: settings)
        let first = try trainer.step().tokenLoss
        var last = first
        while !trainer.isFinished { last = try trainer.step().tokenLoss }
        #expect(last < first / 3)
    }
}
