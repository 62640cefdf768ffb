import Foundation
import LanguageModels

extension LowRankFile {
    /// A tensor of PEFT's file, by what its key says.
    private struct PEFTKey {
        enum Part: Hashable {
            case down, up, magnitude
            /// Stands in place of a tensor of the model.
            case replaced
            /// Not used where an adapter is: the module in whose place another was trained.
            case ignored
            /// Changes the model in a way that is not known here.
            case unknown(String)
        }

        var part: Part
        /// The module's name, or that of the tensor that is replaced.
        var name: String
        /// What the adapter was called in the model whose state was saved; PEFT's own files do not say it.
        var adapter: String?

        /// `base_model.model.<module>.lora_A.weight`, `….lora_A.<adapter>.weight`, `….base_layer.bias`, `<module>.weight` ….
        init(_ key: String) {
            let root = "base_model.model."
            var parts = (key.hasPrefix(root) ? String(key.dropFirst(root.count)) : key).split(separator: ".").map(
                String.init)
            part = .replaced
            let kinds: [String: Part] = ["lora_A": .down, "lora_B": .up, "lora_magnitude_vector": .magnitude]
            if let index = parts.lastIndex(where: { kinds[$0] != nil }), let kind = kinds[parts[index]] {
                var rest = parts[(index + 1)...]
                if rest.last == "weight" { rest = rest.dropLast() }
                part = rest.count > 1 || parts.last == "bias" ? .unknown("the bias of an update") : kind
                adapter = rest.first
                name = parts[..<index].joined(separator: ".")
                return
            }
            if parts.contains(where: { $0.hasPrefix("lora_embedding_") }) {
                part = .unknown("an embedding table by an update of low rank")
            } else if let other = parts.first(where: { $0.hasPrefix("lora_") || $0 == "token_adapter" }) {
                part = .unknown("the model by a part called \(other)")
            } else if parts.contains("original_module") {
                part = .ignored
            } else if let index = parts.firstIndex(of: "modules_to_save") {
                // PEFT leaves the adapter's name out, and both where the state of a module was saved whole.
                let hasName = index + 2 < parts.count
                adapter = hasName ? parts[index + 1] : nil
                parts.removeSubrange(index...(hasName ? index + 1 : index))
            }
            name = parts.filter { $0 != "base_layer" }.joined(separator: ".")
        }
    }

    /// What PEFT's file holds: A [r × input], B [output × r] and magnitudes [output] of matrices, and tensors in place of the
    /// model's.
    func peftContents(
        _ configuration: PEFTLowRankConfiguration
    ) throws -> (updates: [String: LowRankUpdate], replaced: [String: String]) {
        var keys: [String: [PEFTKey.Part: String]] = [:], replaced: [String: String] = [:], adapters: Set<String> = []
        for key in weights.names {
            let found = PEFTKey(key)
            if let adapter = found.adapter { adapters.insert(adapter) }
            switch found.part {
            case .down, .up, .magnitude: keys[found.name, default: [:]][found.part] = key
            // A file may hold a tensor twice where biases and modules overlap; the plain key is the module's own.
            case .replaced where replaced[found.name] == nil || !key.contains("modules_to_save"):
                replaced[found.name] = key
            case .replaced, .ignored: break
            case .unknown(let what):
                throw PrefixError.badConfiguration(
                    file: weightsFile.path,
                    reason:
                        "\"\(key)\" changes \(what): only updates of matrices, with or without magnitudes, biases and "
                        + "whole modules, can be loaded")
            }
        }
        guard adapters.count < 2 else {
            throw PrefixError.badConfiguration(
                file: weightsFile.path,
                reason: "it holds several adapters: \(adapters.sorted().map { "\"\($0)\"" }.joined(separator: ", ")); "
                    + "save one of them by itself")
        }
        guard keys.values.contains(where: { $0[.down] != nil }) else {
            throw PrefixError.unknownDialect(
                file: weightsFile.path, reason: "it has no tensor whose name ends in lora_A.weight")
        }
        for module in configuration.modules
        where !replaced.keys.contains(where: { name in
            ModuleName.enclosing(name.split(separator: ".").dropLast().joined(separator: "."), of: [module]) != nil
        }) {
            throw PrefixError.badConfiguration(
                file: weightsFile.path,
                reason:
                    "modules_to_save of adapter_config.json names \"\(module)\", but no tensor of such a module is here; "
                    + "export the adapter again")
        }
        let reader = CheckpointReader(weights)
        var updates: [String: LowRankUpdate] = [:]
        for (module, parts) in keys { updates[module] = try update(of: module, parts, from: reader, configuration) }
        return (updates, replaced)
    }

    private func update(
        of module: String, _ keys: [PEFTKey.Part: String], from reader: CheckpointReader,
        _ configuration: PEFTLowRankConfiguration
    ) throws -> LowRankUpdate {
        func key(_ part: PEFTKey.Part, _ name: String) throws -> String {
            guard let key = keys[part] else {
                throw CheckpointError.missingTensor(file: weightsFile.path, key: "\(module).\(name)", similar: [])
            }
            return key
        }
        let downKey = try key(.down, "lora_A.weight"), upKey = try key(.up, "lora_B.weight")
        let (rank, _, down) = try matrix(downKey, from: reader)
        let (output, columns, up) = try matrix(upKey, from: reader)
        let stated = try configuration.rank(of: module)
        guard rank == stated, columns == rank else {
            let wrong = rank == stated ? upKey : downKey
            throw PrefixError.wrongTensor(
                file: weightsFile.path, key: wrong,
                expected: rank == stated ? "[output × \(rank)]" : "[\(stated) × input] (r of adapter_config.json)",
                found: weights.shape(of: wrong) ?? [])
        }
        var magnitude: [Float]?
        if configuration.hasMagnitudes || keys[.magnitude] != nil {
            guard configuration.hasMagnitudes else {
                throw PrefixError.badConfiguration(
                    file: weightsFile.path,
                    reason:
                        "\"\(try key(.magnitude, ""))\" is a magnitude (DoRA), but use_dora of adapter_config.json is not set; "
                        + "export the adapter again")
            }
            magnitude = try reader.read(key(.magnitude, "lora_magnitude_vector"), shape: [output])
        }
        return LowRankUpdate(
            down: down, up: up, rank: rank, scale: try configuration.scale(of: module, rank: rank), magnitude: magnitude
        )
    }
}
