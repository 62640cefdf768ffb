import ArgumentParser
import Foundation
import LanguageModels
import PrefixTuning
import Tensors

/// How training goes. What is not given has the paper's value for the task.
struct TrainingOptions: ParsableArguments {
    @Option(help: .n("Passes over the data; see the table above.")) var epochs: Int?
    @Option(help: .n("Steps, instead of epochs.")) var steps: Int?
    @Option(help: .n("Examples per step; see the table above.")) var batchSize: Int?
    @Option(help: .x("Peak learning rate; see the table above.")) var learningRate: Double?
    @Option(
        help: .x(
            """
            Rate of each layer by that of the layer above it; 1 by default. For fine-tune, top-layers, adapter and lora; \
            embeddings count as the layer below the first.
            """))
    var layerDecay: Double?
    @Option(help: "How it falls after the warm-up; linear by default.") var schedule: LearningRateSchedule.Shape?
    @Option(help: .n("Steps of rising learning rate; 0 by default.")) var warmup: Int?
    @Option(help: .x("Weight decay of AdamW; 0 by default.")) var weightDecay: Double?
    @Option(help: .x("Largest norm of the gradient; 0 for no limit. 1 by default.")) var clip: Double?
    @Option(
        help: .x(
            "FedProx: how strongly what is trained is pulled back to where it started, by --init or at random; 0 by default."
        ))
    var proximal: Double?
    @Option(help: "Of the loss: sum over the tokens of an example (by default for prefixes) or mean over all tokens.")
    var lossReduction: TrainingSettings.Reduction?
    @Option(help: .n("Fixes initial values, order of the data and dropout; 101 by default.")) var seed: UInt64?
    @Flag(help: "Take the data in the order of the file.") var noShuffle = false
    @Option(help: "What to compute twice rather than keep: less memory, more time; none by default.")
    var recompute: Recomputation.Part?
    @Option(help: .n("Tokens that pass through the model at a time; fewer need less memory. 256 by default."))
    var tokensPerPass: Int?
    @Option(
        help: .n(
            "Steps between two saved states; 200 by default. Five minutes after one, the next is saved in any case."))
    var saveEvery: Int?
    @Option(help: .n("Steps between two validations; once per epoch by default.")) var validateEvery: Int?
    @Option(
        help: ArgumentHelp(
            "Stop after so many validations without a lower loss; by default all steps are done.", valueName: "n"))
    var patience: Int?
    @Option(help: "What to do with examples that do not fit; fail by default, truncate with the paper's tasks.")
    var tooLong: TaskFormat.Overflow?

    func validate() throws {
        if epochs != nil, steps != nil { throw ValidationError("Give --epochs or --steps, not both.") }
        if let learningRate, !(learningRate >= 0 && learningRate.isFinite) {
            throw ValidationError("--learning-rate is \(learningRate), but a number from 0 on is needed.")
        }
        if let proximal, !(proximal >= 0 && proximal.isFinite) {
            throw ValidationError("--proximal is \(proximal), but a number from 0 on is needed.")
        }
        if let validateEvery, validateEvery < 1 {
            throw ValidationError("--validate-every is \(validateEvery), but at least 1 is needed.")
        }
        if let patience, patience < 1 {
            throw ValidationError("--patience is \(patience), but at least 1 is needed.")
        }
    }

    /// Puts what was given into a method's settings.
    func fill(_ settings: inout MethodSettings) {
        settings.epochs = epochs
        settings.steps = steps
        settings.batchSize = batchSize
        settings.learningRate = learningRate
        settings.layerDecay = layerDecay
        settings.schedule = schedule
        settings.warmup = warmup
        settings.weightDecay = weightDecay
        settings.clip = clip
        settings.proximal = proximal
        settings.reduction = lossReduction
        settings.shuffles = noShuffle ? false : nil
        settings.recompute = recompute
        settings.tokensPerPass = tokensPerPass
    }

    /// Training by a method, with what is of the run rather than of the method: its seed, and how often it saves and validates.
    func training(_ method: MethodSettings, _ task: TuningTask) -> TrainingSettings {
        var settings = method.training(task)
        settings.seed = seed ?? settings.seed
        settings.saveEvery = saveEvery ?? settings.saveEvery
        settings.validateEvery = validateEvery ?? settings.validateEvery
        settings.patience = patience
        return settings
    }

    /// Turns examples into token sequences that fit the model.
    @Compute func tokenize(
        _ examples: [Example], format: TaskFormat, for method: any TuningMethod
    ) throws -> [TokenizedExample] {
        var format = format
        if let tooLong { format.overflow = tooLong }
        return try method.tokenize(examples, format: format)
    }
}

extension TaskFormat.Overflow: ExpressibleByArgument {}
extension Recomputation.Part: ExpressibleByArgument {}
