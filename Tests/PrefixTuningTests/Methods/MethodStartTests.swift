import Foundation
import LanguageModels
@testable import PrefixTuning
import Tensors
import TestSupport
import Testing

/// Training that starts from what training left: rounds of federated learning, and adapters that are trained on.
@Suite("Starting from an adapter") @Compute struct MethodStartTests {
    nonisolated static let forms = [
        #"{"method": "prompt-tuning", "length": 3}"#, #"{"method": "embedding-only", "length": 3, "hidden_width": 0}"#,
        #"{"method": "infix", "length": 3, "hidden_width": 0}"#,
        #"{"method": "prefix", "length": 3, "hidden_width": 0}"#,
        #"{"method": "adapter", "bottleneck": 3}"#, #"{"method": "adapter", "placement": "sublayers"}"#,
        #"{"method": "lora", "rank": 3, "alpha": 5}"#, #"{"method": "lora", "targets": ["mlp.c_fc", "attn.c_proj"]}"#,
        #"{"method": "lora", "rank": 2, "dora": true, "bias": "all", "modules": ["ln_f"]}"#,
        #"{"method": "lora", "rank": 2, "bias": "lora_only"}"#,
        #"{"method": "fine-tune"}"#, #"{"method": "top-layers", "layers": 1}"#,
    ]

    private static func settings(_ json: String) throws -> MethodSettings {
        try JSONDecoder().decode(MethodSettings.self, from: Data(json.utf8))
    }

    /// Trains some steps, with what the method has of a model in a folder.
    private static func trained(_ settings: MethodSettings, _ model: URL, seed: UInt64 = 1) throws -> Trainer {
        let method = try settings.method(on: BaseModel(folder: model), task: .e2e, seed: seed)
        let trainer = try Trainer(method, examples: TinyModel.examples(5, vocabulary: 300), settings: .tiny())
        for _ in 0..<3 { _ = try trainer.step() }
        return trainer
    }

    private static func withModel(_ body: (URL) throws -> Void) throws {
        Compute.threads = 1
        try withTrainingFolder { folder in
            try TinyModel.writeWorded(to: folder.appendingPathComponent("model"))
            try body(folder)
        }
    }

    @Test("what was written is what the next run starts from, in the same form", arguments: forms)
    func goesOn(json: String) throws {
        try Self.withModel { folder in
            let model = folder.appendingPathComponent("model"), first = folder.appendingPathComponent("first")
            let settings = try Self.settings(json), trainer = try Self.trained(settings, model)
            try trainer.method.write(to: first)
            // Neither seed nor form is given again, but for what no adapter holds.
            var next = MethodSettings(settings.method)
            (next.initialization, next.hiddenWidth, next.layers) = (
                .adapter(first), settings.hiddenWidth, settings.layers
            )
            try next.validate()
            let method = try next.method(on: BaseModel(folder: model), task: .e2e, seed: 99)
            #expect(method.bits == trainer.method.bits)
            #expect(method.parameters.map(\.name) == trainer.method.parameters.map(\.name))
            // Endings of names are written as they are, and read from the matrices where they were not given.
            #expect(method.fingerprint == trainer.method.fingerprint)
            let held = TinyModel.examples(4, vocabulary: 300, seed: 8)
            let other = try Trainer(method, examples: TinyModel.examples(5, vocabulary: 300), settings: .tiny())
            #expect(other.validationLoss(held) == trainer.validationLoss(held))
            #expect(try other.step().loss.isFinite && other.method.bits != trainer.method.bits)
        }
    }

    @Test("an MLP is fitted to the embeddings of an adapter")
    func fitted() throws {
        try Self.withModel { folder in
            let model = folder.appendingPathComponent("model"), first = folder.appendingPathComponent("first")
            for kind in [MethodSettings.Kind.embeddingOnly, .infix] {
                var settings = MethodSettings(kind)
                (settings.length, settings.hiddenWidth) = (3, 0)
                let trainer = try Self.trained(settings, model), held = TinyModel.examples(4, vocabulary: 300, seed: 8)
                try trainer.method.write(to: first)
                (settings.hiddenWidth, settings.initialization) = (256, .adapter(first))
                let fitted = try Trainer(
                    settings.method(on: BaseModel(folder: model), task: .e2e, seed: 2), examples: held,
                    settings: .tiny())
                settings.initialization = nil
                let random = try Trainer(
                    settings.method(on: BaseModel(folder: model), task: .e2e, seed: 2), examples: held,
                    settings: .tiny())
                let (expected, found) = (trainer.validationLoss(held), fitted.validationLoss(held))
                #expect(abs(found - expected) < 0.2 * abs(random.validationLoss(held) - expected), "\(kind)")
            }
        }
    }

    @Test("PEFT's adapters are started from as they are used", arguments: LowRankGoldenTests.names)
    func peft(name: String) throws {
        let run = try #require(LowRankGoldenTests.golden().cases[name])
        try MethodGoldenTests.withModel(run.model) { folder in
            let adapter = LowRankGoldenTests.area.appendingPathComponent(name)
            var settings = MethodSettings(.lora)
            settings.initialization = .adapter(adapter)
            let method = try settings.method(on: BaseModel(folder: folder), task: .e2e, seed: 1)
            let used = try LanguageModel.load(folder, adapters: LowRankFile(adapter).updates())
            let example = try #require(run.examples.first).tokenized
            #expect(
                relativeError(
                    LowRankGoldenTests.logits(method.model, example), LowRankGoldenTests.logits(used, example)) < 1e-6)
        }
    }

    @Test("an adapter of loralib is started from, whose groups become one update")
    func loralib() throws {
        let golden = DialectGolden.url("lora-loralib.pt"), file = try LowRankFile(golden)
        let start = try LowRankStart(golden)
        let names = try file.updates().names
        #expect(!names.isEmpty && names.allSatisfy { $0.hasSuffix("attn.c_attn") })
        #expect(start.settings.targets == ["c_attn"])
        // Two groups of the file's rank; α over rank stays what it was.
        let update = try #require(file.updates().update(of: names[0])?.update)
        #expect(start.settings.rank == update.rank && start.settings.alpha / Float(update.rank) == update.scale)
    }

    @Test("what does not fit is refused in a sentence")
    func refused() throws {
        try Self.withModel { folder in
            let model = folder.appendingPathComponent("model")
            @Compute func written(_ json: String, _ name: String) throws -> URL {
                let url = folder.appendingPathComponent(name)
                try Self.trained(Self.settings(json), model).method.write(to: url)
                return url
            }
            @Compute func refusal(_ json: String, from start: URL) throws -> String {
                var settings = try Self.settings(json)
                settings.initialization = .adapter(start)
                do {
                    try settings.validate()
                    _ = try settings.method(on: BaseModel(folder: model), task: .e2e, seed: 1)
                    return "taken"
                } catch {
                    return "\(error)"
                }
            }
            let lora = try written(#"{"method": "lora", "rank": 3}"#, "lora")
            let soft = try written(#"{"method": "prompt-tuning", "length": 3}"#, "soft")
            let adapter = try written(#"{"method": "adapter", "bottleneck": 3}"#, "adapter")
            let prefix = try written(#"{"method": "prefix", "length": 3, "hidden_width": 0}"#, "prefix")
            let infix = try written(#"{"method": "infix", "length": 3, "hidden_width": 0}"#, "infix")
            for (json, start, says) in [
                (
                    #"{"method": "lora"}"#, prefix,
                    "an adapter of type PREFIX_TUNING was found, but the method lora cannot"
                ),
                (#"{"method": "adapter"}"#, lora, "an adapter of type LORA was found, but the method adapter cannot"),
                (
                    #"{"method": "infix"}"#, soft,
                    "an adapter of type PROMPT_TUNING was found, but the method infix cannot"
                ),
                (#"{"method": "prompt-tuning"}"#, adapter, "type BOTTLENECK was found, but the method prompt-tuning"),
                (
                    #"{"method": "fine-tune"}"#, lora,
                    "an adapter of type LORA was found, but the method fine-tune cannot"
                ),
                (#"{"method": "p-tuning"}"#, soft, "the method p-tuning starts from random values; leave"),
                (#"{"method": "lora", "rank": 4}"#, lora, "the rank is 3 there, but 4 was asked for; name another"),
                (#"{"method": "lora", "alpha": 4}"#, lora, "alpha is 8.0 there, but 4.0 was asked for"),
                (
                    #"{"method": "lora", "dora": true}"#, lora,
                    "training of magnitudes is false there, but true was asked"
                ),
                (#"{"method": "lora", "bias": "all"}"#, lora, "training of biases is none there, but all was asked"),
                (
                    #"{"method": "lora", "targets": ["c_fc"]}"#, lora,
                    #"it updates "h.0.attn.c_attn", which is not among"#
                ),
                (
                    #"{"method": "lora", "targets": ["c_attn", "c_fc"]}"#, lora,
                    #"it has no update of "h.0.mlp.c_fc", which is to be trained"#
                ),
                (
                    #"{"method": "lora", "modules": ["ln_f"]}"#, lora,
                    #"it has no "transformer.ln_f.weight", which is to be"#
                ),
                (
                    #"{"method": "prompt-tuning", "length": 4}"#, soft,
                    "has 3 positions, but the prefix length was set to 4"
                ),
                (#"{"method": "infix", "length": 4}"#, infix, "has 3 positions, but the prefix length was set to 4"),
                (#"{"method": "adapter", "bottleneck": 4}"#, adapter, "the bottleneck is 3 there, but 4 was asked for"),
                (
                    #"{"method": "adapter", "placement": "sublayers"}"#, adapter,
                    "the placement is block there, but sublayers was asked for"
                ),
            ] {
                let found = try refusal(json, from: start)
                #expect(found.contains(says), "\(json): \(found)")
            }
            // Another model's weights.
            let other = folder.appendingPathComponent("other")
            let tensors = TinyModel.wordedTensors().filter { !$0.key.contains(".h.1.") }
            var configuration = TinyModel.wordedConfiguration
            configuration.layerCount = 1
            try ModelFolder.write(
                configuration: configuration,
                parameters: tensors.sorted { $0.key < $1.key }.map {
                    ($0.key, Tensor($0.value.values, shape: $0.value.shape))
                },
                tokenizer: TinyModel.tokenizer(), to: other)
            #expect(
                try refusal(#"{"method": "fine-tune"}"#, from: other).contains("but one like the base model is needed"))
        }
    }
}
