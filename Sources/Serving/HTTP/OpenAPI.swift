import HTTPTypes

extension ServingServer {
    /// Everything that can be asked.
    static func table() -> RouteTable {
        var table = RouteTable()
        func add(_ method: HTTPRequest.Method, _ path: String, _ summary: String, key: Bool = true, body: String? = nil)
        {
            table.append(.init(method: method, path: path, summary: summary, needsKey: key, body: body))
        }
        add(.get, "/health", "Whether the process lives.", key: false)
        add(.get, "/ready", "Whether requests are taken, and how many wait.", key: false)
        add(.get, "/version", "Version, model, and whether answers depend on the load.")
        add(.get, "/metrics", "Counters in Prometheus' format; needs the scope metrics.")
        add(.get, "/openapi.json", "This.")
        add(.get, "/v1/models", "The base model and the prefixes that the key may use.")
        add(.get, "/v1/models/**", "One of them.")
        add(.delete, "/v1/models/**", "Removes a prefix for good.")
        add(.post, "/v1/completions", "Continues texts.", body: "Completion")
        add(.post, "/v1/chat/completions", "Answers a conversation.", body: "Chat")
        add(.post, "/tokenize", "The tokens of a text or a conversation.", body: "Tokenize")
        add(.post, "/detokenize", "The text of tokens.", body: "Detokenize")
        add(.get, "/v1/prefixes", "The prefixes that the key may use, page by page (after, limit).")
        add(
            .post, "/v1/prefixes",
            "Makes a prefix: of uploaded files, of a text, of a folder on the server, of other prefixes.",
            body: "Prefix")
        add(.get, "/v1/prefixes/**", "One of them; with /content behind its id the file of its values.")
        add(
            .post, "/v1/prefixes/**",
            "With /load, /unload or /pin behind its id: reads it into memory, lets it go, keeps it there.")
        add(.delete, "/v1/prefixes/**", "Removes a prefix for good.")
        add(
            .post, "/v1/load_lora_adapter", "vLLM's name for making a prefix of a folder on the server.",
            body: "LoadAdapter")
        add(.post, "/v1/unload_lora_adapter", "vLLM's name for letting a prefix go from memory.", body: "UnloadAdapter")
        return table
    }

    /// The description of the interface, OpenAPI 3.1.
    func openAPI() -> RequestValue {
        var paths: [String: [String: RequestValue]] = [:]
        for entry in routes.entries {
            let path = entry.path.replacing("**", with: "{id}")
            paths[path, default: [:]][entry.method.rawValue.lowercased()] = operation(entry)
        }
        return .object([
            "openapi": .string("3.1.0"),
            "info": .object([
                "title": .string("prefixtune"), "version": .string(settings.version.isEmpty ? "0" : settings.version),
                "description": .string("One frozen model with a prefix per user."),
            ]),
            "paths": .object(paths.mapValues { .object($0) }),
            "components": .object([
                "securitySchemes": .object([
                    "key": .object(["type": .string("http"), "scheme": .string("bearer")])
                ]),
                "schemas": .object(OpenAPISchemas.all(vocabularySize: model.vocabularySize)),
            ]),
        ])
    }

    private func operation(_ entry: RouteTable.Entry) -> RequestValue {
        func content(_ schema: String) -> RequestValue {
            .object([
                "application/json": .object([
                    "schema": .object(["$ref": .string("#/components/schemas/\(schema)")])
                ])
            ])
        }
        let error = RequestValue.object(["description": .string("What is wrong."), "content": content("Error")])
        var operation: [String: RequestValue] = [
            "summary": .string(entry.summary),
            "responses": .object([
                "200": .object(["description": .string("The answer.")]),
                "201": .object(["description": .string("What was made.")]), "4XX": error, "5XX": error,
            ]),
        ]
        if entry.needsKey, keys.isNeeded { operation["security"] = .array([.object(["key": .array([])])]) }
        if entry.path.hasSuffix("**") {
            operation["parameters"] = .array([
                .object([
                    "name": .string("id"), "in": .string("path"), "required": .flag(true),
                    "schema": .object(["type": .string("string")]),
                ])
            ])
        }
        if let body = entry.body {
            operation["requestBody"] = .object(["required": .flag(true), "content": content(body)])
        }
        return .object(operation)
    }
}
