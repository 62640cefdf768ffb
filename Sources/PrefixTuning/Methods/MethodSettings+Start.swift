import Foundation

extension MethodSettings.Kind {
    /// Whether training by the method can start from something.
    func canStart(from start: PrefixInitialization) -> Bool {
        switch start {
        case .random: !trainsWeights
        case .words: self == .prefix || self == .promptTuning
        case .file: self == .prefix
        case .adapter: self != .pTuning
        }
    }

    /// What it can start from, in words.
    var starts: String {
        switch self {
        case .prefix: "random values, words:TEXT, file:TEXTFILE or adapter:DIR"
        case .promptTuning: "random values, words:TEXT or adapter:DIR"
        case .pTuning: "random values"
        case .embeddingOnly, .infix, .lora, .adapter: "random values or adapter:DIR"
        case .fineTune, .topLayers: "the model's own weights or those of adapter:DIR"
        }
    }

    /// What `adapter_config.json` calls the adapters that the method can start from; none where it starts from a model.
    private var adapterTypes: [String] {
        switch self {
        case .prefix: ["PREFIX_TUNING", "PROMPT_TUNING", "P_TUNING"]
        case .promptTuning, .pTuning, .embeddingOnly: ["PROMPT_TUNING", "P_TUNING"]
        case .infix: [InfixFile.type]
        case .adapter: [BottleneckFile.type]
        case .lora: ["LORA"]
        case .fineTune, .topLayers: []
        }
    }

    /// Refuses an adapter that says that it is of another kind.
    ///
    /// - Throws: ``TrainingError/otherAdapter(file:kind:method:)``.
    func check(start folder: URL) throws {
        // What is no prefix is refused where prefixes are read, in any of their forms.
        guard self != .prefix else { return }
        let file = folder.appendingPathComponent("adapter_config.json")
        guard FileManager.default.fileExists(atPath: file.path),
            let type = try AdapterConfigurationFile(file).members()["peft_type"] as? String,
            !adapterTypes.contains(type)
        else { return }
        throw TrainingError.otherAdapter(file: file.path, kind: type, method: rawValue)
    }
}

extension MethodSettings {
    /// The adapter or model that training starts from.
    var startingAdapter: URL? { if case .adapter(let folder)? = initialization { folder } else { nil } }
}
