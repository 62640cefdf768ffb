import Foundation
@testable import LanguageModels
@testable import PrefixTuning
import Tensors
import TestSupport
import Testing

/// Adapters as they come: saved under names, by other means than PEFT's, with what Python's JSON allows.
@Suite("LoRA files") @Compute struct LowRankFileTests {
    /// A copy of a golden adapter with other keys.
    static func copy(
        _ name: String, to folder: URL, members: [String: String] = [:],
        tensors rename: (String) -> [String] = { [$0] }
    ) throws {
        let from = LowRankGoldenTests.area.appendingPathComponent(name)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        var texts: [String: String] = [:]
        for (key, value) in try PrefixAdapterTests.json(from) {
            texts[key] = String(
                decoding: try JSONSerialization.data(withJSONObject: value, options: .fragmentsAllowed), as: UTF8.self)
        }
        texts.merge(members) { $1 }
        let text = texts.sorted { $0.key < $1.key }.map { "\"\($0.key)\": \($0.value)" }.joined(separator: ",\n")
        try Data("{\(text)}".utf8).write(to: folder.appendingPathComponent("adapter_config.json"))
        let source = try SafetensorsFile(from.appendingPathComponent("adapter_model.safetensors"))
        var writer = SafetensorsWriter(metadata: ["format": "pt"])
        for key in source.names {
            let shape = source.shape(of: key) ?? [], values = try CheckpointReader(source).read(key, shape: shape)
            for key in rename(key) { writer.add(key, shape: shape, values: values) }
        }
        try writer.write(to: folder.appendingPathComponent("adapter_model.safetensors"))
    }

    static func refusal(_ folder: URL) -> String {
        failure(PrefixError.self) { _ = try LowRankFile(folder).updates() }?.description ?? "none"
    }

    @Test("the state of a model, saved with the adapter's name in its keys, is the adapter")
    func adapterName() throws {
        try MethodGoldenTests.withModel("bart/uneven") { folder in
            let saved = folder.appendingPathComponent("saved")
            try Self.copy("bart-parts", to: saved) { key in
                if key.hasSuffix("magnitude_vector") { return ["\(key).mine.weight"] }
                for part in [".lora_A.", ".lora_B.", ".modules_to_save."] where key.contains(part) {
                    return [key.replacingOccurrences(of: part, with: "\(part)mine.")]
                }
                // A module that is trained as a whole has no key of its own there.
                return key.contains(".fc1.weight")
                    ? [key.replacingOccurrences(of: ".fc1.", with: ".fc1.modules_to_save.mine.")] : [key]
            }
            let run = try #require(LowRankGoldenTests.golden().cases["bart-parts"])
            let model = try LanguageModel.load(folder, adapters: LowRankFile(saved).updates())
            let expected = try LowRankGoldenTests.values("bart-parts")("logits.0")
            let example = try #require(run.examples.first).tokenized
            #expect(relativeError(LowRankGoldenTests.logits(model, example), expected) < 1e-5)
        }
    }

    @Test("several adapters in one file, and parts that are not known, are refused by name")
    func parts() throws {
        try withTrainingFolder { folder in
            try Self.copy("opt-head", to: folder) { key in
                key.contains("lora_A")
                    ? ["a", "b"].map { key.replacingOccurrences(of: "lora_A", with: "lora_A.\($0)") } : [key]
            }
            #expect(Self.refusal(folder).contains("holds several adapters: \"a\", \"b\"; save one"))
            for (name, says) in [
                ("lora_embedding_A", "changes an embedding table"), ("lora_B.bias", "changes the bias of an update"),
                ("lora_E", "a part called lora_E"), ("token_adapter.base_layer.weight", "a part called token_adapter"),
            ] {
                try Self.copy("opt-head", to: folder) { key in
                    key.hasSuffix("lm_head.lora_A.weight") ? [key, "base_model.model.lm_head.\(name)"] : [key]
                }
                #expect(Self.refusal(folder).contains(says), "\(Self.refusal(folder))")
            }
            try Self.copy("gpt2-magnitudes", to: folder, members: ["use_dora": "false"])
            #expect(Self.refusal(folder).contains("is a magnitude (DoRA), but use_dora"))
            try Self.copy("gpt2-parts", to: folder, members: ["modules_to_save": "[\"ln_f\", \"score\"]"])
            #expect(Self.refusal(folder).contains("names \"score\", but no tensor"))
            try Self.copy("gpt2-magnitudes", to: folder) {
                $0.hasSuffix("0.mlp.c_proj.lora_magnitude_vector") ? [] : [$0]
            }
            let missing = failure(CheckpointError.self) { _ = try LowRankFile(folder).updates() }
            #expect("\(missing.map(String.init(describing:)) ?? "none")".contains("lora_magnitude_vector"))
        }
    }

    @Test(
        "the other kinds of adapters are refused by name",
        arguments: [
            "ADALORA", "BOFT", "IA3", "LOHA", "LOKR", "OFT", "VERA", "LN_TUNING", "ADAPTION_PROMPT", "TRAINABLE_TOKENS",
        ])
    func kinds(kind: String) throws {
        try withTrainingFolder { folder in
            try Self.copy("opt-head", to: folder, members: ["peft_type": "\"\(kind)\"", "r": "null"])
            #expect(Self.refusal(folder).contains("an adapter of type \(kind) was found, but LORA is needed"))
        }
    }

    struct Key: Sendable, CustomTestStringConvertible {
        var key, value, says: String
        var testDescription: String { "\(key): \(value)" }
    }

    @Test(
        "keys of another type are named",
        arguments: [
            Key(key: "r", value: "\"8\"", says: "\"r\" is \"8\", but a whole number is needed"),
            Key(key: "r", value: "NaN", says: "\"r\" is \"NaN\", but a whole number is needed"),
            Key(key: "lora_alpha", value: "1e999", says: "\"lora_alpha\" is \"1e999\", but a number is needed"),
            Key(key: "lora_alpha", value: "-Infinity", says: "\"lora_alpha\" is \"-Infinity\", but a number is needed"),
            Key(key: "use_rslora", value: "\"yes\"", says: "\"use_rslora\" is \"yes\", but true or false is needed"),
            Key(key: "bias", value: "false", says: "\"bias\" is false, but a text is needed"),
            Key(key: "bias", value: "\"some\"", says: "bias is \"some\", but one of \"none\", \"all\", \"lora_only\""),
            Key(key: "modules_to_save", value: "\"wte\"", says: "\"modules_to_save\" is \"wte\", but a list is needed"),
            Key(key: "modules_to_save", value: "[3]", says: "\"modules_to_save.0\" is 3, but a text is needed"),
            Key(key: "rank_pattern", value: "[1]", says: "\"rank_pattern\" is [1], but an object is needed"),
            Key(key: "rank_pattern", value: "{\"q_proj\": 1.5}", says: "\"rank_pattern.q_proj\" is 1.5"),
        ])
    func types(key: Key) throws {
        try withTrainingFolder { folder in
            try Self.copy("opt-head", to: folder, members: [key.key: key.value])
            let error = Self.refusal(folder)
            #expect(error.contains("adapter_config.json: \(key.says)"), "\(error)")
        }
    }

    @Test("numbers of Python's JSON do no harm in keys that nobody reads, nor in texts")
    func strangeNumbers() throws {
        try withTrainingFolder { folder in
            try Self.copy(
                "opt-head", to: folder,
                members: [
                    "lora_dropout": "NaN", "loftq_config": "{\"x\": [Infinity, -Infinity, 1e999, -0.5e-3, true]}",
                    "revision": "\"NaN, \\\"Infinity\\\": 1e999\"",
                ])
            #expect(try LowRankFile(folder).updates().names.count == 3)
        }
    }

    @Test("an adapter below the folder is named")
    func subfolders() throws {
        try withTrainingFolder { folder in
            try Self.copy("opt-head", to: folder.appendingPathComponent("one"))
            #expect(
                Self.refusal(folder).hasSuffix(
                    "no such file, but a subfolder holds an adapter: \"\(folder.path)/one\"; name it"))
            try Self.copy("opt-head", to: folder.appendingPathComponent("two"))
            #expect(
                Self.refusal(folder).hasSuffix(
                    "subfolders hold adapters: \"\(folder.path)/one\", \"\(folder.path)/two\"; name one of them"))
            let prefix = failure(PrefixError.self) { _ = try PrefixFile(folder) }?.description
            #expect(prefix?.hasSuffix("\"\(folder.path)/two\"; name one of them") == true)
        }
    }

    @Test("tensors that the model does not have, or of another shape, are refused by name")
    func otherModel() throws {
        try MethodGoldenTests.withModel("gpt2/tied") { folder in
            let saved = folder.appendingPathComponent("saved")
            try Self.copy("gpt2-parts", to: saved) {
                [$0] + ($0.hasSuffix("ln_f.weight") ? ["base_model.model.transformer.ln_g.weight"] : [])
            }
            let error = failure(LowRankError.self) {
                _ = try LanguageModel.load(folder, adapters: LowRankFile(saved).updates())
            }
            #expect(error?.description.contains("does not have, or has quantised: \"ln_g.weight\"") == true)
        }
        try MethodGoldenTests.withModel("architectures/qwen2-tied") { folder in
            let name = LowRankGoldenTests.area.appendingPathComponent("llama-magnitudes")
            #expect(throws: (any Error).self) {
                _ = try LanguageModel.load(folder, adapters: LowRankFile(name).updates())
            }
        }
    }

    @Test("what cannot be trained as a whole is refused by name")
    func modules() throws {
        try MethodGoldenTests.withModel("gpt2/tied") { folder in
            @Compute func refusal(_ targets: [String], _ modules: [String]) -> String? {
                var settings = LowRankMethod.Settings()
                (settings.targets, settings.modules) = (targets, modules)
                return failure(AdapterError.self) {
                    _ = try LowRankMethod(folder: folder, settings: settings, seed: 1)
                }?.description
            }
            #expect(
                refusal(["c_attn"], ["ln_f", "norm"])?.contains("ends in \"norm\"; choose among \"c_attn\"") == true)
            #expect(refusal(["lm_head"], ["lm_head"])?.contains("\"lm_head\" would be trained as a whole") == true)
            #expect(refusal(["c_attn"], ["attn"])?.contains("attn.c_attn\" would be trained as a whole") == true)
        }
    }

    @Test(
        "a head's update drops what it reads, too, by the masks of a seed", arguments: ["opt-head", "gpt2-magnitudes"])
    func headDropout(name: String) throws {
        let golden = try LowRankGoldenTests.golden(), run = try #require(golden.cases[name])
        var heads = run
        heads.targets = ["lm_head"]
        try MethodGoldenTests.withModel(run.model) { folder in
            @Compute func losses(_ dropout: Float) throws -> [Double] {
                let method = try LowRankGoldenTests.method(golden, heads, folder, dropout: dropout)
                for (name, value) in method.parameters where name.contains("lora_B") {
                    // Not all alike: what moves all logits by the same changes no loss.
                    value.assign((0..<value.count).map { 0.1 * Float($0 % 7) - 0.3 })
                }
                let examples = run.examples.prefix(6).map(\.tokenized)
                let trainer = try Trainer(method, examples: examples, settings: .tiny())
                let before = trainer.validationLoss(examples)
                return try (0..<3).map { _ in try trainer.step().loss } + [before]
            }
            let (none, some) = (try losses(0), try losses(0.3))
            #expect(try losses(0.3) == some)
            #expect(zip(none, some).dropLast().allSatisfy { $0 != $1 } && none.last == some.last, "\(none) \(some)")
        }
    }
}
