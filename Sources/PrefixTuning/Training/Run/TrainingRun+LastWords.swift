import Foundation
import LanguageModels
import Tensors

/// What a run saves where memory runs out in the middle of a step: the last step that was completed.
extension TrainingRun {
    /// Saves it; nothing can be saved while a step is written down or the parameters are being changed.
    ///
    /// - Returns: What is to be said.
    func saveLastStep() -> String {
        let state = folder.appendingPathComponent("training-state")
        let stands = "the state that was saved last stands in \(state.path); \(advice)"
        guard isBetweenSteps, !trainer.isUpdating else { return stands }
        trainer.forgetStep()
        do {
            guard trainer.method.parameters.allSatisfy({ $0.value.isFinite }) else { return stands }
            try metrics.synchronize()
            try validations.synchronize()
            try trainer.saveState(to: state)
            return "step \(trainer.stepCount) is saved in \(state.path); \(advice)"
        } catch {
            return "step \(trainer.stepCount) cannot be saved (\(error)); " + stands
        }
    }
}
