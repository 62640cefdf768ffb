import Foundation
import LanguageModels
import PrefixTuning
import Tensors

extension Experiment {
    /// What a run will be, by a trial of it.
    public struct Trial: Sendable {
        /// The run that is tried out.
        public let plan: RunPlan
        /// Values that training will change.
        public let trainableParameters: Int
        /// Values that will be kept.
        public let storedParameters: Int
        /// How many training examples it reads.
        public let examples: Int
        /// How many steps it takes.
        public let steps: Int
        /// An estimate of training and answering.
        public let seconds: Double
    }

    /// Tries each row on each data set: three steps, and the answers to a few sources. Nothing is written.
    public func trial() throws -> [Trial] {
        var rates: [String: (step: Double, answer: Double)] = [:]
        return try chosen.map { plan in
            let data = try dataSet(plan)
            if !plan.method.method.leavesModel { base.release() }
            let run = try RunTraining(plan, data: data, base: base, settings: settings, passTape: Tape())
            let key = "\(plan.dataSet) \(plan.row)"
            let rate = try rates[key] ?? measure(run, data)
            rates[key] = rate
            return Trial(
                plan: plan, trainableParameters: run.method.trainableParameterCount,
                storedParameters: run.method.storedParameterCount, examples: run.examples,
                steps: run.trainer.totalSteps,
                seconds: Double(run.trainer.totalSteps) * (plan.federation?.meanClients ?? 1) * rate.step
                    + Double(data.test.count) * rate.answer)
        }
    }

    /// Seconds per step, without the first, which compiles kernels; and per answer.
    private func measure(_ run: RunTraining, _ data: ExperimentDataSet) throws -> (step: Double, answer: Double) {
        _ = try run.trainer.step()
        func seconds(_ body: () throws -> Void) rethrows -> Double {
            let start = ContinuousClock.now
            try body()
            return start.duration(to: .now).seconds
        }
        let step = try seconds { for _ in 0..<2 where !run.trainer.isFinished { _ = try run.trainer.step() } } / 2
        let few = data.limited(test: 8, train: nil)
        let answer = try seconds {
            _ = try RunTest(data: few, settings: settings).answers(
                of: run.method, words: run.plan.method.textBeforeSource)
        }
        return (step, answer / Double(max(1, few.test.count)))
    }
}
