import Foundation
import LanguageModels
import Tensors

/// Training runs that go through one frozen model together, each with its own folder; see ``JointTrainer``.
@Compute public final class JointTrainingRun {
    /// How one of the runs ended.
    public enum Result: Sendable {
        /// At its end, or where it was asked to stop.
        case ended(TrainingRun.Ending, TrainingSummary)
        /// By an error of its own; the last saved state and checkpoint are still there.
        case failed(any Error)
    }

    private let runs: [TrainingRun]
    private let trainer: JointTrainer

    /// Joins runs; each may be at another step.
    ///
    /// - Throws: ``TrainingError/cannotJoin(reason:)``.
    public init(_ runs: [TrainingRun]) throws {
        self.runs = runs
        trainer = try JointTrainer(runs.map(\.trainer))
    }

    /// Trains all runs to their ends, or until asked to stop.
    ///
    /// - Parameters:
    ///   - report: Told what happens, and to which run.
    ///   - shouldStop: Asked before every step.
    /// - Returns: What became of each run. One that fails does not stop the others.
    /// - Throws: `CheckpointError` where the first states cannot be written.
    public func run(
        report: (_ run: Int, TrainingRun.Event) -> Void = { _, _ in }, shouldStop: () -> Bool = { false }
    ) throws -> [Result] {
        for run in runs { try run.begin() }
        var results = [Result?](repeating: nil, count: runs.count)
        for (index, run) in runs.enumerated() where run.trainer.owesValidation {
            try run.conclude({ report(index, $0) }, { false })
        }
        for index in runs.indices where runs[index].isDone {
            results[index] = end(index, .finished, report)
        }
        while results.contains(where: { $0 == nil }) {
            let running = runs.indices.filter { results[$0] == nil }
            if shouldStop() {
                for index in running { results[index] = end(index, .interrupted, report) }
                break
            }
            let start = ContinuousClock.now
            let outcomes = trainer.step(of: running)
            let elapsed = start.duration(to: .now).seconds
            // A run's share of the time is that of its tokens.
            let tokens = outcomes.reduce(0) { sum, outcome in
                if case .success(let step)? = outcome { sum + step.tokens } else { sum }
            }
            for index in running {
                switch outcomes[index] {
                case .success(let step)?:
                    do {
                        try runs[index].record(
                            step, elapsed: elapsed * Double(step.tokens) / Double(max(1, tokens))
                        ) { report(index, $0) }
                        if runs[index].trainer.isFinished { results[index] = end(index, .finished, report) }
                    } catch {
                        results[index] = .failed(runs[index].explained(error))
                    }
                case .failure(let error)?: results[index] = .failed(runs[index].explained(error))
                case nil: break
                }
            }
        }
        return results.compactMap(\.self)
    }

    private func end(
        _ index: Int, _ ending: TrainingRun.Ending, _ report: (_ run: Int, TrainingRun.Event) -> Void
    ) -> Result {
        do {
            return .ended(ending, try runs[index].finish(ending) { report(index, $0) })
        } catch {
            return .failed(error)
        }
    }
}
