import Foundation
import LanguageModels
import Tensors

/// A training state is one safetensors file: parameters, both moments, in its metadata the rest as JSON, and at its end a
/// checksum of all that. One file takes the place of the last by one renaming, so that a crash at any moment leaves a
/// whole state behind.
///
/// A state belongs to one base model, training data, validation data and settings: it holds digests of the former three.
extension Trainer {
    private struct Progress: Codable {
        var format: Int
        var method: String
        var fingerprint: String
        var model: Digest?
        var data: Digest
        var validation: Digest?
        var settings: TrainingSettings
        var totalSteps: Int
        var stepCount: Int
        var order: BatchOrder
        var tokens: Int
        var validations: Int
        /// Nil in states of runs that never lacked patience.
        var validationsSinceBest: Int?
        var owesValidation: Bool
        var bestValidationLoss: Double?
        /// Nil where it was not measured.
        var startLoss: Double?
        var threads: Int

        private enum CodingKeys: String, CodingKey {
            case format, method, fingerprint, model, data, validation, settings, totalSteps = "total_steps"
            case stepCount = "step_count", order, tokens, validations, validationsSinceBest = "validations_since_best",
                owesValidation = "owes_validation"
            case bestValidationLoss = "best_validation_loss", startLoss = "start_loss", threads
        }

        /// Whether these are numbers that a run can have come to.
        var isValid: Bool {
            order.isValid && totalSteps > 0 && (0...totalSteps).contains(stepCount) && order.batchesDrawn == stepCount
                && tokens >= 0 && (0...stepCount).contains(validations) && threads > 0
                && (0...validations).contains(validationsSinceBest ?? 0)
                && bestValidationLoss?.isFinite ?? true && startLoss?.isFinite ?? true
        }
    }

    /// What every version of the program can read.
    private struct Version: Decodable {
        var format: Int?
    }

    private nonisolated static let format = 3
    private nonisolated static let progressKey = "prefixtune.progress"
    private nonisolated static let fileName = "state.safetensors"

    /// Whether a folder holds a saved state.
    public nonisolated static func hasState(in folder: URL) -> Bool {
        FileManager.default.fileExists(atPath: folder.appendingPathComponent(fileName).path)
    }

    /// Saves everything that continuing needs. Between two steps it can be called at any moment.
    ///
    /// - Throws: `CheckpointError` where it cannot be written; the state saved before is then still there.
    public func saveState(to folder: URL) throws {
        try ModelFolder.makeFolder(folder)
        // A state is copied tensor by tensor: memory kept for the next step would be held besides.
        Compute.releaseFreeMemory()
        let progress = Progress(
            format: Self.format, method: method.name, fingerprint: method.fingerprint, model: method.model.digest,
            data: dataDigest, validation: validationDigest, settings: settings, totalSteps: totalSteps,
            stepCount: stepCount, order: order, tokens: tokensSeen, validations: validationCount,
            validationsSinceBest: validationsSinceBest, owesValidation: owesValidation,
            bestValidationLoss: bestValidationLoss, startLoss: startLoss, threads: Compute.threads)
        var writer = SafetensorsWriter(
            metadata: ["format": "pt", Self.progressKey: try JSONText.line(progress)], sealed: true)
        for entry in optimizer.entries {
            for (kind, tensor) in entry.saved {
                writer.add("\(kind).\(entry.name)", shape: tensor.shape) { buffer in
                    tensor.withMutableValues { _ = buffer.update(from: $0) }
                }
            }
        }
        try writer.write(to: folder.appendingPathComponent(Self.fileName))
    }

    /// Continues from a saved state.
    ///
    /// - Parameters:
    ///   - folder: Where it was saved.
    ///   - extends: Whether the run may have more steps than it was begun with: its learning rate then follows the schedule
    ///     of the longer run.
    /// - Throws: ``TrainingError`` where there is none, where it belongs to another run or was written by another version,
    ///   `CheckpointError` where it is damaged.
    public func restoreState(from folder: URL, extends: Bool = false) throws {
        guard Self.hasState(in: folder) else { throw TrainingError.nothingToResume(folder: folder.path) }
        let file = try SafetensorsFile(folder.appendingPathComponent(Self.fileName))
        let progress = try Self.progress(in: file, folder)
        try check(progress, folder, extends: extends)
        let reader = CheckpointReader(file)
        for entry in optimizer.entries {
            for (kind, tensor) in entry.saved {
                try tensor.withMutableValues {
                    try reader.read("\(kind).\(entry.name)", shape: tensor.shape, into: $0)
                }
            }
        }
        try reader.finish(ignoring: [SafetensorsFile.sealPattern])
        optimizer.stepCount = progress.stepCount
        order = progress.order
        tokensSeen = progress.tokens
        validationCount = progress.validations
        validationsSinceBest = progress.validationsSinceBest ?? 0
        stepsBeforeExtension = progress.totalSteps < totalSteps ? progress.totalSteps : nil
        owesValidation = progress.owesValidation
        bestValidationLoss = progress.bestValidationLoss
        startLoss = progress.startLoss
    }

    private nonisolated static func progress(in file: SafetensorsFile, _ folder: URL) throws -> Progress {
        let text = Data((file.metadata[progressKey] ?? "").utf8), decoder = JSONDecoder()
        // A damaged version would be reported as another version: the checksum goes first where there is one.
        let version = (try? decoder.decode(Version.self, from: text))?.format
        if version == format || file.names.contains(SafetensorsFile.sealPattern) {
            do {
                try file.checkSeal()
            } catch CheckpointError.malformed(let path, let problem) {
                throw TrainingError.damagedState(file: path, problem: problem)
            }
        }
        guard version == format else { throw TrainingError.otherFormat(folder: folder.path, found: version ?? 1) }
        guard let progress = try? decoder.decode(Progress.self, from: text), progress.isValid else {
            throw TrainingError.damagedState(file: file.path, problem: "its progress is none that a run can come to")
        }
        return progress
    }

    private func check(_ saved: Progress, _ folder: URL, extends: Bool) throws {
        func refuse(_ difference: String) -> TrainingError { .otherRun(folder: folder.path, difference: difference) }
        func expect<Value: Equatable>(_ name: String, _ saved: Value, _ asked: Value) throws {
            guard saved == asked else { throw refuse("\(name) was \(saved), not \(asked)") }
        }
        try expect("the method", saved.method, method.name)
        try expect("the method's form", saved.fingerprint, method.fingerprint)
        guard saved.model == method.model.digest else {
            func text(_ digest: Digest?) -> String { digest.map { "\($0)" } ?? "unknown" }
            throw refuse(
                "its base model had other weights (digest \(text(saved.model)), not \(text(method.model.digest)))")
        }
        if !extends || saved.totalSteps > totalSteps { try expect("the number of steps", saved.totalSteps, totalSteps) }
        // All that has a part in the bits; how often a run saves and validates has none.
        let (old, new) = (saved.settings, settings)
        try expect("the learning rate", old.learningRate, new.learningRate)
        try expect("the layer decay", old.layerDecay ?? 1, new.layerDecay ?? 1)
        try expect("the schedule", old.schedule, new.schedule)
        try expect("the warm-up", old.warmupSteps, new.warmupSteps)
        try expect("the batch size", old.batchSize, new.batchSize)
        try expect("the reduction of the loss", old.reduction, new.reduction)
        try expect("the seed", old.seed, new.seed)
        try expect("shuffling", old.shuffles, new.shuffles)
        try expect("the weight decay", old.optimizer.weightDecay, new.optimizer.weightDecay)
        try expect("the greatest gradient norm", old.optimizer.clip, new.optimizer.clip)
        try expect(
            "the sum of gradients", (old.gradientSums ?? (method.sumsExactly ? .exact : .fast)).rawValue,
            gradientSums.rawValue)
        try expect("the proximal weight", old.optimizer.proximal ?? 0, new.optimizer.proximal ?? 0)
        try expect("the optimizer", old.optimizer, new.optimizer)
        try expect("the number of tokens per pass", old.tokensPerPass, new.tokensPerPass)
        try expect("the number of examples", saved.order.exampleCount, order.exampleCount)
        guard saved.data == dataDigest else { throw refuse("its training data or tokenizer was another") }
        // The least loss of one data set says nothing of another.
        guard saved.validation == validationDigest else { throw refuse("its validation data was another") }
        guard saved.order.continues(order) else { throw refuse("its order of the data was another") }
        try expect("the number of threads", saved.threads, Compute.threads)
    }
}

extension Sequence<TokenizedExample> {
    /// Of all tokens, sources and target positions.
    var digest: Digest {
        var digester = Digester()
        for example in self {
            digester.add(example.targetStart)
            digester.add(example.tokens)
            digester.add(example.source)
            // What has none is what it was before there were any.
            if let isCounted = example.isCounted { digester.add(isCounted.map { $0 ? 1 : 0 as Int32 }) }
        }
        return digester.digest
    }
}
