import Foundation
import LanguageModels
import PrefixTuning
import Tensors
import TestSupport
import Testing
import Tokenizers

/// What is said of texts that are longer than a prefix is seen in models with sliding windows.
@Suite("Sliding windows") struct WindowTests {
    /// A Mistral of random weights in the folder `model`, whose layers see 16 keys.
    private static func workspace() throws -> Workspace {
        let workspace = try Workspace(), folder = workspace["model"]
        let size = try Tokenizer(folder: folder).vocabularySize, width = 16
        let configuration = """
            {"model_type": "mistral", "hidden_size": \(width), "num_hidden_layers": 2, "num_attention_heads": 2, \
            "num_key_value_heads": 1, "intermediate_size": 24, "vocab_size": \(size), "max_position_embeddings": 64, \
            "sliding_window": 16, "tie_word_embeddings": true, "eos_token_id": 0}
            """
        try workspace.write(configuration, to: "model/config.json")
        var shapes: [(String, [Int])] = [("embed_tokens.weight", [size, width]), ("norm.weight", [width])]
        for layer in 0..<2 {
            shapes += [
                ("input_layernorm.weight", [width]), ("post_attention_layernorm.weight", [width]),
                ("self_attn.q_proj.weight", [width, width]), ("self_attn.k_proj.weight", [width / 2, width]),
                ("self_attn.v_proj.weight", [width / 2, width]), ("self_attn.o_proj.weight", [width, width]),
                ("mlp.gate_proj.weight", [24, width]), ("mlp.up_proj.weight", [24, width]),
                ("mlp.down_proj.weight", [width, 24]),
            ].map { ("layers.\(layer).\($0.0)", $0.1) }
        }
        var random = SeededGenerator(seed: 5), writer = SafetensorsWriter()
        for (name, shape) in shapes {
            let values = (0..<shape.reduce(1, *)).map { _ in Float(0.3 * random.normal()) }
            writer.add("model.\(name)", shape: shape, values: values)
        }
        try writer.write(to: folder.appendingPathComponent("model.safetensors"))
        try workspace.write(
            """
            {"prompt": "a dog", "completion": " ran."}
            {"prompt": "the river is long and 98 miles wide and the cat sat on the mat", "completion": " and a dog ran."}

            """, to: "data.jsonl")
        return workspace
    }

    private static let rest =
        "longer than 13 tokens, the model's window of 16 less the prefix of 3: at the end of such texts, layers with the window "
        + "see the prefix in part or not at all\n"

    @Test("train, score and generate warn, once each, and not where nothing is to be said")
    func warnings() async throws {
        let workspace = try Self.workspace()
        let examples = "Warning: 1 of 2 examples is \(Self.rest)"
        func errors(_ arguments: [String]) async throws -> String {
            let result = try await Tool.run(arguments, in: workspace)
            #expect(result.code == 0, "\(result.errors)")
            return result.errors
        }
        func warned(_ text: String) -> Int { text.components(separatedBy: "Warning: ").count - 1 }

        let trained = try await errors(workspace.train("prefix"))
        #expect(trained.contains(examples) && warned(trained) == 1, "\(trained)")
        let tried = try await errors(workspace.train("prefix", steps: 4, "--dry-run"))
        #expect(tried.contains(examples) && warned(tried) == 1, "\(tried)")
        let quiet = try await errors(workspace.train("quiet", steps: 4, "--quiet"))
        #expect(warned(quiet) == 0)
        let other = try await errors([
            "train", "--model", "model", "--data", "data.jsonl", "--output", "lora", "--steps", "2", "--method", "lora",
        ])
        #expect(warned(other) == 0, "\(other)")

        let score = ["score", "--model", "model", "--data", "data.jsonl"]
        let scored = try await errors(score + ["--prefix", "prefix"])
        #expect(scored.hasPrefix(examples) && warned(scored) == 1, "\(scored)")
        #expect(try await warned(errors(score)) == 0)

        let generate = [
            "generate", "--model", "model", "--prefix", "prefix", "--input", "data.jsonl", "--max-new-tokens",
        ]
        let few = try await errors(generate + ["2"])
        #expect(few == "Warning: 1 of 2 prompts with answers of 2 tokens is \(Self.rest)", "\(few)")
        let many = try await errors(generate + ["20"])
        #expect(many == "Warning: 2 of 2 prompts with answers of 20 tokens are \(Self.rest)", "\(many)")
        let one = try await errors([
            "generate", "--model", "model", "--prefix", "prefix", "--prompt", "a dog", "--max-new-tokens", "20",
        ])
        #expect(one == "Warning: 1 of 1 prompt with an answer of 20 tokens is \(Self.rest)", "\(one)")
        #expect(try await warned(errors(generate + ["2", "--quiet"])) == 0)
    }
}
