import Foundation
import LanguageModels
import Tensors

/// What AdapterHub's `adapter_config.json` says.
struct AdapterHubConfiguration: Sendable {
    /// In the keys of every prefix.
    static let marker = "prefix_tuning.prefix_tunings."
    /// The files of weights, in the order in which they are looked for.
    static let fileNames = ["adapter.safetensors", "pytorch_adapter.bin", "model_adapter.safetensors"]

    private struct File: Decodable {
        struct Method: Decodable {
            var architecture: String?
            var non_linearity: String?
            var leave_out: [Int]?
            var use_gating: Bool?
            var prefix_length: Int?
        }
        var config: Method?
        var model_name: String?
    }

    private let path: String
    private let file: File

    /// Reads the file; nil where it is not one of AdapterHub's.
    ///
    /// - Throws: ``PrefixError/badConfiguration(file:reason:)``, naming a key of another type.
    init?(_ url: URL) throws {
        guard let configuration = try? AdapterConfigurationFile(url), let members = try? configuration.members(),
            members["peft_type"] == nil, members["config"] is [String: Any]
        else { return nil }
        (path, file) = (url.path, try configuration.decode(File.self))
    }

    var modelName: String? { file.model_name }
    var prefixLength: Int? { file.config?.prefix_length }

    /// Throws where the adapter is another one than a prefix, or has what a prefix has not.
    func check() throws {
        let method = file.config
        guard method?.architecture == "prefix_tuning" else {
            throw PrefixError.notAPrefix(file: path, kind: method?.architecture ?? "bottleneck adapter")
        }
        if let layers = method?.leave_out, !layers.isEmpty {
            throw PrefixError.badConfiguration(
                file: path, reason: "leave_out is \(layers): a prefix without some of the layers cannot be used here")
        }
        if method?.use_gating == true {
            throw PrefixError.badConfiguration(
                file: path, reason: "use_gating is on: the gates depend on the text, so they are no part of a prefix")
        }
        _ = try activation
    }

    /// Between the layers of the MLP.
    var activation: Activation {
        get throws {
            switch file.config?.non_linearity?.lowercased() ?? "tanh" {
            case "tanh": return .tanh
            case "relu": return .relu
            case "gelu": return .geluErf
            case "gelu_new": return .geluTanh
            case "swish", "silu": return .silu
            case let other:
                throw PrefixError.badConfiguration(
                    file: path,
                    reason: "non_linearity is \"\(other)\", but only tanh, relu, gelu, gelu_new and silu are known")
            }
        }
    }
}

/// AdapterHub's `prefix_tuning`: for each attention an MLP over `wte`, or P itself in `control_trans`.
extension PrefixFile {
    /// Their names of the attentions.
    static let adapterHubNames: [(kind: AttentionKind, name: String)] = [
        (.decoder, "self_prefix"), (.encoder, "encoder_prefix"), (.cross, "cross_prefix"),
    ]

    /// The name of the model's scope and of the prefix, before the attention's name: the part of the keys that varies.
    func adapterHubScope() throws -> String {
        let scopes = Set(
            weights.names.compactMap { name -> String? in
                guard let marker = name.range(of: AdapterHubConfiguration.marker) else { return nil }
                let places = Self.adapterHubNames.compactMap { name.range(of: ".\($0.name).", options: .backwards) }
                guard let place = places.first, place.lowerBound >= marker.upperBound else { return nil }
                return String(name[..<place.lowerBound])
            })
        guard let scope = scopes.first, scopes.count == 1 else {
            throw PrefixError.unknownDialect(
                file: weightsFile.path,
                reason: "it holds \(scopes.count) prefixes of AdapterHub (\(scopes.sorted().joined(separator: ", "))), "
                    + "but one is needed")
        }
        return scope
    }

    func adapterHubPrefix(_ model: ModelShape) throws -> Stored.Content {
        let scope = try adapterHubScope(), reader = reader
        var parts: [AttentionKind: StoredRows] = [:]
        for (kind, name) in Self.adapterHubNames {
            let name = "\(scope).\(name)", trained = "\(name).control_trans"
            guard shape(of: trained) != nil || shape(of: "\(trained).0.weight") != nil else { continue }
            guard let width = model.stack(kind)?.prefixRowWidth else {
                throw PrefixError.badConfiguration(
                    file: weightsFile.path,
                    reason:
                        "\"\(name)\" is a prefix of \(kind.rawValue) attention, which this model does not have; name the "
                        + "model that it was trained on")
            }
            let part =
                shape(of: trained) != nil
                ? try flat(trained, width: width, from: reader)
                : try network(
                    table: "\(name).wte", network: trained, activation: try hub?.activation ?? .tanh, width: width,
                    from: reader)
            if let other = parts.values.first, other.count != part.count {
                throw PrefixError.badConfiguration(
                    file: weightsFile.path,
                    reason: "\"\(name)\" has \(part.count) positions, but another part has \(other.count)")
            }
            parts[kind] = part
        }
        try reader.finish(ignoring: hub == nil ? ["*"] : [])
        return .prefix(parts, shape: model, .zero, baseModel: hub?.modelName)
    }
}
