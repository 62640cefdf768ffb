import Foundation
import LanguageModels
import Tensors
import TestSupport
import Testing

@testable import PrefixTuning

/// Files that are no prefix, or not one for the model: each is refused with a sentence that says why.
@Suite("Refused dialects of prefixes") @Compute struct DialectRefusalTests {
    private func sentence(_ url: URL, for shape: ModelShape) -> String {
        do {
            _ = try PrefixFile(url).contents(for: shape)
            return "nothing was thrown"
        } catch {
            return "\(error)"
        }
    }

    @Test("for other models than they were made for")
    func otherModels() {
        let (gpt2, llama) = (DialectGolden.gpt2, DialectGolden.llama)
        let bart = DialectGolden.bart(encoder: 2, decoder: 2)
        var deeper = gpt2
        deeper.layerCount = 5
        for (name, shape, says) in [
            ("peft-seq2seq-short", DialectGolden.bart(encoder: 2, decoder: 4), "the file holds 2 layers"),
            ("peft-seq2seq-short", DialectGolden.bart(encoder: 2, decoder: 4), "IndexError"),
            ("peft-seq2seq-2-2", gpt2, "encoder-decoder"),
            ("peft-cartridge", gpt2, "2 layers with 2 key heads of width 8, but this one has 2 layers with 4"),
            ("peft-prompt-seq2seq", gpt2, "an encoder-decoder model"),
            ("peft-prompt", llamaOf(width: 48), "[3, 32]"),
            ("authors-mlp", deeper, "\"control_trans.2.weight\""),
            ("authors-mlp", deeper, "[320 × 6] is needed"),
            ("authors-flat", deeper, "shape [384], but [n · 320]"),
            ("authors-words", deeper, "shape [4, 1, 4, 3, 8], but [10 × 1 × 4 × n × 8]"),
            ("authors-mlp", bart, "this model has an encoder"),
            ("authors-bart", gpt2, "decoder only"),
            ("authors-infix.bin", gpt2, "infix"),
            ("adapterhub-bart", llama, "is a prefix of encoder attention, which this model does not have"),
            ("rinna-flat.pt", llama, "nothing was thrown"),  // A bare tensor says nothing of itself.
            ("rinna-rows.pt", deeper, "shape [3, 128], but [n · 320]"),
            ("rinna-rows.pt", llama, "shape [3, 128], but [n × 64]"),
            ("rinna-rows.pt", bart, "has an encoder"),
            ("cartridge-lists.pt", gpt2, "2 layers with 2 key heads of width 8"),
        ] {
            let found = sentence(DialectGolden.url(name), for: shape)
            #expect(found.contains(says), "\(name): \(found)")
        }
    }

    @Test("frozen positions of a tensor without elements")
    func emptyFrozenPositions() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("cartridge-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let header = """
            {"trainable_keys.0":{"dtype":"F32","shape":[1,1,1,2],"data_offsets":[0,8]},\
            "trainable_values.0":{"dtype":"F32","shape":[1,1,1,2],"data_offsets":[8,16]},\
            "fixed_keys.0":{"dtype":"F32","shape":[1,0,1000000,2],"data_offsets":[16,16]}}
            """
        var bytes = withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) { Data($0) }
        bytes.append(contentsOf: header.utf8)
        bytes.append(Data(count: 16))
        let file = folder.appendingPathComponent("cartridge.safetensors")
        try bytes.write(to: file)
        #expect(try PrefixFile(file).length == nil)
    }

    private func llamaOf(width: Int) -> ModelShape {
        var shape = DialectGolden.llama
        shape.width = width
        return shape
    }

    @Test("no prefix at all")
    func others() throws {
        for (name, says) in [
            ("lora-peft", "an adapter of type LORA was found"),
            ("lora-loralib.pt", "an adapter of type LORA was found"),
            ("peft-gqa/adapter_config.json", "nothing was thrown"),  // It stands for its folder.
            ("expected.safetensors", "those of no prefix that is known"), ("nowhere", "there is no such file"),
            ("lora.json", "not a valid safetensors file"),
        ] {
            let found = sentence(DialectGolden.url(name), for: DialectGolden.llama)
            #expect(found.contains(says), "\(name): \(found)")
        }
        try withTrainingFolder { folder in
            for name in ["a.bin", "b.pt"] {
                try FileManager.default.copyItem(
                    at: DialectGolden.url("rinna-rows.pt"), to: folder.appendingPathComponent(name))
            }
            #expect(sentence(folder, for: DialectGolden.gpt2).contains("2 files of tensors"))
            try FileManager.default.removeItem(at: folder.appendingPathComponent("a.bin"))
            #expect(sentence(folder, for: DialectGolden.gpt2) == "nothing was thrown")
        }
    }

    struct HubDamage: Sendable {
        var old, new, says: String
    }

    @Test(
        "AdapterHub's options that a prefix has no place for",
        arguments: [
            HubDamage(old: "\"leave_out\": []", new: "\"leave_out\": [1]", says: "leave_out is [1]"),
            HubDamage(old: "\"use_gating\": false", new: "\"use_gating\": true", says: "use_gating is on"),
            HubDamage(old: "\"non_linearity\": \"tanh\"", new: "\"non_linearity\": \"mish\"", says: "\"mish\""),
            HubDamage(old: "\"prefix_tuning\"", new: "\"lora\"", says: "an adapter of type lora"),
        ])
    func adapterHub(_ damage: HubDamage) throws {
        let golden = DialectGolden.url("adapterhub-gpt2")
        try withTrainingFolder { folder in
            let text = try String(contentsOf: golden.appendingPathComponent("adapter_config.json"), encoding: .utf8)
            #expect(text.contains(damage.old))
            try Data(text.replacingOccurrences(of: damage.old, with: damage.new).utf8)
                .write(to: folder.appendingPathComponent("adapter_config.json"))
            try FileManager.default.copyItem(
                at: golden.appendingPathComponent("pytorch_adapter.bin"),
                to: folder.appendingPathComponent("pytorch_adapter.bin"))
            let found = sentence(folder, for: DialectGolden.gpt2)
            #expect(found.contains(damage.says), "\(found)")
        }
    }

    @Test("more than an archive's 32 bits can number is refused, and nothing is written")
    func aboveFourGigabytes() throws {
        let value = PyTorchWriter.Value.tensor(shape: [2, 100], values: [Float](repeating: 1, count: 200))
        try withTrainingFolder { folder in
            let url = folder.appendingPathComponent("large.pt")
            let error = failure(CheckpointError.self) { try PyTorchWriter.write(value, to: url, limit: 1_600) }
            #expect(
                error?.description.contains(" bytes are more than such an archive holds; choose another form") == true
            )
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
            try PyTorchWriter.write(value, to: url, limit: 3_000)
            #expect(try Data(contentsOf: url).count < 3_000)
        }
    }
}
