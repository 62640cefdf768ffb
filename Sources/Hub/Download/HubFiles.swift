/// Which files of a repository are wanted.
public enum HubFiles: Sendable, Equatable {
    /// Configuration, tokenizer, and weights in one format: safetensors, else PyTorch. For models and for adapters of PEFT
    /// and AdapterHub; also rinna's prefixes beside a model, and the file of tensors of a repository that has nothing but
    /// that one (checkpoints of the paper's authors, cartridges, loralib).
    case usable
    /// These.
    case named([String])
    /// A GGUF file by its name or by its quantisation: `Q4_K_M` is `model-Q4_K_M.gguf`, or all parts of
    /// `model-Q4_K_M-00001-of-00003.gguf`. None where several models are meant.
    case gguf(String)

    /// The wanted ones among a repository's files, sorted; empty where there are no weights to read.
    func choose(from paths: [String]) -> [String] {
        switch self {
        case .named(let names): return names.sorted()
        case .gguf(let file): return Self.gguf(file, among: paths)
        case .usable:
            let names = Set(paths.filter { !$0.contains("/") })
            var weights = Self.weights(names) + Self.adapter(names)
            if weights.isEmpty { weights = Self.onlyFile(names) }
            weights += names.filter { $0.hasSuffix(".task0.weight") }
            return weights.isEmpty ? [] : (weights + Self.small.filter(names.contains)).sorted()
        }
    }

    /// The GGUF files of that name, or of that quantisation, which stands at the end of a name behind a sign.
    private static func gguf(_ file: String, among paths: [String]) -> [String] {
        func stem(_ path: String) -> Substring {
            let name = path.dropLast(".gguf".count)
            return name.firstMatch(of: /-\d{5}-of-\d{5}$/).map { name[..<$0.range.lowerBound] } ?? name
        }
        let files = paths.filter { $0.hasSuffix(".gguf") }
        if let exact = files.first(where: { $0 == file }) {
            let isPart = stem(exact).utf8.count + ".gguf".utf8.count < exact.utf8.count
            return isPart ? files.filter { stem($0) == stem(exact) }.sorted() : [exact]
        }
        if let byName = files.first(where: { $0.hasSuffix("/\(file)") }) { return gguf(byName, among: paths) }
        let wanted = file.lowercased(), signs: Set<Character> = ["-", ".", "_", "/"]
        // What reads pictures for a model is a file beside it, often in the same formats.
        let found = files.filter { !($0.split(separator: "/").last ?? "").hasPrefix("mmproj") }.filter { path in
            let stem = stem(path).lowercased()
            guard stem.hasSuffix(wanted) else { return false }
            return stem.dropLast(wanted.count).last.map(signs.contains) ?? true
        }
        return Set(found.map(stem)).count == 1 ? found.sorted() : []
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
