import Foundation
import LanguageModels
import Tensors

/// A training run on a rank other than the first: the same steps and validations as ``TrainingRun``, and no file.
@Compute public final class FollowingRun {
    private let trainer: Trainer
    private let validation: [TokenizedExample]

    /// Prepares it.
    ///
    /// - Parameters:
    ///   - trainer: A new trainer, one of several ranks.
    ///   - validation: As on the first rank.
    ///   - folder: The run's, where its state is read from; nothing is written.
    ///   - resumes: Whether to continue the run in the folder.
    ///   - extends: Whether it may have more steps than it was begun with.
    /// - Throws: ``TrainingError`` where there is no state, or one of another run.
    public init(
        _ trainer: Trainer, validation: [TokenizedExample], folder: URL, resumes: Bool, extends: Bool = false
    ) throws {
        (self.trainer, self.validation) = (trainer, validation)
        try Trainer.check(validation, for: trainer.method)
        trainer.validationDigest = validation.digest
        if resumes { try trainer.restoreState(from: TrainingRun.stateFolder(folder), extends: extends) }
    }

    /// Trains as long as the first rank does.
    ///
    /// - Parameter shouldStop: Asked before every step; any rank may ask for a stop.
    /// - Throws: ``TrainingError/diverged(step:loss:gradientNorm:learningRate:hasCheckpoint:)`` as on the first rank, or
    ///   ``RankError``.
    public func run(shouldStop: () -> Bool = { false }) throws -> TrainingRun.Ending {
        while !trainer.isDone {
            if try trainer.ranks.any(shouldStop()) { return .interrupted }
            if !trainer.owesValidation {
                guard let step = try trainer.step(until: shouldStop) else { continue }
                trainer.owesValidation = !validation.isEmpty && trainer.isValidated(after: step)
            }
            if trainer.owesValidation {
                guard let loss = try trainer.validationLoss(validation, until: shouldStop) else { continue }
                guard loss.isFinite else {
                    throw TrainingError.diverged(
                        step: trainer.stepCount, loss: loss, gradientNorm: .nan,
                        learningRate: trainer.settings.learningRate)
                }
                _ = trainer.note(validationLoss: loss)
                trainer.owesValidation = false
            }
            if trainer.stepCount.isMultiple(of: trainer.settings.saveEvery) { try trainer.compareParameters() }
        }
        return trainer.isFinished ? .finished : .stoppedEarly
    }
}
