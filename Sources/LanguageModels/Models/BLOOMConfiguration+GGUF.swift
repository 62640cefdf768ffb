import Tokenizers

extension BLOOMConfiguration {
    /// BLOOM, whose queries, keys and values the converter puts one behind the other.
    static let gguf = GGUFForm(
        "bloom",
        keys: [
            "hidden_size": "embedding_length", "n_layer": "block_count", "n_head": "attention.head_count",
            "layer_norm_epsilon": "attention.layer_norm_epsilon",
        ],
        required: ["attention.layer_norm_epsilon"],
        parts: [
            "token_embd": "word_embeddings", "token_embd_norm": "word_embeddings_layernorm", "output_norm": "ln_f",
            "output": .init(ModuleName.head),
        ],
        blockParts: [
            "attn_norm": "input_layernorm", "attn_qkv": .init("self_attention.query_key_value", .queriesKeysValues),
            "attn_output": "self_attention.dense", "ffn_norm": "post_attention_layernorm",
            "ffn_up": "mlp.dense_h_to_4h", "ffn_down": "mlp.dense_4h_to_h",
        ]
    ) { values, _ in
        values["model_type"] = .text("bloom")
    }
}
