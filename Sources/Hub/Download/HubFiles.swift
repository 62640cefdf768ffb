/// Which files of a repository are wanted.
public enum HubFiles: Sendable, Equatable {
    /// Configuration, tokenizer, and weights in one format: safetensors, else PyTorch. For models and for adapters of PEFT
    /// and AdapterHub; also rinna's prefixes beside a model, and the file of tensors of a repository that has nothing but
    /// that one (checkpoints of the paper's authors, cartridges, loralib).
    case usable
    /// These.
    case named([String])

    /// The wanted ones among a repository's files, sorted; empty where there are no weights to read.
    func choose(from paths: [String]) -> [String] {
        switch self {
        case .named(let names): return names.sorted()
        case .usable:
            let names = Set(paths.filter { !$0.contains("/") })
            var weights = Self.weights(names) + Self.adapter(names)
            if weights.isEmpty { weights = Self.onlyFile(names) }
            weights += names.filter { $0.hasSuffix(".task0.weight") }
            return weights.isEmpty ? [] : (weights + Self.small.filter(names.contains)).sorted()
        }
    }

    private static let small = [
        "config.json", "generation_config.json", "adapter_config.json", AdapterFolder.taskFile, "tokenizer.json",
        "tokenizer_config.json",
        "vocab.json", "merges.txt", "vocab.txt", "special_tokens_map.json", "added_tokens.json", "tokenizer.model",
        "spiece.model", "sentencepiece.bpe.model", "chat_template.jinja",
    ]

    private static func weights(_ names: Set<String>) -> [String] {
        for (single, stem, ending) in [
            ("model.safetensors", "model-", ".safetensors"), ("pytorch_model.bin", "pytorch_model-", ".bin"),
        ] {
            if names.contains(single) { return [single] }
            let index = single + ".index.json"
            if names.contains(index) {
                return [index] + names.filter { $0.hasPrefix(stem) && $0.hasSuffix(ending) }
            }
        }
        return []
    }

    private static func adapter(_ names: Set<String>) -> [String] {
        guard names.contains("adapter_config.json") else { return [] }
        let known = [
            "adapter_model.safetensors", "adapter_model.bin", "adapter.safetensors", "pytorch_adapter.bin",
            "model_adapter.safetensors",
        ]
        return known.first(where: names.contains).map { [$0] } ?? []
    }

    /// The only file of tensors where there is neither a model nor an adapter's configuration: which of several is meant,
    /// nobody knows.
    private static func onlyFile(_ names: Set<String>) -> [String] {
        guard !names.contains("config.json"), !names.contains("adapter_config.json") else { return [] }
        let others: Set = ["training_args.bin", "optimizer.pt", "scheduler.pt", "rng_state.pth"]
        let found = names.filter { name in
            !others.contains(name)
                && [".bin", ".pt", ".pth", ".ckpt", ".safetensors"].contains { name.hasSuffix($0) }
        }
        return found.count == 1 ? Array(found) : []
    }
}
