import Foundation
import LanguageModels
import Tensors

/// What came of a run, for a program that starts one after another: a client of federated learning, whose weight in the mean
/// are its examples.
public struct TrainingRound: Codable, Equatable, Sendable {
    /// What the losses were measured on.
    public enum LossKind: String, Codable, Sendable {
        /// The validation data, before the first step and after the last.
        case validation
        /// The batches of the first and of the last step, while they were trained on.
        case batches
    }

    /// Examples of the training data.
    public let examples: Int
    /// Their tokens that are learnt.
    public let target_tokens: Int
    /// Steps that the run has taken.
    public let steps: Int
    /// Nats per target token as training started; nil where a run was resumed that had not measured it.
    public let loss_before: Double?
    /// The same at the end.
    public let loss_after: Double?
    /// What both were measured on.
    public let loss_on: LossKind
    /// Of training, without validation and saving.
    public let seconds: Double
    /// Of the weights that were written: the adapter, or a model.
    public let bytes: Int

    /// Of a run that has ended.
    ///
    /// - Parameter folder: The run's.
    /// - Throws: As `TrainingRecord`, and where the folder cannot be read.
    @Compute public init(_ trainer: Trainer, in folder: URL) throws {
        let record = try TrainingRecord(folder)
        examples = trainer.exampleCount
        target_tokens = trainer.targetCount
        steps = trainer.stepCount
        if trainer.validationDigest == nil || record.validations.isEmpty {
            loss_on = .batches
            (loss_before, loss_after) = (record.steps.first?.token_loss, record.steps.last?.token_loss)
        } else {
            loss_on = .validation
            (loss_before, loss_after) = (trainer.startLoss, record.validations.last?.loss)
        }
        seconds = record.summary?.seconds ?? 0
        let files = try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: [.fileSizeKey])
        bytes = try files.filter { $0.pathExtension == "safetensors" }
            .reduce(0) { $0 + (try $1.resourceValues(forKeys: [.fileSizeKey]).fileSize ?? 0) }
    }
}
