import Foundation
import LanguageModels
import Tensors

/// LoRA (Hu et al. 2021): updates of low rank are trained beside some of a frozen model's matrices.
@Compute public final class LowRankMethod: TuningMethod {
    /// The form of the updates; the defaults are PEFT's.
    public struct Settings: Codable, Equatable, Sendable {
        /// r.
        public var rank = 8
        /// α; updates are scaled by α/r.
        public var alpha: Float = 8
        /// What the names of the updated matrices' modules end in; empty for PEFT's choice for the architecture.
        public var targets: [String] = []
        /// Dropout on what the updates read.
        public var dropout: Float = 0
        /// Dropout inside the frozen model; nil for the probability in `config.json`.
        public var modelDropout: Float?
        /// Dropout on the probabilities of its attention; nil for that in `config.json`, or 0 where `modelDropout` is 0.
        public var attentionDropout: Float?

        /// PEFT's defaults.
        public init() {}

        /// The matrices that PEFT updates unless told otherwise.
        static func defaultTargets(_ architecture: String) -> [String] {
            switch architecture {
            case "GPT-2": ["c_attn"]
            case "GPT-NeoX": ["query_key_value"]
            default: ["q_proj", "v_proj"]
            }
        }
    }

    /// "lora".
    public let name = "lora"
    /// The frozen model, with the updates in it.
    public let model: LanguageModel
    /// Records the passes through the model, which reach the updates.
    public let passTape: Tape
    private let updates: TrainedLowRankUpdates
    private let settings: Settings
    private let modelDropout: ModelDropout

    /// Loads a model with updates to be trained.
    ///
    /// - Parameters:
    ///   - precision: How the frozen weights are held.
    ///   - modelName: What the model is called; the folder's path unless given.
    ///   - seed: Fixes A.
    /// - Throws: ``TrainingError`` for a setting without meaning, `AdapterError` where no matrix has such a name,
    ///   `CheckpointError` or `TokenizerError` for the folder.
    public init(
        folder: URL, settings: Settings, precision: WeightPrecision = .float32, modelName: String? = nil, seed: UInt64
    ) throws {
        try TrainingError.check(width: settings.rank, "the rank")
        guard (0..<1).contains(settings.dropout) else {
            throw TrainingError.badSetting(
                name: "the dropout", value: "\(settings.dropout)", needed: "a number from 0 to below 1")
        }
        var settings = settings
        passTape = Tape()
        let configuration = try ModelConfigurationFile.read(from: folder.appendingPathComponent("config.json"))
        modelDropout = try ModelDropout(
            residual: settings.modelDropout, attention: settings.attentionDropout, of: configuration)
        if settings.targets.isEmpty { settings.targets = Settings.defaultTargets(configuration.architecture) }
        updates = TrainedLowRankUpdates(
            rank: settings.rank, alpha: settings.alpha, targets: settings.targets, tape: passTape, seed: seed)
        model = try LanguageModel.load(
            folder, for: .tuning, precision: precision, trained: TrainedAdapters(lowRank: updates), name: modelName)
        self.settings = settings
    }

    /// Rank, α, targets and dropouts.
    public var fingerprint: String {
        "rank \(settings.rank), alpha \(settings.alpha), targets \(settings.targets.joined(separator: " ")), "
            + "dropout \(settings.dropout), in the model \(modelDropout.fingerprint)"
            + (model.precision == .float32 ? "" : ", model in \(model.precision.rawValue)")
    }
    /// A and B of each matrix.
    public var parameters: [(name: String, value: Tensor)] {
        updates.maps.flatMap { module, map in
            let name = "base_model.model.\(Self.fullName(module, model.configuration.architecture))"
            return [("\(name).lora_A.weight", map.down), ("\(name).lora_B.weight", map.up)]
        }
    }
    /// All of A and B.
    public var storedParameterCount: Int { trainableParameterCount }

    /// Dropout inside the model, and on what the updates read.
    public func dropout(seed: UInt64) -> Dropout? {
        if settings.dropout > 0 {
            let dropout = Dropout(probability: settings.dropout, seed: seed &* 0x2545_f491_4f6c_dd1d)
            for (_, map) in updates.maps { map.dropout = { dropout($0) } }
        }
        return modelDropout.masks(seed: seed)
    }

    /// The name that `transformers` gives a module, whatever the checkpoint leaves out in front.
    private static func fullName(_ module: String, _ architecture: String) -> String {
        let root = ["GPT-2": "transformer.", "GPT-NeoX": "gpt_neox."][architecture] ?? "model."
        return module.hasPrefix(root) ? module : root + module
    }

    /// Writes an adapter in PEFT's layout.
    public func write(to folder: URL) throws {
        let configuration = PEFTLowRankFile(
            base_model_name_or_path: model.name, fan_in_fan_out: model.configuration.architecture == "GPT-2",
            lora_alpha: settings.alpha, lora_dropout: settings.dropout, r: settings.rank,
            target_modules: settings.targets,
            task_type: model.network.shape.encoder == nil ? "CAUSAL_LM" : "SEQ_2_SEQ_LM")
        var writer = SafetensorsWriter(metadata: ["format": "pt"])
        for (name, value) in parameters { writer.add(name, shape: value.shape, values: value.values) }
        try ModelFolder.makeFolder(folder)
        try writer.write(to: folder.appendingPathComponent("adapter_model.safetensors"))
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        try AtomicFile.write(
            try encoder.encode(configuration) + [UInt8(ascii: "\n")],
            to: folder.appendingPathComponent("adapter_config.json"))
    }
}

/// `adapter_config.json` of a LoRA adapter, as this package writes it.
private struct PEFTLowRankFile: Encodable {
    var base_model_name_or_path: String
    var bias = "none"
    var fan_in_fan_out: Bool
    var inference_mode = true
    var init_lora_weights = true
    var lora_alpha: Float
    var lora_dropout: Float
    var peft_type = "LORA"
    var peft_version = "0.21.2"
    var r: Int
    var target_modules: [String]
    var task_type: String
    var use_dora = false
    var use_rslora = false
}
