import Tokenizers

extension T5Configuration {
    /// T5 of 2019, whose MLP has no gate and whose head is the table of tokens.
    static let gguf = form(isGated: false)
    /// v1.1 and what came after it: Flan-T5, T0, UL2, and mT5, which nothing tells from them.
    private static let gatedGGUF = form(isGated: true)

    /// llama.cpp has one name for all of them, and one for the matrix that the gate does not go through, which `transformers` calls
    /// by whether there is a gate. It knows one activation with it, one without, and one farthest distance.
    private static func form(isGated: Bool) -> GGUFForm {
        func attention(_ name: String, _ path: String) -> [String: GGUFForm.Part] {
            [
                "\(name)_q": .init("\(path).q"), "\(name)_k": .init("\(path).k"), "\(name)_v": .init("\(path).v"),
                "\(name)_o": .init("\(path).o"), "\(name)_rel_b": .init("\(path).relative_attention_bias"),
            ]
        }
        func stack(mlp layer: Int) -> [String: GGUFForm.Part] {
            let mlp = "layer.\(layer).DenseReluDense"
            var parts = attention("attn", "layer.0.SelfAttention")
            parts["attn_norm"] = "layer.0.layer_norm"
            parts["ffn_norm"] = .init("layer.\(layer).layer_norm")
            if isGated { parts["ffn_gate"] = .init("\(mlp).wi_0") }
            parts["ffn_up"] = .init(isGated ? "\(mlp).wi_1" : "\(mlp).wi")
            parts["ffn_down"] = .init("\(mlp).wo")
            return parts
        }
        var decoder = stack(mlp: 2).merging(attention("cross_attn", "layer.1.EncDecAttention")) { $1 }
        decoder["cross_attn_norm"] = "layer.1.layer_norm"
        return GGUFForm(
            "t5",
            keys: [
                "d_model": "embedding_length", "num_layers": "block_count", "num_decoder_layers": "decoder_block_count",
                "d_ff": "feed_forward_length", "num_heads": "attention.head_count", "d_kv": "attention.key_length",
                "relative_attention_num_buckets": "attention.relative_buckets_count",
                "layer_norm_epsilon": "attention.layer_norm_rms_epsilon",
                "decoder_start_token_id": "decoder_start_token_id",
            ],
            required: [
                "attention.key_length", "attention.relative_buckets_count", "attention.layer_norm_rms_epsilon",
            ],
            parts: [
                "token_embd": "shared", "enc.output_norm": "encoder.final_layer_norm",
                "dec.output_norm": "decoder.final_layer_norm", "output": .init(ModuleName.head),
            ],
            blockParts: decoder, encoderParts: stack(mlp: 1),
            // Checkpoints of 2019 hold the table under the head's name, too, and so do files that were made of them.
            ignored: isGated ? [] : ["output.weight"],
            variant: { file in
                let hasGate = file.shape(ofTensor: "dec.blk.0.ffn_gate.weight") != nil
                return hasGate && !isGated ? gatedGGUF : nil
            }
        ) { values, file in
            values["model_type"] = .text("t5")
            values["feed_forward_proj"] = .text(isGated ? "gated-gelu" : "relu")
            values["relative_attention_max_distance"] = .number(128)
            values["tie_word_embeddings"] = .bool(!isGated || file.shape(ofTensor: "output.weight") == nil)
        }
    }
}
