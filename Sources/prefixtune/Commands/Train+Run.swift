import ArgumentParser
import Foundation
import LanguageModels
import PrefixTuning
import Tensors

/// One training run.
extension Train {
    /// What all runs of a command train on.
    @Compute struct Material {
        let base: BaseModel
        let method: MethodSettings
        /// With the fields that were named.
        let task: TuningTask
        /// All training data, of which a share may be held out.
        let examples: [Example]
        /// The validation data that has files of its own.
        let validation: [Example]
        /// What is tested at the end: each different source, with its references.
        let test: [Example]
    }

    /// Reads data and configuration.
    @Compute func material() async throws -> Material {
        let model = try ModelName.chosen(self.model, adapters: [], common)
        let folder = try await model.located(quiet: common.quiet)
        let method = settings(startingFrom: try await prefix.initialization?.located(quiet: common.quiet))
        var task = try fields.applied(to: task)
        if task.isChat {
            let files = try modelFiles(at: folder)
            task.format.chat = chat.form(
                try chat.templates(files, nil, common), tokenizer: try files.tokenizer, loss: lossOn ?? .assistant)
        }
        common.noteWidening(of: folder, precision)
        return Material(
            base: try BaseModel(folder: folder, name: model.description, precision: precision), method: method,
            task: task, examples: try task.readForTraining(data.map(\.url)),
            validation: try task.readForTraining(validation.files.map { $0.url(.validation) }),
            test: try testExamples(of: task))
    }

    /// Read before training: a wrong name is not to be found out after it.
    private func testExamples(of task: TuningTask) throws -> [Example] {
        guard let test else { return [] }
        return try task.read(test.url(.test)).forTraining().groupedBySource().examples
    }

    /// A trainer with its validation data, as tokens and as it was read.
    @Compute func trainer(
        _ material: Material, seed: UInt64?, on ranks: any RankGroup = SoleRank()
    ) throws -> (trainer: Trainer, validation: [TokenizedExample], held: [Example]) {
        var settings = training.training(material.method, material.task)
        settings.gradientSums = self.ranks.reduction
        settings.seed = seed ?? settings.seed
        let tuned = try material.method.method(on: material.base, task: material.task, seed: settings.seed)
        let format = limits.format(of: material.task)
        try checkTest(material, for: tuned)
        var parts = (training: material.examples, validation: material.validation)
        if let share = self.validation.share {
            parts = try material.examples.holdingOut(share, seed: settings.seed)
        }
        let examples = try training.tokenize(parts.training, format: format, for: tuned)
        let left = parts.training.count - examples.count
        if left > 0 {
            common.note(
                "\(left) of \(counted(parts.training.count, "example")) "
                    + (left == 1 ? "does not fit and is left out" : "do not fit and are left out"))
        }
        let validation = try training.tokenize(parts.validation, format: format, for: tuned)
        return (
            try Trainer(tuned, examples: examples, settings: settings, ranks: ranks), validation, parts.validation
        )
    }

    /// Trains.
    ///
    /// - Parameters:
    ///   - seed: Instead of the one that the options name.
    ///   - lock: What `TrainingRun.claim` gave for the folder.
    ///   - ranks: The processes that train together, of which this is the first.
    /// - Returns: Whether it came to its end.
    @Compute func train(
        _ material: Material, seed: UInt64? = nil, into folder: URL, lock: FolderLock, on ranks: MPIRanks? = nil
    ) throws -> Bool {
        let (trainer, validation, held) = try trainer(material, seed: seed, on: ranks ?? SoleRank())
        let method = trainer.method
        let split = self.validation.details(
            held: validation.count, of: material.examples.count, seed: trainer.settings.seed)
        let run = try TrainingRun(
            trainer, validation: validation, folder: folder, resumes: resume, extends: true, lock: lock,
            record: TaskRecord(material.task, format: limits.format(of: material.task), examples: material.examples),
            details: [
                "command": ShellWords.commandLine, "task": task.name,
                "data": data.map(\.path).joined(separator: " "), "version": Version.build,
            ].merging(split) { $1 }, writesTensorBoard: log.tensorboard,
            sampler: {
                try TrainingSample.samples(
                    of: method, examples: held, task: material.task, format: limits.format(of: material.task))
            }, advice: "continue with --resume")
        try options(of: material, seed: seed).write(to: OptionFile.run(in: folder))
        var events = TrainingLog(log.log, common, trainer, output: folder)
        events.begin()
        if let ranks {
            common.note(ranks.beginning(of: trainer))
            if let remark = try compare(trainer) { common.note("Warning: \(remark)") }
        }
        if summaryOnly { try trainer.measureStart(on: validation) }
        return try Interrupt.gracefully {
            let (ending, summary) = try run.run {
                events.show($0)
            } shouldStop: {
                ranks?.place = "after step \(trainer.stepCount)"
                return Interrupt.isRequested
            }
            events.end(ending, summary)
            if summaryOnly, ending != .interrupted { try show(TrainingRound(trainer, in: folder)) }
            return ending != .interrupted
        }
    }

    @Compute private func show(_ round: TrainingRound) throws {
        let line = try JSONText.line(round)
        try ResultOutput.write(to: nil) { write in try write(line) }
    }

    /// Tests what was trained, where that was asked for.
    @Compute func showTest(of material: Material) throws {
        let scores = try test(output, material)
        if !summaryOnly { try scores?.show() }
    }

    /// The options with which the run, or where no seed is given the whole command, can be repeated from any folder.
    @Compute func options(of material: Material, seed: UInt64?) throws -> OptionFile {
        var options = OptionFile(
            typed: try Main.arguments(),
            of: CommandDescription.subcommand("train") ?? CommandDescription(commandName: "train"))
        options.values["model"] = [material.base.name]
        options.values["data"] = data.map(\.absolute)
        if !validation.isEmpty { options.values["validation"] = validation.absolute }
        options.values["init"] = prefix.initialization.map { [$0.absolute] }
        options.values["test"] = test.map { [$0.absolute] }
        options.values["chat-template"] = chat.chatTemplate.map { [$0.path] }
        options.values["threads"] = ["\(Compute.threads)"]
        if let seed {
            options.values["seeds"] = nil
            options.values["seed"] = ["\(seed)"]
        }
        return options
    }
}
