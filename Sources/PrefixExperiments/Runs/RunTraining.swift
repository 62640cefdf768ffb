import Foundation
import LanguageModels
import PrefixTuning
import Tensors

/// A run in training: its trainer, its curves, and the parameters of its least validation loss.
@Compute final class RunTraining: TrainedRun {
    let plan: RunPlan
    let method: any TuningMethod
    let trainer: Trainer
    let examples: Int
    private let validation: [TokenizedExample]
    private let validateEvery: Int
    private let keepsBest: Bool
    private(set) var training: [RunResult.Point] = []
    private(set) var validations: [RunResult.Point] = []
    private(set) var tokens = 0
    var seconds = 0.0
    private(set) var failure: TrainingError?
    private var best: (step: Int, parameters: [[Float]])?

    var settings: TrainingSettings { trainer.settings }
    var stepCount: Int { trainer.stepCount }
    var federated: FederatedResult? { nil }

    /// Prepares a run.
    ///
    /// - Throws: What the method, the tokenizing or the trainer throws.
    init(
        _ plan: RunPlan, data: ExperimentDataSet, base: BaseModel, settings: ExperimentSettings, passTape: Tape
    ) throws {
        self.plan = plan
        var training = plan.method.training(data.task)
        training.seed = plan.seed
        training.tokensPerPass = plan.method.tokensPerPass ?? settings.tokensPerPass
        let method = try plan.method.method(on: base, task: data.task, seed: plan.seed, passTape: passTape)
        self.method = method
        let chosen = try data.training(plan.subset)
        let format = settings.format(of: data.task)
        let words = plan.method.textBeforeSource
        func tokenize(_ examples: [Example]) throws -> [TokenizedExample] {
            try method.tokenize(examples.map { $0.preceded(by: words) }, format: format)
        }
        let tokenized = try tokenize(chosen.train)
        examples = tokenized.count
        trainer = try Trainer(method, examples: tokenized, settings: training)
        var held = chosen.validation
        if settings.validationExamples > 0, held.count > settings.validationExamples {
            held = (0..<settings.validationExamples).map { held[$0 * held.count / settings.validationExamples] }
        }
        validation = try tokenize(held)
        validateEvery = settings.validations == 0 ? .max : max(1, trainer.totalSteps / settings.validations)
        keepsBest = settings.keepsBest && settings.validations > 0
    }

    /// Takes note of a step; validates when it is time.
    func record(_ step: Trainer.Step) {
        tokens += step.tokens
        training.append(.init(step: step.number, loss: step.tokenLoss))
        guard step.number.isMultiple(of: validateEvery) || (trainer.isFinished && validateEvery < .max),
            !validation.isEmpty
        else { return }
        let loss = trainer.validationLoss(validation)
        if keepsBest, loss < validations.map(\.loss).min() ?? .infinity {
            best = (step.number, method.parameters.map { $0.value.values })
        }
        validations.append(.init(step: step.number, loss: loss))
    }

    /// Takes note of the error that ended the run.
    func fail(_ error: TrainingError) { failure = error }

    /// Goes back to the parameters of the least validation loss, where they are kept.
    ///
    /// - Returns: The step that they are of.
    func restoreBest() -> Int {
        guard let best else { return trainer.stepCount }
        for (parameter, values) in zip(method.parameters, best.parameters) {
            parameter.value.withMutableValues { _ = $0.update(fromContentsOf: values) }
        }
        self.best = nil
        return best.step
    }

    /// The training curve in at most about 50 means of neighbouring steps.
    var thinnedTraining: [RunResult.Point] { Self.thinned(training) }

    nonisolated static func thinned(_ training: [RunResult.Point]) -> [RunResult.Point] {
        let width = max(1, training.count / 50)
        return stride(from: 0, to: training.count, by: width).map { start in
            let part = training[start..<min(start + width, training.count)]
            return .init(
                step: part.last?.step ?? 0, loss: part.reduce(0) { $0 + $1.loss } / Double(max(1, part.count)))
        }
    }
}

extension ExperimentDataSet {
    /// The examples of a run.
    ///
    /// - Throws: ``ExperimentError/tooFewExamples(dataSet:asked:found:)``.
    func training(_ subset: RunPlan.Subset?) throws -> (train: [Example], validation: [Example]) {
        guard let subset else { return (train, validation) }
        let asked = subset.size + subset.validation
        guard asked <= train.count else {
            throw ExperimentError.tooFewExamples(dataSet: name, asked: asked, found: train.count)
        }
        var generator = SeededGenerator(seed: UInt64(subset.index) &* 0x9e37_79b9 &+ UInt64(subset.size))
        let order = train.indices.shuffled(using: &generator)
        let held = order[subset.size..<asked].map { train[$0] }
        return (order.prefix(subset.size).map { train[$0] }, subset.validation == 0 ? validation : held)
    }
}

extension ExperimentSettings {
    /// A task's format, with the limits of the settings; examples that do not fit are left out of training unless they say
    /// otherwise.
    func format(of task: TuningTask) -> TaskFormat {
        var format = task.format
        if maxSourceTokens > 0 { format.sourceLimit = maxSourceTokens }
        if maxTargetTokens > 0 { format.targetLimit = maxTargetTokens }
        format.overflow = tooLong ?? .skip
        return format
    }
}

extension MethodSettings {
    /// Whether many runs can be trained in the same passes: masks of dropout inside the model are of a whole pass.
    func joins(on task: TuningTask) -> Bool {
        guard method.leavesModel else { return false }
        guard method == .prefix else { return true }
        let prefix = prefix(task)
        return prefix.modelDropout == 0 && prefix.attentionDropout == 0
    }

    /// What stands before every source as text.
    var textBeforeSource: String? { wordsBeforeSource == true ? words : nil }
}

extension Example {
    func preceded(by words: String?) -> Example {
        guard let words else { return self }
        var example = self
        example.prompt = words + " " + prompt
        return example
    }
}
