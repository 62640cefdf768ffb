import Tokenizers

extension GPTNeoXConfiguration {
    /// GPT-NeoX, whose queries, keys and values the converter puts one behind the other.
    static let gguf = GGUFForm(
        "gptneox",
        keys: [
            "hidden_size": "embedding_length", "num_hidden_layers": "block_count",
            "num_attention_heads": "attention.head_count", "intermediate_size": "feed_forward_length",
            "max_position_embeddings": "context_length", "layer_norm_eps": "attention.layer_norm_epsilon",
            "rotary_emb_base": "rope.freq_base", "use_parallel_residual": "use_parallel_residual",
        ],
        required: ["attention.layer_norm_epsilon"],
        parts: ["token_embd": "embed_in", "output_norm": "final_layer_norm", "output": .init(ModuleName.head)],
        blockParts: [
            "attn_norm": "input_layernorm", "attn_qkv": .init("attention.query_key_value", .queriesKeysValues),
            "attn_output": "attention.dense", "ffn_norm": "post_attention_layernorm",
            "ffn_up": "mlp.dense_h_to_4h", "ffn_down": "mlp.dense_4h_to_h",
        ]
    ) { values, file in
        values["model_type"] = .text("gpt_neox")
        values["hidden_act"] = .text("gelu")
        values["attention_bias"] = .bool(file.shape(ofTensor: "blk.0.attn_qkv.bias") != nil)
        if let turned = try file.metadata.integer("gptneox.rope.dimension_count"),
            case .number(let width) = values["hidden_size"], case .number(let heads) = values["num_attention_heads"],
            width > 0, heads > 0
        {
            values["rotary_pct"] = .number(Double(turned) * heads / width)
        }
    }
}
