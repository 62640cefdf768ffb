import ArgumentParser
import Foundation
import Hub
import LanguageModels
import PrefixTuning
import Tensors

/// Trains a prefix, or what it is compared with, on a task.
struct Train: ComputeCommand {
    static let configuration = CommandConfiguration(
        abstract: "Train a prefix, or by another method, on a task.",
        discussion: """
            Defaults are the paper's for the task. The output folder gets the adapter in PEFT's layout (adapter_config.json, \
            adapter_model.safetensors), best/ (the same at the least validation loss), training-state/ to resume from, \
            metrics.jsonl and summary.json. Ctrl-C, SIGTERM and a closed terminal save and exit (130, 143, 129); --resume continues \
            bit for bit.

            EXAMPLE
              prefixtune train --model gpt2 --task e2e --data src1_train.txt --validation src1_valid.txt --output e2e-prefix
            """)

    @Option(help: "The model: its folder, or org/name[@revision] on the hub.") var model: ModelReference
    @Option(parsing: .upToNextOption, help: "Training data, plain or gzip-compressed; - for standard input.")
    var data: [InputFile]
    @Option(parsing: .upToNextOption, help: "Validation data.") var validation: [InputFile] = []
    @Option(help: "Format and defaults: \(TuningTask.choices). \(TuningTask.promptHelp)") var task = TuningTask.jsonl
    @Option(help: "The folder to write to.") var output: URL
    @Option(help: "What is trained.") var method = MethodSettings.Kind.prefix
    @Option(help: WeightPrecision.help) var precision = WeightPrecision.float32
    @OptionGroup(title: "Prefix") var prefix: PrefixOptions
    @OptionGroup(title: "Other methods") var others: MethodOptions
    @OptionGroup(title: "Training") var training: TrainingOptions
    @OptionGroup(title: "Lengths") var limits: TaskLimits
    @Flag(help: "Continue the run in the output folder.") var resume = false
    @OptionGroup(title: "General") var common: CommonOptions

    func validate() throws {
        try MethodOptions.validate(settings(startingFrom: prefix.initialization?.named), precision)
        var inputs = (data + validation).map(Optional.some)
        if case .value(.file(let text))? = prefix.initialization { inputs.append(InputFile(argument: text.path)) }
        try InputFile.validate(inputs)
    }

    /// What is trained, and how.
    private func settings(startingFrom initialization: PrefixInitialization?) -> MethodSettings {
        var settings = MethodSettings(method)
        prefix.fill(&settings)
        others.fill(&settings)
        training.fill(&settings)
        settings.initialization = initialization
        return settings
    }

    @Compute func compute() async throws {
        Interrupt.outliveReaders()
        try ResultOutput.check(
            ["--output": output], against: ["--model": [model.file], "--init": [prefix.initialization?.file]])
        let lock = try TrainingRun.claim(output, resumes: resume)
        let folder = try await model.located(quiet: common.quiet)
        let method = settings(startingFrom: try await prefix.initialization?.located(quiet: common.quiet))
        let settings = training.training(method, task)
        let tuned = try method.method(
            on: BaseModel(folder: folder, name: model.description, precision: precision), task: task,
            seed: settings.seed)
        let examples = try training.tokenize(
            task.readForTraining(data.map(\.url)), format: limits.format(of: task), for: tuned)
        let held = try training.tokenize(
            task.readForTraining(validation.map(\.url)), format: limits.format(of: task), for: tuned)
        let trainer = try Trainer(tuned, examples: examples, settings: settings)
        let run = try TrainingRun(
            trainer, validation: held, folder: output, resumes: resume, lock: lock,
            details: [
                "command": CommandLine.arguments.joined(separator: " "), "task": task.name,
                "data": data.map(\.path).joined(separator: " "),
                "validation": validation.map(\.path).joined(separator: " "),
                "version": Version.number,
            ], advice: "continue with --resume")
        common.note(
            "\(counted(examples.count, "example")), \(counted(trainer.totalSteps, "step")); \(tuned.trainableParameterCount) trainable "
                + "parameters, \(tuned.storedParameterCount) stored, of "
                + "\(tuned.model.configuration.parameterCount) in the model")
        try Interrupt.gracefully { try show(run, trainer) }
    }

    @Compute private func show(_ run: TrainingRun, _ trainer: Trainer) throws {
        var display = ProgressDisplay(quiet: common.quiet)
        let (ending, summary) = try run.run { event in
            switch event {
            case .step(let step, let rate, let left):
                display.update(
                    step.number, of: trainer.totalSteps,
                    facts: String(format: "loss %.4f  %.0f tokens/s", step.tokenLoss, rate), secondsLeft: left)
            case .validation(let step, let loss, let isBest):
                display.note(
                    String(format: "step %d: validation loss %.4f, perplexity %.2f", step, loss, exp(loss))
                        + (isBest ? " (best)" : ""))
            case .saved(let step):
                if common.verbose { display.note("step \(step): saved") }
            }
        } shouldStop: {
            Interrupt.isRequested
        }
        switch ending {
        case .finished:
            common.note(
                String(
                    format: "%@, %.0f tokens/s, %.2f GB at most; written to %@", counted(summary.steps, "step"),
                    summary.tokens_per_second, Double(summary.peak_memory_bytes) / 1e9, output.path))
        case .interrupted:
            display.note("stopped at step \(summary.steps) and saved; continue with the same command and --resume")
        }
    }
}

extension WeightPrecision: ExpressibleByArgument {
    /// What every command says of its option.
    static var help: ArgumentHelp {
        """
        How frozen weights are held. Gradients through rounded weights come in 8 bits, or in 32 with -f32-gradients; \
        stored leaves 16-bit weights as they are.
        """
    }
}
extension LearningRateSchedule.Shape: ExpressibleByArgument {}
extension TrainingSettings.Reduction: ExpressibleByArgument {}
