import Foundation
import LanguageModels
import Tensors

/// LoRA (Hu et al. 2021): updates of low rank are trained beside some of a frozen model's matrices.
@Compute public final class LowRankMethod: TuningMethod {
    /// The form of the updates; the defaults are PEFT's.
    public struct Settings: Codable, Equatable, Sendable {
        /// The rank r of the updates.
        public var rank = 8
        /// α; updates are scaled by α/r.
        public var alpha: Float = 8
        /// What the names of the updated matrices' modules end in; empty for PEFT's choice for the architecture.
        public var targets: [String] = []
        /// Dropout on what the updates read.
        public var dropout: Float = 0
        /// Whether the lengths of the updated matrices' columns are trained as well (DoRA, Liu et al. 2024).
        public var trainsMagnitudes = false
        /// Which biases are trained.
        public var biases = TrainedParts.Biases.none
        /// What the names of modules end in that are trained as a whole.
        public var modules: [String] = []
        /// What of the updates is not trained; nil for nothing.
        public var frozen: Frozen?
        /// Dropout inside the frozen model; nil for the probability in `config.json`.
        public var modelDropout: Float?
        /// Dropout on the probabilities of its attention; nil for that in `config.json`, or 0 where `modelDropout` is 0.
        public var attentionDropout: Float?

        /// PEFT's defaults.
        public init() {}
    }

    /// What of the updates may stay as it is.
    public enum Frozen: String, Codable, CaseIterable, Sendable {
        /// A: means of several B are then those of the products B·A, too (FFA-LoRA, Sun et al. 2024).
        case down = "lora_A"
    }

    /// "lora".
    public let name = "lora"
    /// The frozen model, with the updates in it.
    public let model: LanguageModel
    /// Records the passes through the model, which reach the updates.
    public let passTape: Tape
    private let updates: TrainedLowRankUpdates
    private let parts: TrainedParts
    private let settings: Settings
    private let modelDropout: ModelDropout
    /// Of A, where it is not trained: no state holds it.
    private let frozenDigest: Digest?

    /// Loads a model from its folder; see ``init(_:settings:precision:modelName:seed:start:)``.
    public convenience init(
        folder: URL, settings: Settings, precision: WeightPrecision = .float32, modelName: String? = nil, seed: UInt64,
        start: LowRankStart? = nil
    ) throws {
        try self.init(
            modelFiles(at: folder), settings: settings, precision: precision, modelName: modelName, seed: seed,
            start: start)
    }

    /// Loads a model with updates to be trained.
    ///
    /// - Parameters:
    ///   - files: Of the model.
    ///   - precision: How the frozen weights are held.
    ///   - modelName: What the model is called; the files' own name unless given.
    ///   - seed: Fixes A, unless there is something to start from.
    ///   - start: An adapter of the settings' form, from whose values training starts.
    /// - Throws: ``TrainingError`` for a setting without meaning or a start of another form, `AdapterError` where no matrix
    ///   has such a name, `CheckpointError` or `TokenizerError` for the files.
    public init(
        _ files: any ModelFiles, settings: Settings, precision: WeightPrecision = .float32, modelName: String? = nil,
        seed: UInt64, start: LowRankStart? = nil
    ) throws {
        try TrainingError.check(width: settings.rank, "the rank")
        guard (0..<1).contains(settings.dropout) else {
            throw TrainingError.badSetting(
                name: "the dropout", value: "\(settings.dropout)", needed: "a number from 0 to below 1")
        }
        var settings = settings
        passTape = Tape()
        let configuration = try files.configuration
        modelDropout = try ModelDropout(
            residual: settings.modelDropout, attention: settings.attentionDropout, of: configuration)
        if settings.targets.isEmpty { settings.targets = configuration.parts.lowRankTargets }
        updates = TrainedLowRankUpdates(
            rank: settings.rank, alpha: settings.alpha, targets: settings.targets,
            trainsMagnitudes: settings.trainsMagnitudes, trainsDown: settings.frozen != .down, tape: passTape,
            seed: seed)
        parts = TrainedParts(
            biases: settings.biases, modules: settings.modules, updated: settings.targets, tape: passTape)
        model = try LanguageModel.load(
            files, for: .tuning, precision: precision, trained: TrainedAdapters(lowRank: updates, parts: parts),
            name: modelName)
        try start?.copy(into: updates, parts, settings)
        if settings.frozen == .down {
            var digester = Digester()
            for update in updates.maps { digester.add(update.map.down.values) }
            frozenDigest = digester.digest
        } else {
            frozenDigest = nil
        }
        self.settings = settings
    }

    /// Rank, α, targets, dropouts, and what else is trained.
    public var fingerprint: String {
        "rank \(settings.rank), alpha \(settings.alpha), targets \(settings.targets.joined(separator: " ")), "
            + "dropout \(settings.dropout), in the model \(modelDropout.fingerprint)"
            + (settings.trainsMagnitudes ? ", with magnitudes" : "")
            + (settings.biases == .none ? "" : ", biases \(settings.biases.rawValue)")
            + (settings.modules.isEmpty ? "" : ", modules \(settings.modules.joined(separator: " "))")
            + (frozenDigest.map { ", A frozen (checksum \($0))" } ?? "")
            + (model.precision == .float32 ? "" : ", model in \(model.precision.rawValue)")
    }
    /// A, B and magnitudes of each matrix, biases and modules, under PEFT's names; without what is frozen.
    public var parameters: [(name: String, value: Tensor)] { tensors.filter { $0.value.gradient != nil } }

    /// All that an adapter holds.
    package var tensors: [(name: String, value: Tensor)] {
        let names = model.configuration.parts, root = "base_model.model."
        let updated = Set(updates.maps.map(\.module))
        return updates.maps.flatMap { update in
            let name = root + names.fullName(of: update.module)
            return [("\(name).lora_A.weight", update.map.down), ("\(name).lora_B.weight", update.map.up)]
                + (update.magnitude.map { [("\(name).lora_magnitude_vector", $0)] } ?? [])
        }
            + parts.tensors.map { name, value in
                let end = name.lastIndex(of: ".") ?? name.endIndex, module = String(name[..<end])
                let layer = updated.contains(module) ? ".base_layer" : ""
                return ("\(root)\(names.fullName(of: module))\(layer)\(name[end...])", value)
            }
    }
    /// All of them, and what is frozen.
    public var storedParameterCount: Int { tensors.reduce(0) { $0 + $1.value.count } }

    /// Dropout inside the model, and on what the updates read.
    public func dropout(seed: UInt64) -> Dropout? {
        if settings.dropout > 0 {
            let dropout = Dropout(probability: settings.dropout, seed: seed &* 0x2545_f491_4f6c_dd1d)
            for update in updates.maps { update.map.dropout = { dropout($0) } }
        }
        return modelDropout.masks(seed: seed)
    }

    /// Writes an adapter in PEFT's layout.
    public func write(to folder: URL) throws {
        let names = model.configuration.parts
        // PEFT is told to look for the head under the name that `transformers` 5 gives it.
        func saved(_ target: String) -> String {
            names.olderHead.map { target.replacingOccurrences(of: $0, with: names.head) } ?? target
        }
        var configuration = PEFTLowRankFile(
            base_model_name_or_path: model.name, fan_in_fan_out: names.orientation == .inputByOutput,
            lora_alpha: settings.alpha, lora_dropout: settings.dropout,
            modules_to_save: settings.modules.isEmpty ? nil : settings.modules.map(saved), r: settings.rank,
            target_modules: settings.targets.map(saved),
            task_type: model.network.shape.encoder == nil ? "CAUSAL_LM" : "SEQ_2_SEQ_LM",
            use_dora: settings.trainsMagnitudes)
        configuration.bias = settings.biases.rawValue
        var writer = SafetensorsWriter(metadata: BaseDigest.metadata(model.weightsDigest))
        for (name, value) in tensors { writer.add(name, shape: value.shape, values: value.values) }
        try ModelFolder.makeFolder(folder)
        try writer.write(to: folder.appendingPathComponent("adapter_model.safetensors"))
        try AtomicFile.write(
            JSONText.document(configuration).utf8, to: folder.appendingPathComponent("adapter_config.json"))
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
    var modules_to_save: [String]?
    var peft_type = "LORA"
    var peft_version = "0.21.2"
    var r: Int
    var target_modules: [String]
    var task_type: String
    var use_dora: Bool
    var use_rslora = false
}
