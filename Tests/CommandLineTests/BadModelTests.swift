import Foundation
import Testing

/// Damaged model folders: every command that reads one says what is wrong, and changes nothing.
@Suite struct BadModelTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let name: String
        let damage: @Sendable (Workspace) throws -> Void
        /// FOLDER stands for the workspace.
        let message: String
        var testDescription: String { name }
    }

    private static let weights = "model/model.safetensors"
    private static let table = "wte.weight"

    static let cases = [
        Case(
            name: "no such folder", damage: { try FileManager.default.removeItem(at: $0["model"]) },
            message:
                "model is neither a folder here nor complete in the hub's cache, and HF_HUB_OFFLINE is set; unset it "
                + "to fetch the model"),
        Case(
            name: "no weights", damage: { try FileManager.default.removeItem(at: $0[weights]) },
            message:
                "cannot read FOLDER/model: it holds neither model.safetensors nor pytorch_model.bin, nor the index.json of "
                + "either; fetch the model's weights into it"),
        Case(
            name: "no tokenizer",
            damage: {
                for name in ["tokenizer.json", "tokenizer_config.json"] {
                    try FileManager.default.removeItem(at: $0["model/\(name)"])
                }
            },
            message:
                "No tokenizer in FOLDER/model: put tokenizer.json there, or vocab.json together with merges.txt, or "
                + "vocab.txt, or a SentencePiece model."),
        Case(
            name: "empty weights", damage: { try $0.write("", to: weights) },
            message: "cannot read FOLDER/\(weights): it is empty"),
        Case(
            name: "truncated weights", damage: { try Tampering.truncate($0[weights], by: 1000) },
            message:
                "FOLDER/\(weights) is damaged at tensor \"wte.weight\": its data ends at byte 345984, but the file has 344984 "
                + "data bytes: it was cut off; fetch or export the file again"),
        Case(
            name: "header cut off",
            damage: { try Data(contentsOf: $0[weights]).prefix(100).write(to: $0[weights]) },
            message:
                "FOLDER/\(weights) is not a valid safetensors file: its header claims 2280 bytes, but only 92 follow: it was "
                + "cut off; fetch or export the file again"),
        Case(
            name: "header of 2^63 bytes",
            damage: { try Tampering.overwrite($0[weights], at: 0, with: [0, 0, 0, 0, 0, 0, 0, 0x80]) },
            message:
                "FOLDER/\(weights) is not a valid safetensors file: its header claims 9223372036854775808 bytes, more than the "
                + "100000000 allowed; fetch or export the file again"),
        Case(
            name: "header longer than the file",
            damage: { try Tampering.overwrite($0[weights], at: 0, with: [0xff, 0xff, 0xff, 0x00, 0, 0, 0, 0]) },
            message:
                "FOLDER/\(weights) is not a valid safetensors file: its header claims 16777215 bytes, but only 348264 follow: it "
                + "was cut off; fetch or export the file again"),
        Case(
            name: "header that is no JSON",
            damage: { try Tampering.overwrite($0[weights], at: 8, with: Array("]]]]".utf8)) },
            message:
                "FOLDER/\(weights) is not a valid safetensors file: header byte 0: \"{\" was expected, but there is \"]\"; "
                + "fetch or export the file again"),
        Case(
            name: "overlapping tensors",
            damage: {
                let other = try Tampering.offsets($0[weights], "h.0.ln_1.bias")
                try Tampering.changeTensor(
                    $0[weights], "h.0.ln_1.weight", "data_offsets", to: other)
            },
            message:
                "FOLDER/\(weights) is damaged at tensor \"h.0.ln_1.weight\": its data starts at byte 37632, inside "
                + "the tensor before it; fetch or export the file again"),
        Case(
            name: "tensor beyond the end",
            damage: {
                try Tampering.changeTensor(
                    $0[weights], "h.0.ln_1.bias", "data_offsets", to: [1 << 40, 1 << 40 + 192])
            },
            message:
                "FOLDER/\(weights) is damaged at tensor \"h.0.ln_1.bias\": its data ends at byte 1099511627968, but the file "
                + "has 345984 data bytes: it was cut off; fetch or export the file again"),
        Case(
            name: "wrong shape",
            damage: {
                let shape = try Tampering.shape($0[weights], table)
                try Tampering.changeTensor($0[weights], table, "shape", to: [shape[1], shape[0]])
            },
            message: "tensor \"\(table)\" of FOLDER/\(weights) has shape [48, 558], but the configuration asks for "
                + "[558, 48]; check that the file belongs to this config.json"),
        Case(
            name: "missing tensor",
            damage: {
                try Tampering.rename($0[weights], "ln_f.bias", to: "ln_f.tilt")
            },
            message:
                "FOLDER/\(weights) has no tensor \"ln_f.bias\" (it has \"h.0.attn.c_attn.bias\", \"h.0.attn.c_proj.bias\", "
                + "\"h.0.ln_1.bias\"); check that the file belongs to this config.json"),
        Case(
            name: "integers",
            damage: { try Tampering.changeTensor($0[weights], "ln_f.bias", "dtype", to: "I32") },
            message: "tensor \"ln_f.bias\" of FOLDER/\(weights) is stored as I32; F32, F16, BF16 and F64 "
                + "can be read, so export the model in one of these"),
        Case(
            name: "NaN",
            damage: { try Tampering.overwrite($0[weights], at: -4, with: [0, 0, 0xc0, 0x7f]) },
            message:
                "tensor \"wte.weight\" of FOLDER/\(weights) holds nan at element 26783; the weights are damaged or training "
                + "diverged, so use another checkpoint"),
        Case(
            name: "configuration of another architecture",
            damage: { try $0.write(#"{"model_type": "bert"}"#, to: "model/config.json") },
            message:
                "FOLDER/model/config.json, key \"model_type\": the model type is \"bert\", but only gpt2, opt, gpt_neox, "
                + "llama, mistral, qwen2, qwen3, smollm3, phi3, gemma3_text, gptj, bloom, bart, t5, mt5 can be read; use a model of these"
        ),
        Case(
            name: "configuration that is no JSON", damage: { try $0.write("{", to: "model/config.json") },
            message: "FOLDER/model/config.json: it is not valid JSON at byte 1: expected a string"),
        Case(
            name: "configuration of absurd sizes",
            damage: { try $0.write(#"{"model_type": "gpt2", "n_layer": 1000000000}"#, to: "model/config.json") },
            message:
                "FOLDER/model/config.json, key \"n_layer\": the value is 1000000000, but must be between 1 and 4096"),
    ]

    static let commands = [
        ["train", "--data", "data.jsonl", "--output", "run", "--steps", "1"],
        ["train", "--data", "data.jsonl", "--output", "run", "--steps", "1", "--method", "fine-tune"],
        ["generate", "--prompt", "the cat"],
        ["score", "--data", "data.jsonl", "--output", "scores.jsonl"],
    ]

    @Test(arguments: cases)
    func isRefusedByEveryCommand(_ item: Case) async throws {
        let workspace = try Workspace()
        try item.damage(workspace)
        let before = try workspace.snapshot()
        var sentences: Set<String> = []
        for command in Self.commands {
            let result = try await Tool.run(command + ["--model", "model"], in: workspace)
            #expect(result.code == 1, "\(command)")
            #expect(!result.wasKilled)
            #expect(result.output == "")
            let expected = "Error: " + item.message.replacingOccurrences(of: "FOLDER", with: workspace.folder.path)
            #expect(result.errors == expected + "\n", "\(command[0])")
            sentences.insert(result.errors)
            #expect(try workspace.snapshot() == before)
        }
        #expect(sentences.count == 1)
    }

    @Test func aModelWithoutFaultIsAccepted() async throws {
        // The counterpart: what the cases damage is in order before.
        let workspace = try Workspace()
        for command in Self.commands {
            let result = try await Tool.run(command + ["--model", "model"], in: workspace)
            #expect(result.code == 0, "\(result.errors)")
            try? FileManager.default.removeItem(at: workspace["run"])
        }
    }
}

extension Tampering {
    static func shape(_ file: URL, _ name: String) throws -> [Int] {
        try numbers(file, name, "shape")
    }

    static func rename(_ file: URL, _ name: String, to other: String) throws {
        try rewriteHeader(file) { header in
            guard let tensor = header.removeValue(forKey: name) else { throw NoTensor(name: name) }
            header[other] = tensor
        }
    }
}
