import Foundation

/// An adapter's folder, as it is to be uploaded.
struct AdapterFolder {
    /// A file of the upload.
    struct File: Sendable {
        let path: String
        let contents: Data
    }

    /// The file in which prefixtune records what an adapter answers; adapters of other programs have none.
    static let taskFile = "prefixtune_task.json"

    /// Name of the base model on the hub, where it has one.
    let baseModel: String?
    /// What PEFT calls the method, such as `PREFIX_TUNING`.
    let kind: String
    /// Length of the prefix, where the adapter has one.
    let virtualTokens: Int?
    /// What it was trained for, such as `CAUSAL_LM`.
    let task: String?
    private let configuration: Data
    private let weights: Data
    /// What it answers.
    private let answers: Data?
    /// A model card that somebody wrote.
    private let card: Data?
    /// What is known of the training.
    let training: TrainingFacts?

    private struct Configuration: Decodable {
        var peft_type: String
        var task_type: String?
        var num_virtual_tokens: Int?
        var base_model_name_or_path: String?
    }

    /// Reads the folder.
    ///
    /// - Parameter baseModel: Name of the base model on the hub; what the adapter records unless given.
    /// - Throws: ``HubError/badAdapter(folder:reason:)``, ``HubError/invalidName(_:reason:)``.
    init(_ folder: URL, baseModel: String?) throws {
        func file(_ name: String) -> Data? {
            try? Data(contentsOf: folder.appendingPathComponent(name), options: .mappedIfSafe)
        }
        func bad(_ reason: String) -> HubError { .badAdapter(folder: folder.path, reason: reason) }

        guard let data = file("adapter_config.json") else { throw bad("there is no adapter_config.json in it") }
        guard let read = try? JSONDecoder().decode(Configuration.self, from: data),
            var object = try? JSONSerialization.jsonObject(with: data) as? [String: Any]
        else { throw bad("adapter_config.json is not that of a PEFT adapter") }
        guard let weights = file("adapter_model.safetensors"), !weights.isEmpty else {
            throw bad("there is no adapter_model.safetensors in it")
        }
        if let baseModel {
            self.baseModel = try HubReference(repository: baseModel).repository
        } else {
            self.baseModel = read.base_model_name_or_path.flatMap(Self.hubName)
        }
        // A path of this machine means nothing elsewhere, and is nobody's business.
        if self.baseModel != read.base_model_name_or_path {
            object["base_model_name_or_path"] = self.baseModel ?? NSNull()
            configuration =
                try JSONSerialization.data(
                    withJSONObject: object, options: [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes])
                + Data("\n".utf8)
        } else {
            configuration = data
        }
        kind = read.peft_type
        task = read.task_type
        virtualTokens = read.num_virtual_tokens
        self.weights = weights
        answers = file(Self.taskFile)
        card = file("README.md")
        training = file("summary.json").flatMap { try? JSONDecoder().decode(TrainingFacts.self, from: $0) }
    }

    /// The files of the upload: the card that lies in the folder, or a new one.
    func files(as repository: String) -> [File] {
        [
            File(path: "README.md", contents: card ?? Data(ModelCard(self, repository: repository).text.utf8)),
            File(path: "adapter_config.json", contents: configuration),
            File(path: "adapter_model.safetensors", contents: weights),
        ] + (answers.map { [File(path: Self.taskFile, contents: $0)] } ?? [])
    }

    /// The hub's name of a recorded base model: it is one, or the folder is a snapshot in the cache.
    private static func hubName(_ recorded: String) -> String? {
        if let repository = HubCache.repository(ofSnapshot: URL(fileURLWithPath: recorded)) { return repository }
        // The model that comes with the program has a name there only.
        guard recorded != "embedded", !HubReference.isLocal(recorded) else { return nil }
        return try? HubReference(recorded).repository
    }
}

/// What `summary.json` of a training run says that a reader of a model card may want to know.
struct TrainingFacts: Decodable {
    struct Settings: Decodable {
        var learning_rate: Double?
        var batch_size: Int?
        var seed: UInt64?
    }

    var method: String?
    var steps: Int?
    var tokens: Int?
    var stored_parameters: Int?
    var last_loss: Double?
    var best_validation_loss: Double?
    var settings: Settings?
    var details: [String: String]?
}
