import ArgumentParser
import ChatTemplates
import Foundation
import LanguageModels
import PrefixTuning
import Tensors

/// Continues prompts.
struct Generate: ComputeCommand {
    static let configuration = CommandConfiguration(
        abstract: "Continue a prompt, or all prompts of a file.",
        discussion: """
            --prompt prints the text; on a terminal, as it is generated. Task, template and lengths are those that the adapter \
            was trained with, unless others are given. --input takes JSON lines with "prompt", or with the fields of the \
            template, a JSON list of such objects, a table (CSV, TSV), or a .txt file with a prompt on each line, and writes JSON lines with "prompt", "text" and \
            "token_ids"; with --logprobs also "logprobs", one for each token, and "top_logprobs", for each token the most probable ones as {"token_id", "token", "logprob"}, best first; with \
            --answers also "answers", which has all of them, the keys beside it being the first one's. token_ids end with \
            the end token or the tokens of the stop text, the text ends before it. Log-probabilities are the model's own, \
            before temperature, penalties and filters. The score of a token that occurs n times in the answer becomes \
            score - n * frequency penalty - (n > 0) * presence penalty, as OpenAI defines it.

            Answers to --input lie in OUTPUT.partial until all are there; where a run ended early, --resume goes on after \
            them, to the same output. An output that is there is replaced once the new one is complete. With --task e2e, webnlg or dart it takes the task's \
            files, answers each different source once, in the order of the file, and prompts, searches (5 beams) and \
            cleans the text as the paper's authors do. With --task xsum it summarises documents (6 beams): a .source file, or \
            JSON lines with "document".

            With --chat, prompts are conversations, written with the model's chat template: --prompt is a message of a user, and --input \
            takes JSON lines with "messages", as OpenAI has them, or with "prompt", or a .txt file with a message on each line. "prompt" of \
            what is written is then the text that the template made.

            EXAMPLES
              prefixtune generate --model gpt2 --prompt "Once upon a time" --sample
              prefixtune generate --prefix e2e-prefix --prompt "name : Zizzi | Type : pub"
              prefixtune generate --prefix e2e-prefix --input src1_test.txt --output out.jsonl
            """)

    @OptionGroup(title: "Model") var model: ModelOptions
    @OptionGroup var source: PromptSource
    @Flag(help: "Put prompts to the model as conversations, with its chat template.") var chat = false
    @OptionGroup(title: "Conversation") var conversation: ChatOptions
    @OptionGroup(title: "Lengths") var limits: TaskLimits
    @OptionGroup(title: "Decoding") var decoding: DecodingFlags
    @Option(help: ArgumentHelp("Answers to each prompt: drawn with --sample, or the best beams.", valueName: "n"))
    var answers = 1
    @Option(
        help: ArgumentHelp(
            "Write the log-probability of each token, and of the n most probable ones there; 0 for none of these.",
            valueName: "n"))
    var logprobs: Int?
    @Option(help: .n("Prompts that are answered at a time.")) var batchSize: Int?
    @Option(help: .file("The file to write to; standard output by default.")) var output: URL?
    @Flag(help: "With --prompt: print a line of JSON as for --input.") var json = false
    @Flag(help: "With --input and --output: go on after the answers that a run left that ended early.") var resume =
        false
    @OptionGroup(title: "General") var common: CommonOptions

    func validate() throws {
        if let batchSize, batchSize < 1 {
            throw ValidationError("--batch-size is \(batchSize), but at least 1 is needed.")
        }
        if logprobs != nil, source.input == nil, !json {
            throw ValidationError("--logprobs are written as JSON; add --json.")
        }
        if resume, source.input == nil || output == nil {
            throw ValidationError("--resume goes on in a file; give --input FILE and --output FILE.")
        }
        // Without --task, an adapter may tell that it was trained on conversations.
        let mayChat = chat || (source.task.task.map(\.isChat) ?? model.hasAdapter)
        if !mayChat, let option = conversation.given {
            throw ValidationError("\(option) has no meaning without --chat; add it or leave it out.")
        }
        if chat {
            let others = [
                ("--task", source.task.task.map { !$0.isChat } ?? false),
                ("--raw-prompt", source.rawPrompt),
                ("--max-source-tokens", limits.maxSourceTokens != nil),
            ]
            if let (name, _) = others.first(where: \.1) {
                throw ValidationError("--chat writes prompts with the chat template; leave out \(name).")
            }
            return try DecodingFlags.validate(changes, for: .jsonl)
        }
        let adapters = [model.prefix, model.lora, model.adapter]
        if let task = source.task.known(beside: adapters, of: model.model) {
            try DecodingFlags.validate(changes, for: task)
        }
    }

    /// What was asked for, and what is told of it.
    private var changes: DecodingChanges {
        var changes = decoding.changes
        changes.answerCount = answers
        changes.logProbabilities = logprobs
        return changes
    }

    @Compute func compute() async throws {
        try ResultOutput.check(
            ["--output": output], against: ["--input": [source.input?.url], "the model": model.inputs.map(\.value)])
        let files = try await model.files(common)
        let task = try chat ? conversationTask(files) : source.resolved(try files.taskRecord)
        let run = try task.isChat ? conversationRun(task, files) : promptRun(task, files)
        if let note = run.note { common.note(note) }
        let newTokens = run.options.decoding.maxNewTokens
        common.warn(
            run.model.prefixReach, of: run.prompts.map { $0.count + newTokens },
            ("prompt with an answer of \(newTokens) tokens", "prompts with answers of \(newTokens) tokens"))
        if source.input == nil { return try answerPrompt(run) }
        guard let output, !AtomicFile.isDevice(output) else {
            return try ResultOutput.write(to: output) { write in try answerFile(run) { try write($0) } }
        }
        let settings = try run.settings().merging(model.settings(files)) { $1 }
            .merging(["version": PrefixTune.configuration.version]) { $1 }
        var lines = try PartialOutput(
            output, settings: settings, isResumed: resume, isWhole: { try run.isWhole($0, $1) })
        if lines.count > 0 {
            common.note("going on after \(lines.count) of \(run.count) answers in \(lines.file.path)")
        }
        do {
            // Whole lines are kept in any case; a moment more lets it say how many.
            try Interrupt.gracefully(deadline: 1.5) { try answerFile(run, from: lines.count) { try lines.append($0) } }
        } catch {
            lines.abandon()
            guard lines.count > 0 else { throw error }
            if case CommandError.interrupted = error {
                throw CommandError.interruptedAnswers(done: lines.count, count: run.count, partial: lines.file.path)
            }
            common.note(
                "\(lines.count) of \(run.count) answers are kept in \(lines.file.path); --resume goes on after them")
            throw error
        }
        try lines.finish()
    }

    /// A run over prompts as their task has them.
    @Compute private func promptRun(_ task: TuningTask, _ files: AdaptedModel.Files) throws -> AnswerRun {
        try DecodingFlags.validate(changes, for: task)
        let examples = try source.promptsToAnswer(task, common), loaded = try model.load(files, common)
        try decoding.check(fits: loaded.model)
        return try AnswerRun(
            examples, by: loaded, format: limits.format(of: task),
            options: AnswerOptions(task, for: loaded.model, changes: changes), batchSize: batchSize,
            isFitting: source.input == nil)
    }

    /// Conversations, with the fields that were named, or that the adapter was trained with where it was on conversations.
    private func conversationTask(_ files: AdaptedModel.Files) throws -> TuningTask {
        let recorded = try? files.taskRecord?.tuningTask()
        return try source.task.fields.applied(to: recorded?.isChat == true ? recorded ?? .chat : .chat)
    }

    /// A run over conversations.
    @Compute private func conversationRun(_ task: TuningTask, _ files: AdaptedModel.Files) throws -> AnswerRun {
        let templates = try conversation.templates(modelFiles(at: files.model), try? files.taskRecord, common)
        let conversations = try source.conversations(task), loaded = try model.load(files, common)
        try decoding.check(fits: loaded.model)
        guard loaded.model.network.startToken == nil else {
            throw CommandError.noConversation(architecture: loaded.model.configuration.architecture)
        }
        let form = conversation.form(templates, tokenizer: loaded.model.tokenizer)
        let prompts = try conversations.map { try form.prompt($0) }
        let examples = zip(conversations, prompts).map { Example(prompt: $1.text, location: $0.location) }
        return try AnswerRun(
            examples, prompts: prompts.map(\.tokens), by: loaded,
            options: AnswerOptions(.chat, for: loaded.model, changes: changes), batchSize: batchSize,
            isFitting: source.input == nil)
    }

    /// The text of one answer, piece by piece where someone can watch and nothing is changed afterwards.
    @Compute private func answerPrompt(_ run: AnswerRun) throws {
        let isWatched = output == nil && isatty(STDOUT_FILENO) != 0
        try ResultOutput.write(to: output) { write in
            func show(_ text: String) throws { try write(isWatched ? TerminalText.withoutControls(text) : text) }
            if json {
                try run.lines { try write(try JSONText.line($0)) }
            } else if isWatched, run.options.task.cleaning == nil, !run.options.decoding.isBeamSearch, answers == 1 {
                try run.stream(piece: show)
                try show("\n")
            } else {
                // An empty line between answers.
                try run.lines { try show($0.texts.joined(separator: "\n\n") + "\n") }
            }
        }
    }

    /// Lines for the prompts from `first` on.
    @Compute private func answerFile(_ run: AnswerRun, from first: Int = 0, write: (String) throws -> Void) throws {
        var display = ProgressDisplay(quiet: common.quiet || output == nil, unit: "prompt", from: first)
        var done = first, tokens = 0
        try run.lines(from: first) { answer in
            try write(try JSONText.line(answer))
            done += 1
            tokens += answer.answers?.reduce(0) { $0 + $1.token_ids.count } ?? answer.token_ids.count
            display.update(
                done, of: run.count, facts: String(format: "%.0f tokens/s", Double(tokens) / display.seconds))
        }
    }
}
