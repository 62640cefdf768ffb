import Foundation
import LanguageModels
import PrefixTuning
import Tensors
import TestSupport
import Testing

/// LoRA adapters of PEFT and loralib, beside and in the weights, against the logits of the originals.
@Suite("LoRA adapters") @Compute struct DialectLowRankTests {
    nonisolated static let adapters = ["lora-peft", "lora-rslora", "lora-loralib.pt"]

    private func model(_ updates: LowRankUpdates?) throws -> LanguageModel {
        let plain = try TinyModel.golden("tied")
        let reader = try CheckpointReader(folder: Fixtures.goldens.appendingPathComponent("gpt2/tied"))
        let network = try plain.configuration.network(
            WeightLoader(reader, use: .frozen(differentiable: false), adapters: updates))
        return try LanguageModel(
            name: "tied", tokenizer: plain.tokenizer, configuration: plain.configuration, network: network)
    }

    private func cases() throws -> [[Int32]] {
        try JSONDecoder().decode([[Int32]].self, from: Data(contentsOf: DialectGolden.url("lora.json")))
    }

    @Test("the originals' logits, unmerged and merged", arguments: adapters, [false, true])
    func logits(name: String, merging: Bool) throws {
        let file = try LowRankFile(DialectGolden.url(name))
        #expect(file.dialect == (name.hasSuffix(".pt") ? .loralib : .peft))
        #expect(file.baseModel == (name.hasSuffix(".pt") ? nil : "base"))
        let model = try model(file.updates(merging: merging, alpha: name.hasSuffix(".pt") ? 16 : nil))
        let plain = try self.model(nil)
        for (index, ids) in try cases().enumerated() {
            let golden = name.replacingOccurrences(of: ".pt", with: "")
            let expected = try DialectGolden.expected("\(golden).logits.\(index)")
            #expect(relativeError(model.logits(ids), expected) < 5e-6)
            #expect(relativeError(plain.logits(ids), expected) > 1e-2)
        }
    }

    @Test("updates of matrices that the model does not have, or of other sizes")
    func unused() throws {
        let file = try LowRankFile(DialectGolden.url("lora-loralib.pt"))
        let update = LowRankUpdate(down: [1], up: [1], rank: 1, scale: 1)
        for (name, says) in [
            ("h.0.attn.c_proj", "has shape [1, 1]"), ("h.7.attn.c_attn", "does not have: \"h.7.attn.c_attn\""),
        ] {
            let updates = try LowRankUpdates([name: update], file: "F")
            let error = failure(LowRankError.self) { _ = try model(updates) }
            #expect(error?.description.contains(says) == true, "\(error.map(String.init(describing:)) ?? "none")")
        }
        let twice = failure(LowRankError.self) {
            _ = try LowRankUpdates(["h.0.x": update, "transformer.h.0.x": update], file: "F")
        }
        #expect(twice?.description.contains("under two names") == true)
        let one = try LowRankUpdates(["model.h.0.x": update], file: "F")
        #expect(one.update(of: "transformer.h.0.x") != nil && one.update(of: "h.0.y") == nil)
        #expect(try file.updates().names == ["h.0.attn.c_attn", "h.1.attn.c_attn"])
        #expect(try file.updates().parameterCount == 2 * (4 * 32 + 96 * 4))
    }

    struct Damage: Sendable {
        var key, value, says: String
    }

    @Test(
        "what is more than a low-rank update is refused by name",
        arguments: [
            Damage(key: "lora_bias", value: "true", says: "lora_bias is set"),
            Damage(
                key: "modules_to_save", value: "[\"score\"]",
                says: "modules_to_save of adapter_config.json names \"score\", but no tensor of such a module is here"),
            Damage(key: "init_lora_weights", value: "\"pissa\"", says: "init_lora_weights is \"pissa\""),
            Damage(key: "trainable_token_indices", value: "[1]", says: "trainable_token_indices is set"),
            Damage(key: "peft_type", value: "\"IA3\"", says: "type IA3"),
            Damage(key: "r", value: "5", says: "[5 × input] (r of adapter_config.json)"),
            Damage(key: "r", value: "0", says: "r is 0"),
            Damage(key: "rank_pattern", value: "{\"(\": 2}", says: "no regular expression"),
            Damage(key: "rank_pattern", value: "{}", says: "[3 × input]"),
        ])
    func refused(_ damage: Damage) throws {
        let golden = DialectGolden.url("lora-peft")
        try withTrainingFolder { folder in
            var members: [String: String] = [:]
            for (key, value) in try PrefixAdapterTests.json(golden) {
                let text = try JSONSerialization.data(withJSONObject: value, options: .fragmentsAllowed)
                members[key] = String(decoding: text, as: UTF8.self)
            }
            members[damage.key] = damage.value
            let text = members.map { "\"\($0.key)\": \($0.value)" }.joined(separator: ",")
            try Data("{\(text)}".utf8).write(to: folder.appendingPathComponent("adapter_config.json"))
            try FileManager.default.copyItem(
                at: golden.appendingPathComponent("adapter_model.safetensors"),
                to: folder.appendingPathComponent("adapter_model.safetensors"))
            let error = failure(PrefixError.self) { _ = try LowRankFile(folder).updates() }
            #expect(
                error?.description.contains(damage.says) == true, "\(error.map(String.init(describing:)) ?? "none")")
        }
    }
}
