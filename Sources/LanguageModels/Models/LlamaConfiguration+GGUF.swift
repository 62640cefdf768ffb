import Tokenizers

extension GGUFForm {
    /// Settings that Llama and its relatives have under the same keys.
    static let llamaKeys = [
        "hidden_size": "embedding_length", "num_hidden_layers": "block_count",
        "intermediate_size": "feed_forward_length", "num_attention_heads": "attention.head_count",
        "head_dim": "attention.key_length", "rms_norm_eps": "attention.layer_norm_rms_epsilon",
        "max_position_embeddings": "context_length", "rope_theta": "rope.freq_base",
    ]

    static let llamaParts: [String: Part] = [
        "token_embd": "embed_tokens", "output_norm": "norm", "output": Part(ModuleName.head),
    ]

    /// - Parameter turned: Whether the converter moves the rows of queries and keys: it does for Llama alone.
    static func llamaBlock(turned: Bool) -> [String: Part] {
        [
            "attn_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm",
            "attn_q": Part("self_attn.q_proj", turned ? .pairs(ofKeys: false) : nil),
            "attn_k": Part("self_attn.k_proj", turned ? .pairs(ofKeys: true) : nil), "attn_v": "self_attn.v_proj",
            "attn_output": "self_attn.o_proj", "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj",
            "ffn_down": "mlp.down_proj", "attn_q_norm": "self_attn.q_norm", "attn_k_norm": "self_attn.k_norm",
        ]
    }

    /// What the architectures of llama.cpp's table have in common.
    static func llama(
        _ architecture: String, modelType: String, turned: Bool = false,
        complete: @escaping @Sendable (inout [String: JSONValue], GGUFFile) throws -> Void = { _, _ in }
    ) -> GGUFForm {
        GGUFForm(
            architecture, keys: llamaKeys, required: ["attention.layer_norm_rms_epsilon"], parts: llamaParts,
            blockParts: llamaBlock(turned: turned),
            ignored: ["rope_freqs.weight"]
        ) { values, file in
            values["model_type"] = .text(modelType)
            values["hidden_act"] = .text("silu")
            values["attention_bias"] = .bool(file.shape(ofTensor: "blk.0.attn_q.bias") != nil)
            values["mlp_bias"] = .bool(file.shape(ofTensor: "blk.0.ffn_up.bias") != nil)
            values["num_key_value_heads"] = try file.keyHeads(architecture)
            try file.refuseExperts(architecture)
            if let scaling = try file.rotaryScaling(architecture) { values["rope_scaling"] = scaling }
            try complete(&values, file)
        }
    }
}

extension LlamaConfiguration {
    /// Llama, and what the converter takes for it: Mistral, whose window is all that it has of its own.
    static let llamaGGUF = GGUFForm.llama("llama", modelType: "llama", turned: true) { values, file in
        guard let window = try file.metadata.integer("llama.attention.sliding_window") else { return }
        values["model_type"] = .text("mistral")
        values["sliding_window"] = .number(Double(window))
    }
    static let qwen2GGUF = GGUFForm.llama("qwen2", modelType: "qwen2")
    static let qwen3GGUF = GGUFForm.llama("qwen3", modelType: "qwen3")
    /// The file does not say which layers turn nothing: llama.cpp takes every fourth.
    static let smolLM3GGUF = GGUFForm.llama("smollm3", modelType: "smollm3", turned: true) { values, _ in
        values["no_rope_layer_interval"] = .number(4)
        values["use_sliding_window"] = .bool(false)
    }

    /// Phi-3, whose factors for each frequency are tensors.
    static let phi3GGUF = GGUFForm(
        "phi3",
        keys: GGUFForm.llamaKeys.merging(
            ["original_max_position_embeddings": "rope.scaling.original_context_length"], uniquingKeysWith: { $1 }),
        required: ["attention.layer_norm_rms_epsilon"], parts: GGUFForm.llamaParts,
        blockParts: [
            "attn_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm", "attn_qkv": "self_attn.qkv_proj",
            "attn_output": "self_attn.o_proj", "ffn_up": "mlp.gate_up_proj", "ffn_down": "mlp.down_proj",
        ],
        ignored: ["rope_factors_long.weight", "rope_factors_short.weight"]
    ) { values, file in
        values["model_type"] = .text("phi3")
        values["hidden_act"] = .text("silu")
        values["num_key_value_heads"] = try file.keyHeads("phi3")
        try file.refuseExperts("phi3")
        // 0 stands for none.
        if let window = try file.metadata.integer("phi3.attention.sliding_window"), window > 0 {
            values["sliding_window"] = .number(Double(window))
        }
        guard let turned = try file.metadata.integer("phi3.rope.dimension_count"),
            let width = try file.headWidth("phi3"), width > 0
        else { return }
        values["partial_rotary_factor"] = .number(Double(turned) / Double(width))
        guard let short = try file.floats(ofTensor: "rope_factors_short.weight", count: turned / 2),
            let long = try file.floats(ofTensor: "rope_factors_long.weight", count: turned / 2)
        else { return }
        func list(_ factors: [Float]) -> JSONValue { .array(factors.map { .number(Double($0)) }) }
        var members: [(String, JSONValue)] = [
            ("rope_type", .text("longrope")), ("short_factor", list(short)), ("long_factor", list(long)),
        ]
        if let scale = try file.metadata.number("phi3.rope.scaling.attn_factor") {
            members.append(("attention_factor", .number(scale)))
        }
        values["rope_scaling"] = .object(members.map { .init(key: Array($0.0.utf8), value: $0.1) })
    }
}

extension GGUFFile {
    /// Key heads, which may be stated for each layer; null, as many as query heads, where they are not.
    func keyHeads(_ architecture: String) throws -> JSONValue {
        let key = "\(architecture).attention.head_count_kv"
        guard metadata.isList(key) else { return try metadata.json(key) ?? .null }
        let layers = try metadata.integer("\(architecture).block_count")
        let counts = Set(try metadata.integers(key, count: layers) ?? [])
        guard counts.count == 1, let count = counts.first else {
            throw metadata.invalid(key, "layers with different numbers of key heads cannot be read")
        }
        return .number(Double(count))
    }

    /// Refuses a mixture of experts.
    func refuseExperts(_ architecture: String) throws {
        let key = "\(architecture).expert_count"
        if let count = try metadata.integer(key), count > 0 {
            throw metadata.invalid(
                key, "a mixture of \(count) experts cannot be read, only a single network in each block")
        }
    }

    /// How positions are scaled, as `rope_scaling` of `config.json`; nil where they are not.
    ///
    /// Llama 3's scaling comes as a tensor of what each frequency is divided by, and nothing else counts then. A factor without a
    /// type is that of linear scaling, in files of 2023 under another key.
    func rotaryScaling(_ architecture: String) throws -> JSONValue? {
        func key(_ name: String) -> String { "\(architecture).rope.\(name)" }
        func object(_ members: [(String, JSONValue?)]) -> JSONValue {
            .object(members.compactMap { name, value in value.map { .init(key: Array(name.utf8), value: $0) } })
        }
        let turned = try metadata.integer(key("dimension_count")) ?? headWidth(architecture)
        if let turned, let factors = try floats(ofTensor: "rope_freqs.weight", count: turned / 2) {
            let list = JSONValue.array(factors.map { .number(Double($0)) })
            return object([
                ("rope_type", .text("longrope")), ("short_factor", list), ("long_factor", list),
                ("attention_factor", .number(1)),
            ])
        }
        let factor = try metadata.number(key("scaling.factor")) ?? metadata.number(key("scale_linear")) ?? 0
        guard factor != 0, factor != 1 else { return nil }
        let type = try metadata.text(key("scaling.type")) ?? "linear"
        if type == "none" { return nil }
        let original = try metadata.json(key("scaling.original_context_length"))
        var members: [(String, JSONValue?)] = [
            ("rope_type", .text(type)), ("factor", .number(factor)), ("original_max_position_embeddings", original),
        ]
        if type == "yarn" {
            members += [
                ("beta_fast", try metadata.json(key("scaling.yarn_beta_fast"))),
                ("beta_slow", try metadata.json(key("scaling.yarn_beta_slow"))),
            ]
            // llama.cpp multiplies by these what YaRN's own formula gives; 1 leaves it as it is.
            for name in ["attn_factor", "yarn_attn_factor", "yarn_ext_factor"] {
                guard let value = try metadata.number(key("scaling.\(name)")), value != 1 else { continue }
                throw metadata.invalid(key("scaling.\(name)"), "the value is \(value), but only 1 can be read")
            }
        }
        return object(members)
    }

    /// Width of a head: what the file says, or d over the number of heads.
    func headWidth(_ architecture: String) throws -> Int? {
        if let width = try metadata.integer("\(architecture).attention.key_length") { return width }
        guard let width = try metadata.integer("\(architecture).embedding_length"),
            let heads = try metadata.integer("\(architecture).attention.head_count"), heads > 0
        else { return nil }
        return width / heads
    }
}
