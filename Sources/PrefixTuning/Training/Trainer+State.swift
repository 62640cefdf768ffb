import Foundation
import LanguageModels
import Tensors

/// A training state is one safetensors file: parameters, both moments, and in its metadata the rest as JSON. One file
/// takes the place of the last by one renaming, so that a crash at any moment leaves a whole state behind.
extension Trainer {
    private struct Progress: Codable {
        var method: String
        var fingerprint: String
        var dataChecksum: UInt64
        var settings: TrainingSettings
        var totalSteps: Int
        var stepCount: Int
        var order: BatchOrder
        var bestValidationLoss: Double?
        var threads: Int
    }

    private nonisolated static let progressKey = "prefixtune.progress"
    private nonisolated static let fileName = "state.safetensors"

    /// Whether a folder holds a saved state.
    public nonisolated static func hasState(in folder: URL) -> Bool {
        FileManager.default.fileExists(atPath: folder.appendingPathComponent(fileName).path)
    }

    /// Saves everything that continuing needs.
    ///
    /// - Throws: `CheckpointError` where it cannot be written; the state saved before is then still there.
    public func saveState(to folder: URL) throws {
        try ModelFolder.makeFolder(folder)
        // A state is copied tensor by tensor: memory kept for the next step would be held besides.
        Compute.releaseFreeMemory()
        let progress = Progress(
            method: method.name, fingerprint: method.fingerprint, dataChecksum: dataChecksum, settings: settings,
            totalSteps: totalSteps, stepCount: stepCount, order: order,
            bestValidationLoss: bestValidationLoss, threads: Compute.threads)
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        var writer = SafetensorsWriter(metadata: [
            "format": "pt", Self.progressKey: String(decoding: try encoder.encode(progress), as: UTF8.self),
        ])
        for entry in optimizer.entries {
            for (kind, tensor) in [("value", entry.value), ("first", entry.first), ("second", entry.second)] {
                writer.add("\(kind).\(entry.name)", shape: tensor.shape) { buffer in
                    tensor.withMutableValues { _ = buffer.update(from: $0) }
                }
            }
        }
        try writer.write(to: folder.appendingPathComponent(Self.fileName))
    }

    /// Continues from a saved state.
    ///
    /// - Throws: ``TrainingError`` where there is none or it belongs to another run, `CheckpointError` where it is
    ///   damaged.
    public func restoreState(from folder: URL) throws {
        guard Self.hasState(in: folder) else { throw TrainingError.nothingToResume(folder: folder.path) }
        let file = try SafetensorsFile(folder.appendingPathComponent(Self.fileName))
        guard let text = file.metadata[Self.progressKey],
            let progress = try? JSONDecoder().decode(Progress.self, from: Data(text.utf8))
        else { throw TrainingError.otherRun(folder: folder.path, difference: "it says nothing of its progress") }
        func expect<Value: Equatable>(_ name: String, _ saved: Value, _ asked: Value) throws {
            guard saved == asked else {
                throw TrainingError.otherRun(folder: folder.path, difference: "\(name) was \(saved), not \(asked)")
            }
        }
        try expect("the method", progress.method, method.name)
        try expect("the method's form", progress.fingerprint, method.fingerprint)
        try expect("the number of steps", progress.totalSteps, totalSteps)
        // All that has a part in the bits; how often a run saves and validates has none.
        let saved = progress.settings
        try expect("the learning rate", saved.learningRate, settings.learningRate)
        try expect("the layer decay", saved.layerDecay ?? 1, settings.layerDecay ?? 1)
        try expect("the schedule", saved.schedule, settings.schedule)
        try expect("the warm-up", saved.warmupSteps, settings.warmupSteps)
        try expect("the batch size", saved.batchSize, settings.batchSize)
        try expect("the reduction of the loss", saved.reduction, settings.reduction)
        try expect("the seed", saved.seed, settings.seed)
        try expect("shuffling", saved.shuffles, settings.shuffles)
        try expect("the weight decay", saved.optimizer.weightDecay, settings.optimizer.weightDecay)
        try expect("the greatest gradient norm", saved.optimizer.clip, settings.optimizer.clip)
        try expect("the optimizer", saved.optimizer, settings.optimizer)
        try expect("the number of tokens per pass", saved.tokensPerPass, settings.tokensPerPass)
        try expect("the number of examples", progress.order.exampleCount, order.exampleCount)
        guard progress.dataChecksum == dataChecksum else {
            throw TrainingError.otherRun(folder: folder.path, difference: "its training data or tokenizer was another")
        }
        try expect("the number of threads", progress.threads, Compute.threads)
        let reader = CheckpointReader(file)
        for entry in optimizer.entries {
            for (kind, tensor) in [("value", entry.value), ("first", entry.first), ("second", entry.second)] {
                try tensor.withMutableValues {
                    try reader.read("\(kind).\(entry.name)", shape: tensor.shape, into: $0)
                }
            }
        }
        try reader.finish()
        optimizer.stepCount = progress.stepCount
        order = progress.order
        bestValidationLoss = progress.bestValidationLoss
    }
}
