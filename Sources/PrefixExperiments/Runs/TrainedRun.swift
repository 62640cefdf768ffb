import PrefixTuning
import Tensors

/// A run that was trained: what its test and its result are made of.
@Compute protocol TrainedRun: AnyObject {
    var plan: RunPlan { get }
    var method: any TuningMethod { get }
    /// How it was trained.
    var settings: TrainingSettings { get }
    /// Training examples.
    var examples: Int { get }
    /// Steps done.
    var stepCount: Int { get }
    /// Tokens of all batches.
    var tokens: Int { get }
    /// Seconds of training.
    var seconds: Double { get }
    /// The error that ended it.
    var failure: TrainingError? { get }
    /// The training curve in some fifty points.
    var thinnedTraining: [RunResult.Point] { get }
    /// Validation losses.
    var validations: [RunResult.Point] { get }
    /// What federated rounds came to; nil of other runs.
    var federated: FederatedResult? { get }

    /// Goes back to the parameters that are tested.
    ///
    /// - Returns: The step that they are of.
    func restoreBest() -> Int
}
