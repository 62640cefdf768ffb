import ArgumentParser
import Foundation
import PrefixTuning

/// What a command reads: a prompt, or a file of prompts.
struct PromptSource: ParsableArguments {
    @Option(help: "A text, used as given; - reads it from standard input, the last line's end included.")
    var prompt: String?
    @Option(help: "A file of prompts, plain or gzip-compressed; - for standard input.") var input: InputFile?
    @Option(help: "Format of the input: \(TuningTask.choices). \(TuningTask.promptHelp)") var task = TuningTask.jsonl

    func validate() throws {
        guard (prompt == nil) != (input == nil) else {
            throw ValidationError("Give either --prompt TEXT or --input FILE.")
        }
    }

    /// The examples to be answered: of a task's file each different source once.
    ///
    /// - Throws: `DataError`, ``CommandError/promptNotUTF8``.
    func promptsToAnswer() throws -> [Example] {
        try input.map { try task.readPrompts($0.url(.test)) } ?? [promptExample()]
    }

    /// All examples as they are.
    ///
    /// - Parameter completion: Of the prompt, where one was given.
    /// - Throws: `DataError`, ``CommandError/promptNotUTF8``.
    func examples(completion: String?) throws -> [Example] {
        try input.map { try task.read($0.url(.test)) } ?? [promptExample(completion)]
    }

    private func promptExample(_ completion: String? = nil) throws -> Example {
        Example(
            prompt: try PromptText.read(prompt ?? ""), completion: completion,
            location: DataLocation(file: "--prompt", line: 1))
    }
}
