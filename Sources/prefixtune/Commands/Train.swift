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
            adapter_model.safetensors), prefixtune_task.json (task, template and white space of the prompts, which answering \
            goes by), best/ (the same at the least validation loss), training-state/ to resume from, \
            metrics.jsonl, summary.json, run.json with all options, and report.html, a page to look at. Ctrl-C, SIGTERM and a closed terminal save and exit \
            (130, 143, 129); --resume --output FOLDER continues bit for bit, also with more --steps or --epochs than the run was \
            begun with. --config FOLDER/run.json begins the same run anew, or one that differs in what else is typed.

            One's own data is JSON lines, a JSON list of objects, or a table with a heading (CSV with commas or semicolons, TSV).

            LEARNING RATE, EPOCHS AND EXAMPLES PER STEP, BY METHOD AND TASK
            \(TrainingDefaults.table)

            EXAMPLES
              prefixtune train --model gpt2 --task e2e --data src1_train.txt \\
                --validation src1_valid.txt --output e2e-prefix
              prefixtune train --model gpt2 --data faq.csv \\
                --prompt-template 'Q: {question}\\nA:' --completion-field answer \\
                --validation 0.1 --output faq-prefix
              prefixtune train --resume --output e2e-prefix
              prefixtune train --config e2e-prefix/run.json --learning-rate 1e-4 \\
                --output other-prefix
            """)

    @Option(help: ModelName.help) var model: ModelName?
    @Option(parsing: .upToNextOption, help: .file("Training data, plain or gzip-compressed; - for standard input."))
    var data: [InputFile]
    @Option(
        parsing: .upToNextOption,
        help: """
            Validation data, or the share of the training data that is held out for it: a number between 0 and 1 (a file of \
            such a name is ./0.1). None by default.
            """)
    var validation: [ValidationSource] = []
    @Option(help: "Format and defaults: \(TuningTask.choices). \(TuningTask.promptHelp)") var task = TuningTask.jsonl
    @Option(help: .folder("The folder to write to.")) var output: URL
    @Option(
        help: ArgumentHelp(
            """
            Options as JSON, such as a run's own run.json; what is typed counts instead, and paths count from the working \
            folder.
            """, valueName: "file"))
    var config: URL?
    @Option(help: "What is trained.") var method = MethodSettings.Kind.prefix
    @Option(help: WeightPrecision.help) var precision = WeightPrecision.float32
    @OptionGroup(title: Self.fieldsTitle) var fields: FieldOptions
    @OptionGroup(title: Self.prefixTitle) var prefix: PrefixOptions
    @OptionGroup(title: Self.othersTitle) var others: MethodOptions
    @OptionGroup(title: Self.chatTitle) var chat: ChatOptions
    @Option(help: "With --task chat: which tokens are learnt, those of the assistant's answers (by default) or all.")
    var lossOn: ChatForm.Loss?
    @OptionGroup(title: "Training") var training: TrainingOptions
    @OptionGroup(title: "Lengths") var limits: TaskLimits
    @Flag(
        help: """
            Continue the run in the output folder, with the options that it recorded; data from standard input must come \
            from there again. --resume auto begins the run where there is none yet, for queues that start a command again.
            """) var resume = false
    @Flag(help: "Write nothing; say what is trained, how long the examples are, and estimate time and memory.")
    var dryRun = false
    @Option(
        parsing: .upToNextOption,
        help: ArgumentHelp(
            "One run for each seed, in folders seed-N of the output folder; mean and standard deviation at the end.",
            valueName: "n"))
    var seeds: [UInt64] = []
    @Option(
        help: ArgumentHelp(
            "Answer and score these examples at the end: into test.jsonl and test.json; by best/, where it was validated.",
            valueName: "file"))
    var test: InputFile?
    @Flag(
        help: """
            Print one object of JSON and nothing else: examples, target_tokens, loss_before, loss_after, seconds, bytes. With \
            --validation, its loss before the first step is measured, too.
            """)
    var summaryOnly = false
    @OptionGroup(title: "Log") var log: LogOptions
    @OptionGroup(title: "Several processes") var ranks: RankOptions
    @OptionGroup(title: "General") var common: CommonOptions

    // Another method or task than that of a file of options has no use for these.
    static let fieldsTitle = "Fields of JSON and tables"
    static let prefixTitle = "Prefix"
    static let othersTitle = "Other methods"
    static let chatTitle = "Conversations"

    func validate() throws {
        try ModelName.validate(model, orAdapter: false)
        try fields.validate(for: task)
        try MethodOptions.validate(settings(startingFrom: prefix.initialization?.named), precision)
        var inputs = (data + validation.files).map(Optional.some) + [test]
        if case .value(.file(let text))? = prefix.initialization { inputs.append(InputFile(argument: text.path)) }
        try InputFile.validate(inputs)
        for value in validation { try value.validate() }
        if !task.isChat, let option = chat.given ?? lossOn.map({ _ in "--loss-on" }) {
            throw ValidationError("\(option) has no meaning without --task chat; add it or leave it out.")
        }
        if training.patience != nil, validation.isEmpty {
            throw ValidationError("--patience counts validations; give --validation, too.")
        }
        if summaryOnly, dryRun || !seeds.isEmpty {
            throw ValidationError("--summary-only is of one run: leave out \(dryRun ? "--dry-run" : "--seeds").")
        }
        if !seeds.isEmpty, training.seed != nil { throw ValidationError("Give --seed or --seeds, not both.") }
        if Set(seeds).count < seeds.count {
            throw ValidationError("A seed stands twice among --seeds; name each once.")
        }
    }

    /// What is trained, and how.
    func settings(startingFrom initialization: PrefixInitialization?) -> MethodSettings {
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
            ["--output": output], against: ["--model": [model?.file], "--init": [prefix.initialization?.file]])
        if let ranks = try ranks.join() { return try await compute(on: ranks) }
        if dryRun { return try show(trial(of: try await material())) }
        guard seeds.isEmpty else { return try await trainEach() }
        try checkSeeds(of: output)
        let lock = try TrainingRun.claim(output, resumes: resume)
        let material = try await material()
        if try train(material, into: output, lock: lock) { try showTest(of: material) }
    }
}

extension WeightPrecision: ExpressibleByArgument {
    /// What every command says of its option.
    static var help: ArgumentHelp {
        """
        How frozen weights are held. Gradients through rounded weights come in 8 bits, or in 32 with -f32-gradients; \
        stored leaves 16-bit weights, and the integers of GGUF, AutoAWQ and LLM.int8() files, as they are; bf16 multiplies in \
        16 bits, on processors with AVX512_BF16.
        """
    }
}
extension LearningRateSchedule.Shape: ExpressibleByArgument {}
extension TrainingSettings.Reduction: ExpressibleByArgument {}
