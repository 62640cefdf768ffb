import Foundation
@testable import LanguageModels
@testable import PrefixTuning
import Tensors
import TestSupport
import Testing

/// Every method with every architecture: it trains, and what it writes gives the same logits; or it is in the table of pairs
/// that do not go together, with the error that says so.
@Suite("Methods and architectures") @Compute struct MethodGridTests {
    enum Method: String, CaseIterable, Sendable {
        case prefix, infix, fineTune, topLayers, adapter, lora, promptTuning, pTuning, embeddingOnly
    }

    enum Architecture: String, CaseIterable, Sendable {
        case gpt2 = "gpt2/tied"
        case opt = "architectures/opt-pre"
        case neox = "architectures/neox-parallel"
        case llama = "architectures/llama-3"
        case mistral = "architectures/mistral-window"
        case qwen2 = "architectures/qwen2-tied"
        case qwen3 = "architectures/qwen3-wide"
        case gemma3 = "architectures/gemma3-window"
        case smolLM3 = "architectures/smollm3-window"
        case phi3 = "architectures/phi3-long-old"
        case gptj = "architectures/gptj-half"
        case bloom = "architectures/bloom-tied"
        case bart = "bart/uneven"
        case t5 = "t5/plain"

        var hasEncoder: Bool { self == .bart || self == .t5 }
    }

    /// The pairs that do not go together, and why.
    static func refusal(_ method: Method, _ architecture: Architecture) -> (any Error)? {
        switch (method, architecture) {
        // Prompt and answer are not one text, so nothing stands between them.
        case (.infix, .bart): PrefixError.infixOfEncoder(architecture: "BART")
        case (.infix, .t5): PrefixError.infixOfEncoder(architecture: "T5")
        default: nil
        }
    }

    private static func make(_ method: Method, _ folder: URL) throws -> any TuningMethod {
        @Compute func frozen() throws -> LanguageModel { try LanguageModel.load(folder, for: .tuning) }
        @Compute func soft(_ form: SoftPromptMethod.Form) throws -> any TuningMethod {
            var settings = SoftPromptMethod.Settings(form)
            (settings.length, settings.hiddenWidth) = (2, form == .prompt ? nil : 4)
            return try SoftPromptMethod(model: frozen(), settings: settings, seed: 1)
        }
        switch method {
        case .prefix: return try PrefixMethod(model: frozen(), settings: .tiny(length: 2, hiddenWidth: 4), seed: 1)
        case .infix:
            var settings = InfixMethod.Settings()
            (settings.length, settings.hiddenWidth) = (2, 4)
            return try InfixMethod(model: frozen(), settings: settings, seed: 1)
        case .fineTune: return try FineTuning(folder: folder)
        case .topLayers: return try FineTuning(folder: folder, part: .topLayers(1))
        case .adapter: return try BottleneckMethod(folder: folder, settings: .init(), seed: 1)
        case .lora: return try LowRankMethod(folder: folder, settings: .init(), seed: 1)
        case .promptTuning: return try soft(.prompt)
        case .pTuning: return try soft(.encoder)
        case .embeddingOnly: return try soft(.embeddingOnly)
        }
    }

    /// The model as a user loads it, and what stands before or behind the prompt.
    private static func load(_ method: Method, _ saved: URL, base: URL) throws -> (LanguageModel, InitialKeyValues?) {
        switch method {
        case .fineTune, .topLayers: return (try LanguageModel.load(saved), nil)
        case .adapter:
            let adapters = TrainedAdapters(bottleneck: try BottleneckFile(saved).adapters())
            return (try LanguageModel.load(base, trained: adapters), nil)
        case .lora: return (try LanguageModel.load(base, adapters: LowRankFile(saved).updates()), nil)
        case .infix:
            let model = try LanguageModel.load(base)
            return (model, InitialKeyValues(afterPrompt: try InfixFile(saved).infix(for: model)))
        case .prefix, .promptTuning, .pTuning, .embeddingOnly:
            let model = try LanguageModel.load(base)
            return (model, try ResidentPrefix(contentsOf: saved, for: model).start)
        }
    }

    /// The log-probabilities of all targets.
    private static func scores(
        _ model: LanguageModel, _ start: InitialKeyValues?, _ examples: [TokenizedExample]
    ) throws -> [Float] { try Scorer(model.network, after: start).score(examples).flatMap(\.logprobs) }

    @Test("two steps, and the written result", arguments: Method.allCases, Architecture.allCases)
    func pair(method kind: Method, architecture: Architecture) throws {
        try MethodGoldenTests.withModel(architecture.rawValue) { folder in
            if let refusal = Self.refusal(kind, architecture) {
                do {
                    _ = try Self.make(kind, folder)
                    Issue.record(
                        "\(kind) with \(architecture) is in the table of what does not go together, but it does")
                } catch {
                    #expect("\(error)" == "\(refusal)")
                }
                return
            }
            let method = try Self.make(kind, folder), before = method.parameters.map(\.value.values)
            let size = method.model.network.shape.vocabularySize
            let examples =
                architecture.hasEncoder ? TinyBART.examples(4) : TinyModel.examples(4, vocabulary: size)
            var settings = TrainingSettings.tiny(batch: 2)
            (settings.duration, settings.learningRate) = (.steps(2), 1e-2)
            let trainer = try Trainer(method, examples: examples, settings: settings)
            while !trainer.isFinished {
                let step = try trainer.step()
                #expect(step.loss.isFinite && step.gradientNorm > 0)
            }
            for (parameter, before) in zip(method.parameters, before) {
                #expect(relativeDistance(parameter.value.values, before) > 1e-6, "\(parameter.name) did not move")
            }
            let trained = try method.passTape.withoutRecording {
                try Self.scores(method.model, method.start(), examples)
            }
            let saved = folder.appendingPathComponent("saved")
            try method.write(to: saved)
            let (model, start) = try Self.load(kind, saved, base: folder)
            let error = relativeDistance(try Self.scores(model, start, examples), trained)
            #expect(error < 1e-5, "\(error)")
            // The base model alone gives others.
            if kind != .fineTune && kind != .topLayers {
                let base = try Self.scores(LanguageModel.load(folder), nil, examples)
                #expect(relativeDistance(base, trained) > 1e-5)
            }
        }
    }
}
