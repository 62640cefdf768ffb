import ArgumentParser
import Foundation
import LanguageModels
import PrefixTuning
import Tensors

/// Continues prompts.
struct Generate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Continue a prompt, or all prompts of a file.",
        discussion: """
            --prompt prints the text; on a terminal, as it is generated. --input takes JSON lines with "prompt" and \
            writes JSON lines with "prompt", "text" and "token_ids". With --task e2e, webnlg or dart it takes the task's \
            files, answers each different source once, in the order of the file, and prompts, searches (5 beams) and \
            cleans the text as the paper's authors do. With --task xsum it summarises documents (6 beams): a .source file, or \
            JSON lines with "document".

            EXAMPLES
              prefixtune generate --model gpt2 --prompt "Once upon a time" --sample --top-p 0.95
              prefixtune generate --model gpt2 --prefix e2e-prefix --task e2e --input src1_test.txt --output texts.jsonl
            """)

    @OptionGroup(title: "Model") var model: ModelOptions
    @Option(help: "The text to continue.") var prompt: String?
    @Option(help: "A file of prompts, plain or gzip-compressed; - for standard input.") var input: InputFile?
    @Option(help: "Format of the input: e2e, webnlg, dart, xsum or jsonl. \(TaskKind.promptHelp)") var task = TaskKind
        .jsonl
    @OptionGroup(title: "Lengths") var limits: TaskLimits
    @OptionGroup(title: "Decoding") var decoding: DecodingFlags
    @Option(help: "Prompts that are answered at a time.") var batchSize: Int?
    @Option(help: "The file to write to; standard output by default.") var output: URL?
    @OptionGroup(title: "General") var common: CommonOptions

    func validate() throws {
        guard (prompt == nil) != (input == nil) else {
            throw ValidationError("Give either --prompt TEXT or --input FILE.")
        }
        if let batchSize, batchSize < 1 {
            throw ValidationError("--batch-size is \(batchSize), but at least 1 is needed.")
        }
    }

    func run() async throws {
        Interrupt.listen()
        try await runOnComputeThread()
    }

    @Compute private func runOnComputeThread() async throws {
        common.apply()
        let examples: [Example]
        if let input {
            // JSON lines may repeat a prompt on purpose; a table has one line per reference in its file.
            let all = try task.read(input.url)
            examples = task == .jsonl ? all : all.groupedBySource().examples
        } else {
            examples = [Example(prompt: prompt ?? "", location: DataLocation(file: "--prompt", line: 1))]
        }
        let loaded = try await model.load(common)
        let run = try AnswerRun(
            examples, task: task, format: limits.format(of: task), loaded: loaded, flags: decoding,
            batchSize: batchSize, fits: input == nil)
        if let note = run.note { common.note(note) }
        if input == nil { try answerPrompt(run) } else { try answerFile(run) }
    }

    /// The text of one answer, piece by piece where someone can watch and nothing is changed afterwards.
    @Compute private func answerPrompt(_ run: AnswerRun) throws {
        let isWatched = output == nil && isatty(STDOUT_FILENO) != 0
        try ResultOutput.write(to: output) { write in
            func show(_ text: String) throws { try write(isWatched ? TerminalText.withoutControls(text) : text) }
            if isWatched, task == .jsonl, run.options.isTokenByToken {
                try run.stream(piece: show)
                try show("\n")
            } else {
                try run.answers { try show($0.text + "\n") }
            }
        }
    }

    @Compute private func answerFile(_ run: AnswerRun) throws {
        var display = ProgressDisplay(quiet: common.quiet || output == nil, unit: "prompt"), done = 0, tokens = 0
        let begin = Date()
        try ResultOutput.write(to: output) { write in
            try run.answers { answer in
                try write(try JSONText.line(answer))
                done += 1
                tokens += answer.token_ids.count
                let seconds = Date().timeIntervalSince(begin)
                display.update(
                    done, of: run.count, facts: String(format: "%.0f tokens/s", Double(tokens) / seconds),
                    secondsLeft: seconds / Double(done) * Double(run.count - done))
            }
        }
    }
}

extension DecodingOptions {
    /// Whether the tokens of an answer are certain one by one.
    var isTokenByToken: Bool { if case .beam(let width) = strategy { width == 1 } else { true } }
}
