import Tokenizers

extension Gemma3Configuration {
    /// Gemma 3's text model. The file has the gains of the norms as they multiply, 1 + w.
    static let gguf = GGUFForm(
        "gemma3",
        keys: GGUFForm.llamaKeys.merging([
            "sliding_window": "attention.sliding_window", "rope_local_base_freq": "rope.freq_base_swa",
            "final_logit_softcapping": "final_logit_softcapping", "attn_logit_softcapping": "attn_logit_softcapping",
        ]) { $1 },
        required: ["attention.sliding_window"],
        parts: GGUFForm.llamaParts.merging(["output_norm": .init("norm", .plusOne)]) { $1 },
        blockParts: GGUFForm.llamaBlock(turned: false).merging([
            "attn_norm": .init("input_layernorm", .plusOne), "attn_q_norm": .init("self_attn.q_norm", .plusOne),
            "attn_k_norm": .init("self_attn.k_norm", .plusOne),
            "post_attention_norm": .init("post_attention_layernorm", .plusOne),
            "ffn_norm": .init("pre_feedforward_layernorm", .plusOne),
            "post_ffw_norm": .init("post_feedforward_layernorm", .plusOne),
        ]) { $1 }
    ) { values, file in
        values["model_type"] = .text("gemma3_text")
        // Ollama's own files name the bases of the two rotations in another way.
        for (ours, theirs) in [
            ("rope_theta", "rope.global.freq_base"), ("rope_local_base_freq", "rope.local.freq_base"),
        ]
        where values[ours] == nil { values[ours] = try file.metadata.json("gemma3.\(theirs)") }
        // 0 stands for no cap.
        for cap in ["final_logit_softcapping", "attn_logit_softcapping"] where values[cap] == .number(0) {
            values[cap] = nil
        }
        values["num_key_value_heads"] = try file.keyHeads("gemma3")
        if let scaling = try file.rotaryScaling("gemma3") { values["rope_scaling"] = scaling }
        if let types = try file.layerTypes("gemma3") { values["layer_types"] = types }
        // The file does not say what scores are divided by: the width of a head, but for the model of 62 layers (27B) what d and the
        // number of heads come to.
        guard case .number(let layers) = values["num_hidden_layers"] else { return }
        if layers == 62, case .number(let width) = values["hidden_size"],
            case .number(let heads) = values["num_attention_heads"], heads > 0
        {
            values["query_pre_attn_scalar"] = .number((width / heads).rounded(.down))
        } else {
            values["query_pre_attn_scalar"] = values["head_dim"]
        }
    }
}

extension GGUFFile {
    /// Which layers see a window only, as `layer_types` of `config.json`: every n-th does not, or each is told; nil where nothing is said.
    func layerTypes(_ architecture: String) throws -> JSONValue? {
        func type(_ isLocal: Bool) -> JSONValue { .text(isLocal ? "sliding_attention" : "full_attention") }
        let key = "\(architecture).attention.sliding_window_pattern"
        guard metadata.has(key) else { return nil }
        let count = try metadata.integer("\(architecture).block_count") ?? 0
        if metadata.isList(key) { return .array(try metadata.flags(key, count: count)?.map(type) ?? []) }
        let period = try metadata.integer(key) ?? 0
        guard (1...1 << 12).contains(count), period > 0 else {
            throw metadata.invalid(key, "every layer of so many cannot be told from \(period)")
        }
        return .array((1...count).map { type(!$0.isMultiple(of: period)) })
    }
}
