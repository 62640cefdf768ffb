import Foundation
import Tensors
import TestSupport
import Testing

@testable import LanguageModels

/// Numbers that no model has, in every key: an error or a model, never a trap, which would end the tests themselves.
@Suite("Extreme numbers in configurations") @Compute struct ConfigurationNumberTests {
    nonisolated static let models = [
        "gpt2/tied", "architectures/opt-pre", "architectures/neox-parallel", "architectures/llama-3",
        "architectures/mistral-window", "architectures/qwen2-window", "architectures/qwen3-window-old",
        "architectures/gemma3-linear-old", "architectures/smollm3-window", "architectures/phi3-long-old",
        "architectures/gptj-half", "architectures/bloom-norms-old", "t5/gated", "t5/mt5", "bart/scaled",
        "bertscore/bert", "bertscore/roberta",
    ]

    private static let numbers = [
        "0", "1", "-1", "0.5", "2147483648", "4294967296", "4611686018427387903", "9223372036854775807", "1e300",
        "-1e300",
        "NaN", "Infinity", "-Infinity", "1e999",
    ]

    /// Keys that a file may have beside those that it has, with objects in the way.
    private static let keys = [
        "eos_token_id", "bos_token_id", "pad_token_id", "decoder_start_token_id", "forced_bos_token_id",
        "forced_eos_token_id", "vocab_size", "n_positions", "n_embd", "n_layer", "n_head", "n_inner",
        "layer_norm_epsilon",
        "resid_pdrop", "embd_pdrop", "attn_pdrop", "hidden_size", "word_embed_proj_dim", "num_hidden_layers",
        "num_attention_heads", "num_key_value_heads", "head_dim", "intermediate_size", "ffn_dim", "d_model",
        "encoder_layers", "decoder_layers", "encoder_ffn_dim", "decoder_attention_heads", "max_position_embeddings",
        "original_max_position_embeddings", "rms_norm_eps", "layer_norm_eps", "rope_theta", "rotary_pct",
        "rotary_emb_base", "partial_rotary_factor", "sliding_window", "max_window_layers", "type_vocab_size", "dropout",
        "attention_dropout", "hidden_dropout", "tie_word_embeddings", "model_type", "hidden_act", "rope_scaling",
        "layer_types", "query_pre_attn_scalar", "rope_local_base_freq", "rope_parameters", "sliding_window_pattern",
        "attn_logit_softcapping", "final_logit_softcapping", "use_bidirectional_attention", "nobody_reads_this",
    ]
    private static let rotary: [(kind: String, rest: [String: Any], keys: [String])] = [
        ("linear", [:], ["factor", "rope_theta", "partial_rotary_factor"]),
        ("dynamic", ["factor": 2], ["factor", "rope_theta"]),
        (
            "yarn", ["factor": 2],
            [
                "factor", "rope_theta", "beta_fast", "beta_slow", "mscale", "mscale_all_dim", "attention_factor",
                "original_max_position_embeddings", "truncate",
            ]
        ),
        (
            "longrope", ["short_factor": [1, 1, 1, 1], "long_factor": [1, 1, 1, 1]],
            ["factor", "short_factor", "attention_factor", "original_max_position_embeddings", "rope_theta"]
        ),
        (
            "llama3", ["factor": 2, "low_freq_factor": 1, "high_freq_factor": 4],
            ["factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings", "rope_theta"]
        ),
    ]

    /// How often a file was read, and how often a model made: once for each configuration that is another.
    private struct Counts {
        var read = 0, refused = 0, made = 0
        private var seen: Set<String> = []

        mutating func isNew(_ configuration: Any) -> Bool {
            let fields = Mirror(reflecting: configuration).children.filter { $0.label != "fileContents" }
            return seen.insert(fields.map { "\($0.value)" }.joined(separator: " ")).inserted
        }
    }

    /// Reads a folder's files with one of its values, "@", written as `number`; makes the model where that goes well.
    private func attempt(
        _ object: [String: Any], _ number: String, in folder: URL, _ weights: any TensorSource, _ counts: inout Counts
    ) throws {
        let text = String(decoding: try JSONSerialization.data(withJSONObject: object), as: UTF8.self)
        let file = folder.appendingPathComponent("config.json")
        try Data(text.replacingOccurrences(of: "\"@\"", with: number).utf8).write(to: file)
        do {
            try QuantizationConfiguration.read(from: file)?.check(file: file.path)
            let loader = WeightLoader(CheckpointReader(weights), use: .frozen(differentiable: false))
            if ["bert", "roberta"].contains(object["model_type"] as? String) {
                let configuration = try BERTConfiguration.read(from: file)
                counts.read += 1
                guard counts.isNew(configuration) else { return }
                _ = try BERT(configuration, loader, layers: nil)
            } else {
                let configuration = try ModelConfigurationFile.read(from: file)
                counts.read += 1
                _ = try HuggingFaceFolder(folder).conventions
                #expect(configuration.parameterCount > 0 && configuration.shape.prefixRowWidth > 0)
                guard counts.isNew(configuration) else { return }
                _ = try configuration.network(loader)
            }
            counts.made += 1
        } catch let error as CheckpointError {
            counts.refused += 1
            #expect(error.description.count < 4000)
        }
    }

    @Test(arguments: models)
    func neverTrap(_ name: String) throws {
        let golden = Fixtures.goldens.appendingPathComponent(name)
        let weights = try HuggingFaceFolder(golden).tensors
        let data = try Data(contentsOf: golden.appendingPathComponent("config.json"))
        let written = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
        var counts = Counts()
        try withCheckpointFolder { folder in
            for key in Set(Self.keys).union(written.keys).sorted() {
                for number in Self.numbers + ["[9223372036854775807, 5]", "\"x\"", "{}", "[[]]"] {
                    try attempt(written.merging([key: "@"]) { $1 }, number, in: folder, weights, &counts)
                }
            }
            for (kind, rest, keys) in Self.rotary {
                for key in keys {
                    for number in Self.numbers {
                        var rope = rest
                        rope["rope_type"] = kind
                        rope[key] = "@"
                        try attempt(
                            written.merging(["rope_scaling": rope]) { $1 }, number, in: folder, weights, &counts)
                    }
                }
            }
            try Data(contentsOf: golden.appendingPathComponent("config.json")).write(
                to: folder.appendingPathComponent("config.json"))
            for key in ["eos_token_id", "forced_bos_token_id", "forced_eos_token_id", "max_length"] {
                guard !name.hasPrefix("bertscore") else { break }
                for number in Self.numbers {
                    try Data("{\"\(key)\": \(number)}".utf8).write(
                        to: folder.appendingPathComponent("generation_config.json"))
                    _ = try? HuggingFaceFolder(folder).conventions
                }
            }
        }
        print("\(name): \(counts.read) read, \(counts.made) made, \(counts.refused) refused")
        #expect(counts.read > 700 && counts.made > 5 && counts.refused > 200)
    }

    private func read(_ text: String) throws -> ConfigurationReader {
        try ConfigurationReader(Data(text.utf8), file: "config.json")
    }

    /// Python's `json` writes these, and reads them again.
    @Test func readsWhatPythonWrites() throws {
        let file = try read(
            "{\"unused\": NaN, \"a\": 1, \"deep\": {\"list\": [Infinity, -Infinity, 1e999]},\n \"a\": 2, \"b\": 3.0}")
        #expect(try file.integer("a") == 2)
        #expect(try file.integer("b") == 3)
        #expect(try file.optionalNumber("nothing") == nil)
    }

    @Test(arguments: ["NaN", "Infinity", "-Infinity", "1e999"])
    func namesFileLineAndKey(_ number: String) throws {
        let file = try read("{\"a\": 1,\n\"deep\": {\n  \"b\": \(number)}}")
        let shown = number == "1e999" ? "Infinity" : number
        let error = #expect(throws: CheckpointError.self) { try #require(try file.object("deep")).optionalNumber("b") }
        #expect(error?.description == "config.json, key \"deep.b\": a number is needed, but line 3 has \(shown)")
    }

    @Test func takesEndTokensAsTransformersDoes() throws {
        func tokens(_ value: String) throws -> [Int32] {
            try read("{\"eos_token_id\": \(value)}").tokens("eos_token_id", vocabulary: 100)
        }
        #expect(try tokens("[5, 99, 7]") == [5, 99, 7])
        #expect(try tokens("[5, 100, 50256, -1, 2147483648]") == [5])
        #expect(try tokens("null") == [])
        #expect(try tokens("4") == [4])
        for wrong in ["1.5", "\"5\"", "[NaN]", "true", "[[1]]", "{}"] {
            #expect(throws: CheckpointError.self, "\(wrong)") { try tokens(wrong) }
        }
        #expect(throws: CheckpointError.self) { try read("{\"t\": 100}").token("t", vocabulary: 100) }
        #expect(try read("{}").token("t", vocabulary: 100, default: 100) == nil)
    }

    @Test func boundsWhatADocumentHolds() throws {
        let error = #expect(throws: CheckpointError.self) {
            try read("{\"a\": [" + String(repeating: "0,", count: 300_000) + "0]}")
        }
        #expect(error?.description.contains("more than 262144 values") == true)
    }
}
