import Foundation
import LanguageModels

/// What PEFT's `adapter_config.json` says of a LoRA adapter.
struct PEFTLowRankConfiguration: Sendable {
    private struct File: Decodable {
        var peft_type: String
        var base_model_name_or_path: String?
        var r: Int?
        var lora_alpha: Double?
        var use_rslora: Bool?
        var bias: String?
        var rank_pattern: [String: Int]?
        var alpha_pattern: [String: Double]?
        var modules_to_save: [String]?
    }

    private let path: String
    private let file: File

    var base_model_name_or_path: String? { file.base_model_name_or_path }
    var rank: Int { file.r ?? 8 }

    /// Reads the file and refuses what changes a model in other ways than s·B·A.
    ///
    /// - Throws: ``PrefixError``.
    init(_ url: URL) throws {
        path = url.path
        guard let data = try? Data(contentsOf: url) else {
            throw PrefixError.badConfiguration(
                file: path, reason: "there is no such file; name the folder that holds the adapter")
        }
        guard let file = try? JSONDecoder().decode(File.self, from: data),
            let members = try? JSONSerialization.jsonObject(with: data) as? [String: Any]
        else {
            throw PrefixError.badConfiguration(
                file: path, reason: "it is not the JSON of a PEFT adapter; export the adapter again")
        }
        guard file.peft_type == "LORA" else {
            throw PrefixError.badConfiguration(
                file: path, reason: "an adapter of type \(file.peft_type) was found, but LORA is needed here")
        }
        self.file = file
        try Self.check(file, members, path)
    }

    private static func check(_ file: File, _ members: [String: Any], _ path: String) throws {
        func refuse(_ reason: String) -> PrefixError { .badConfiguration(file: path, reason: reason) }
        if let bias = file.bias, bias != "none" {
            throw refuse("bias is \"\(bias)\": trained biases cannot be loaded; train with bias \"none\"")
        }
        if let modules = file.modules_to_save, !modules.isEmpty {
            throw refuse("modules_to_save is \(modules): modules trained in full cannot be loaded")
        }
        // Each changes what is computed; where it is off, PEFT writes false, null or nothing.
        let others = [
            "use_dora", "lora_bias", "use_qalora", "use_bdlora", "alora_invocation_tokens", "trainable_token_indices",
            "layer_replication", "target_parameters", "arrow_config", "kasa_config", "monteclora_config",
            "velora_config",
        ]
        for key in others {
            switch members[key] {
            case nil, is NSNull: continue
            case let flag as NSNumber where !flag.boolValue: continue
            case let list as [Any] where list.isEmpty: continue
            case let map as [String: Any] where map.isEmpty: continue
            default: throw refuse("\(key) is set: only plain low-rank updates can be loaded")
            }
        }
        // These change the base weights before training starts, so that the file alone does not say what was trained.
        if let method = members["init_lora_weights"] as? String,
            ["pissa", "olora", "corda", "loftq", "lora_ga"].contains(where: { method.lowercased().hasPrefix($0) })
        {
            throw refuse(
                "init_lora_weights is \"\(method)\", which changed the base model's weights; convert the adapter with PEFT's "
                    + "path_initial_model_for_weight_conversion")
        }
        guard (file.r ?? 8) > 0 else { throw refuse("r is \(file.r ?? 0), but a positive number is needed") }
        guard (file.lora_alpha ?? 8).isFinite else { throw refuse("lora_alpha is not a number") }
    }

    /// r of a module: that of the first pattern that its name ends in, else the common one.
    func rank(of module: String) throws -> Int { try Self.value(file.rank_pattern, module, path) ?? rank }

    /// s of a module: α/r, or α/√r where ranks are stabilised (Kalajdzievski 2023).
    func scale(of module: String, rank: Int) throws -> Float {
        let alpha = try Self.value(file.alpha_pattern, module, path) ?? file.lora_alpha ?? 8
        let divisor = file.use_rslora == true ? Double(rank).squareRoot() : Double(rank)
        return Float(alpha / divisor)
    }

    /// PEFT matches `(.*\.)?(pattern)$`.
    private static func value<Value>(_ patterns: [String: Value]?, _ module: String, _ path: String) throws -> Value? {
        for (pattern, value) in (patterns ?? [:]).sorted(by: { $0.key < $1.key }) {
            let expression: NSRegularExpression
            do {
                expression = try NSRegularExpression(pattern: "^(?:.*\\.)?(?:\(pattern))$")
            } catch {
                throw PrefixError.badConfiguration(
                    file: path, reason: "\"\(pattern)\" in rank_pattern or alpha_pattern is no regular expression")
            }
            let range = NSRange(module.startIndex..., in: module)
            if expression.firstMatch(in: module, range: range) != nil { return value }
        }
        return nil
    }
}

extension LowRankFile {
    /// `base_model.model.<module>.lora_A.weight` [r × input] and `….lora_B.weight` [output × r].
    func peftUpdates(_ configuration: PEFTLowRankConfiguration) throws -> [String: LowRankUpdate] {
        let reader = CheckpointReader(weights)
        var updates: [String: LowRankUpdate] = [:]
        for name in weights.names where name.hasSuffix(".lora_A.weight") {
            let stem = String(name.dropLast(".lora_A.weight".count))
            let module = stem.hasPrefix("base_model.model.") ? String(stem.dropFirst("base_model.model.".count)) : stem
            let (rank, _, down) = try matrix(name, from: reader)
            let (_, columns, up) = try matrix("\(stem).lora_B.weight", from: reader)
            let stated = try configuration.rank(of: module)
            guard rank == stated, columns == rank else {
                throw PrefixError.wrongTensor(
                    file: weightsFile.path, key: rank == stated ? "\(stem).lora_B.weight" : name,
                    expected: rank == stated ? "[output × \(rank)]" : "[\(stated) × input] (r of adapter_config.json)",
                    found: weights.shape(of: rank == stated ? "\(stem).lora_B.weight" : name) ?? [])
            }
            updates[module] = LowRankUpdate(
                down: down, up: up, rank: rank, scale: try configuration.scale(of: module, rank: rank))
        }
        if let other = weights.names.first(where: { $0.contains("lora_embedding_") || $0.contains("lora_magnitude") }) {
            throw PrefixError.badConfiguration(
                file: weightsFile.path,
                reason: "\"\(other)\" updates "
                    + (other.contains("embedding") ? "an embedding table" : "the magnitude of a matrix (DoRA)")
                    + ": only plain low-rank updates of matrices can be loaded")
        }
        try reader.finish()
        guard !updates.isEmpty else {
            throw PrefixError.unknownDialect(
                file: weightsFile.path, reason: "it has no tensor whose name ends in lora_A.weight")
        }
        return updates
    }
}
