import Tokenizers

extension GPT2Configuration {
    /// GPT-2, whose matrices the converter turns about.
    static let gguf = GGUFForm(
        "gpt2",
        keys: [
            "n_embd": "embedding_length", "n_layer": "block_count", "n_head": "attention.head_count",
            "n_positions": "context_length", "n_inner": "feed_forward_length",
            "layer_norm_epsilon": "attention.layer_norm_epsilon",
        ],
        required: ["attention.layer_norm_epsilon"],
        parts: [
            "token_embd": "wte", "position_embd": "wpe", "output_norm": "ln_f", "output": .init(ModuleName.head),
        ],
        blockParts: [
            "attn_norm": "ln_1", "attn_qkv": .init("attn.c_attn", .transposed),
            "attn_output": .init("attn.c_proj", .transposed), "ffn_norm": "ln_2",
            "ffn_up": .init("mlp.c_fc", .transposed), "ffn_down": .init("mlp.c_proj", .transposed),
        ]
    ) { values, _ in
        values["model_type"] = .text("gpt2")
    }
}
