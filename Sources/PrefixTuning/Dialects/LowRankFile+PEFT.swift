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
        var use_dora: Bool?
        var bias: String?
        var rank_pattern: [String: Double]?
        var alpha_pattern: [String: Double]?
        var modules_to_save: [String]?
        var target_modules: Targets?
    }

    /// Endings of names; an expression for names is another form, which PEFT has, too.
    private enum Targets: Decodable {
        case endings([String])
        case other

        init(from decoder: any Decoder) throws {
            let endings = try? decoder.singleValueContainer().decode([String].self)
            self = endings.map(Targets.endings) ?? .other
        }
    }

    private let path: String
    private let file: File

    var base_model_name_or_path: String? { file.base_model_name_or_path }
    var rank: Int { file.r ?? 8 }
    /// Modules that were trained as a whole.
    var modules: [String] { file.modules_to_save ?? [] }
    /// Endings of the names of the updated matrices; nil where the file says it in another way.
    var targets: [String]? {
        if case .endings(let endings)? = file.target_modules, !endings.isEmpty { endings } else { nil }
    }
    /// Biases that were trained.
    var biases: TrainedParts.Biases { file.bias.flatMap(TrainedParts.Biases.init) ?? .none }
    /// Whether the lengths of columns were trained (DoRA).
    var hasMagnitudes: Bool { file.use_dora ?? false }

    /// Reads the file and refuses what changes a model in ways that are not known here.
    ///
    /// - Throws: ``PrefixError``.
    init(_ url: URL) throws {
        path = url.path
        let configuration = try AdapterConfigurationFile(url), members = try configuration.members()
        if let type = members["peft_type"] as? String, type != "LORA" {
            throw PrefixError.notLowRank(file: path, kind: type)
        }
        let file = try configuration.decode(File.self)
        self.file = file
        try Self.check(file, members, path)
    }

    private static func check(_ file: File, _ members: [String: Any], _ path: String) throws {
        func refuse(_ reason: String) -> PrefixError { .badConfiguration(file: path, reason: reason) }
        if let bias = file.bias, TrainedParts.Biases(rawValue: bias) == nil {
            let known = TrainedParts.Biases.allCases.map { "\"\($0.rawValue)\"" }.joined(separator: ", ")
            throw refuse("bias is \"\(bias)\", but one of \(known) is needed")
        }
        // Each changes what is computed; where it is off, PEFT writes false, null or nothing.
        let others = [
            "lora_bias", "use_qalora", "use_bdlora", "alora_invocation_tokens", "trainable_token_indices",
            "layer_replication", "target_parameters", "arrow_config", "kasa_config", "monteclora_config",
            "velora_config",
        ]
        for key in others {
            switch members[key] {
            case nil, is NSNull: continue
            case let flag as NSNumber where !flag.boolValue: continue
            case let list as [Any] where list.isEmpty: continue
            case let map as [String: Any] where map.isEmpty: continue
            default:
                throw refuse(
                    "\(key) is set: only updates of low rank, with or without magnitudes, biases and whole modules, can be loaded"
                )
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
        // Foundation names no key where a number of an object is not whole.
        for (pattern, rank) in file.rank_pattern ?? [:] where !(1...0x1p20).contains(rank) || rank != rank.rounded() {
            throw refuse("\"rank_pattern.\(pattern)\" is \(rank), but a whole number from 1 to 1048576 is needed")
        }
        guard (file.r ?? 8) > 0 else { throw refuse("r is \(file.r ?? 0), but a positive number is needed") }
        guard (file.lora_alpha ?? 8).isFinite else { throw refuse("lora_alpha is not a number") }
    }

    /// r of a module: that of the first pattern that its name ends in, else the common one.
    func rank(of module: String) throws -> Int {
        try Self.value(file.rank_pattern, module, path).map { Int($0) } ?? rank
    }

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
