import Foundation
import LanguageModels
import Tensors

/// A LoRA adapter from whose values training starts: that of a round before, or one to be trained on other data.
///
/// A grouped update of loralib starts as one of the groups' ranks together, with B's groups along a diagonal; what is zero
/// beside it is then trained as well.
@Compute public struct LowRankStart {
    /// Folder or file of the adapter.
    public nonisolated let url: URL
    /// The form that it has; dropouts are not among it.
    public nonisolated let settings: LowRankMethod.Settings
    /// The program that wrote it.
    nonisolated let dialect: LowRankFile.Dialect
    private let updates: LowRankUpdates
    private let weights: any TensorSource
    /// The key of each tensor that stands in place of one of the model, by the latter's canonical name.
    private let replaced: [String: String]

    /// Opens an adapter.
    ///
    /// - Parameter alpha: α of a loralib checkpoint, which does not hold it; 32 by default.
    /// - Throws: ``PrefixError`` where it is none, ``TrainingError/badStart(file:reason:)`` where its matrices have ranks or
    ///   scales of their own, `CheckpointError` where a file is damaged.
    public init(_ url: URL, alpha: Float? = nil) throws {
        let file = try LowRankFile(url)
        (self.url, dialect, weights) = (file.url, file.dialect, file.weights)
        let updates = try file.updates(alpha: alpha)
        self.updates = updates
        var settings = LowRankMethod.Settings(), replaced: [String: String] = [:]
        if let configuration = file.configuration {
            for (name, key) in try file.peftContents(configuration).replaced {
                replaced[ModuleName.canonical(name)] = key
            }
            settings.trainsMagnitudes = configuration.hasMagnitudes
            settings.biases = configuration.biases
            settings.modules = configuration.modules
        }
        self.replaced = replaced
        let all = updates.names.compactMap { updates.update(of: $0)?.update }
        let ranks = Set(all.map(\.rank)).sorted(), scales = Set(all.map(\.scale)).sorted()
        guard ranks.count == 1, scales.count == 1 else {
            let (what, values) =
                ranks.count > 1 ? ("ranks", ranks.map(String.init)) : ("scales", scales.map { "\($0)" })
            throw TrainingError.badStart(
                file: file.weightsFile.path,
                reason:
                    "its matrices have the \(what) \(values.joined(separator: " and ")), and only one can be trained on"
            )
        }
        settings.rank = ranks[0]
        let alpha = scales[0] * Float(ranks[0]), whole = alpha.rounded()
        settings.alpha = whole / Float(ranks[0]) == scales[0] ? whole : alpha
        settings.targets =
            file.configuration?.targets
            ?? Set(updates.names.compactMap { $0.split(separator: ".").last.map(String.init) }).sorted()
        self.settings = settings
    }

    /// Gives what is trained the adapter's values.
    ///
    /// - Throws: ``TrainingError/badStart(file:reason:)`` where it has another form, `LowRankError` or `CheckpointError` where
    ///   it belongs to a model of other sizes.
    func copy(
        into trained: TrainedLowRankUpdates, _ parts: TrainedParts, _ asked: LowRankMethod.Settings
    ) throws {
        func refuse(_ reason: String) -> TrainingError { .badStart(file: url.path, reason: reason) }
        let own = settings.alpha / Float(settings.rank), other = asked.alpha / Float(asked.rank)
        for (name, found, expected) in [
            ("the rank", "\(settings.rank)", "\(asked.rank)"),
            (
                "alpha", "\(settings.alpha)",
                abs(own - other) <= 1e-6 * abs(own) ? "\(settings.alpha)" : "\(asked.alpha)"
            ),
            ("training of magnitudes", "\(settings.trainsMagnitudes)", "\(asked.trainsMagnitudes)"),
            ("training of biases", settings.biases.rawValue, asked.biases.rawValue),
        ] where found != expected {
            throw refuse("\(name) is \(found) there, but \(expected) was asked for")
        }
        let reached = Set(trained.maps.map { ModuleName.canonical($0.module) }), names = Set(updates.names)
        if let name = names.subtracting(reached).min() {
            throw refuse("it updates \"\(name)\", which is not among the matrices that are to be trained")
        }
        if let name = reached.subtracting(names).min() {
            throw refuse("it has no update of \"\(name)\", which is to be trained")
        }
        for map in trained.maps {
            guard let update = updates.update(of: map.module)?.update else { continue }
            for (key, values, tensor) in [
                ("A", update.down, map.map.down), ("B", update.up, map.map.up),
            ] {
                guard values.count == tensor.count else {
                    throw LowRankError.wrongShape(
                        file: url.path, key: "\(map.module).lora_\(key)", expected: tensor.shape,
                        found: key == "A" ? [update.rank, update.input] : [update.output, update.rank])
                }
                tensor.set(values)
            }
            if let values = update.magnitude { map.magnitude?.set(values) }
        }
        try copy(into: parts)
    }

    private func copy(into parts: TrainedParts) throws {
        let reader = CheckpointReader(weights)
        var rest = replaced
        for (name, tensor) in parts.tensors {
            guard let key = rest.removeValue(forKey: ModuleName.canonical(name)) else {
                throw TrainingError.badStart(file: url.path, reason: "it has no \"\(name)\", which is to be trained")
            }
            try tensor.withMutableValues { try reader.read(key, shape: tensor.shape, into: $0) }
        }
        // Beside the update of a head PEFT saves the frozen matrix as well.
        for name in updates.names { rest["\(name).weight"] = nil }
        if let name = rest.keys.min() {
            throw TrainingError.badStart(
                file: url.path, reason: "it replaces \"\(name)\", which is not among what is to be trained")
        }
    }
}

extension Tensor {
    /// Takes over values of the same number.
    func set(_ values: [Float]) {
        withMutableValues { buffer in
            values.withUnsafeBufferPointer { _ = buffer.update(fromContentsOf: $0) }
        }
    }
}
