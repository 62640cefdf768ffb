/// The bodies that the interface takes, as JSON Schema: with the ranges that ``SamplingFields`` checks.
enum OpenAPISchemas {
    private static func object(_ properties: [String: RequestValue], needs: [String] = []) -> RequestValue {
        .object([
            "type": .string("object"), "properties": .object(properties), "required": .array(needs.map { .string($0) }),
        ])
    }

    private static func integer(_ low: Int?, _ high: Int?) -> RequestValue {
        var schema: [String: RequestValue] = ["type": .array([.string("integer"), .string("null")])]
        if let low { schema["minimum"] = .integer(low) }
        if let high { schema["maximum"] = .integer(high) }
        return .object(schema)
    }

    private static func number(_ low: Double, _ high: Double, open: Bool = false) -> RequestValue {
        .object([
            "type": .array([.string("number"), .string("null")]), open ? "exclusiveMinimum" : "minimum": .number(low),
            "maximum": .number(high),
        ])
    }

    private static let flag = RequestValue.object(["type": .array([.string("boolean"), .string("null")])])
    private static let string = RequestValue.object(["type": .string("string")])
    private static let optionalString = RequestValue.object(["type": .array([.string("string"), .string("null")])])
    /// As ``PrefixName`` has it, with or without its owner.
    private static let name = RequestValue.object([
        "type": .string("string"),
        "pattern": .string("^([A-Za-z0-9_-][A-Za-z0-9._-]{0,63}/)?[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}$"),
    ])

    private static func list(_ items: RequestValue, atMost: Int? = nil, atLeast: Int? = nil) -> RequestValue {
        var schema: [String: RequestValue] = ["type": .string("array"), "items": items]
        if let atMost { schema["maxItems"] = .integer(atMost) }
        if let atLeast { schema["minItems"] = .integer(atLeast) }
        return .object(schema)
    }

    private static func oneOf(_ schemas: RequestValue...) -> RequestValue { .object(["anyOf": .array(schemas)]) }

    private static func sampling(_ vocabularySize: Int) -> [String: RequestValue] {
        let token = RequestValue.object([
            "type": .string("integer"), "minimum": .integer(0), "maximum": .integer(vocabularySize - 1),
        ])
        return [
            "model": string, "max_tokens": integer(0, nil), "max_completion_tokens": integer(0, nil),
            "temperature": number(0, 2), "top_p": number(0, 1, open: true), "top_k": integer(-1, vocabularySize),
            "min_p": number(0, 1), "n": integer(1, 16), "best_of": integer(1, 16), "seed": integer(nil, nil),
            "stop": oneOf(string, list(string, atMost: SamplingFields.Limit.stops), .object(["type": .string("null")])),
            "stop_token_ids": list(token), "include_stop_str_in_output": flag, "ignore_eos": flag,
            "min_tokens": integer(0, nil), "presence_penalty": number(-2, 2), "frequency_penalty": number(-2, 2),
            "repetition_penalty": number(0, 10, open: true), "use_beam_search": flag,
            "length_penalty": number(-10, 10), "priority": integer(-10, 10), "stream": flag,
            "return_token_ids": flag, "user": optionalString, "prompt_logprobs": integer(0, 20),
            "prefix_attention": flag,
            "stream_options": object(["include_usage": flag, "continuous_usage_stats": flag]),
            "logit_bias": .object([
                "type": .string("object"),
                "additionalProperties": .object([
                    "type": .string("number"), "minimum": .integer(-100), "maximum": .integer(100),
                ]),
            ]),
        ]
    }

    /// All of them, by name.
    static func all(vocabularySize: Int) -> [String: RequestValue] {
        let token = RequestValue.object([
            "type": .string("integer"), "minimum": .integer(0), "maximum": .integer(vocabularySize - 1),
        ])
        let message = object(
            [
                "role": .object([
                    "enum": .array(["system", "developer", "user", "assistant", "tool"].map { .string($0) })
                ]), "content": string,
            ],
            needs: ["role", "content"])
        let completion = sampling(vocabularySize).merging([
            "prompt": oneOf(string, list(string, atMost: 64, atLeast: 1), list(token, atLeast: 1)), "echo": flag,
            "logprobs": integer(0, 20),
        ]) { $1 }
        let chat = sampling(vocabularySize).merging([
            "messages": list(message, atLeast: 1), "logprobs": flag, "top_logprobs": integer(0, 20),
        ]) { $1 }
        return [
            "Completion": object(completion, needs: ["model", "prompt"]),
            "Chat": object(chat, needs: ["model", "messages"]),
            "Tokenize": object(
                ["prompt": string, "model": optionalString, "add_special_tokens": flag], needs: ["prompt"]),
            "Detokenize": object(["tokens": list(token), "model": optionalString], needs: ["tokens"]),
            "Prefix": oneOf(
                object(["name": name, "text": string, "replace": flag], needs: ["name", "text"]),
                object(
                    [
                        "name": name, "from": list(name, atMost: Combination.limit, atLeast: 2),
                        "how": .object(["enum": .array([.string("row"), .string("mix")])]),
                        "weight": number(-10, 10), "replace": flag,
                    ], needs: ["name", "from"])),
            "LoadAdapter": object(["lora_name": name, "lora_path": string], needs: ["lora_name", "lora_path"]),
            "UnloadAdapter": object(["lora_name": string], needs: ["lora_name"]),
            "Error": object(
                [
                    "error": object(
                        ["message": string, "type": string, "param": .object([:]), "code": .object([:])],
                        needs: ["message", "type", "param", "code"])
                ], needs: ["error"]),
        ]
    }
}
