import ArgumentParser
import ChatTemplates
import Foundation
import PrefixTuning

/// What a command reads: a prompt, or a file of prompts.
struct PromptSource: ParsableArguments {
    @Option(
        help: .text(
            """
            A text: the prompt, or the value of the field where there is a template, or a JSON object of the values of several; - \
            reads it from standard input, the last line's end included where it is the prompt. White space that all training \
            prompts end with is put behind it.
            """))
    var prompt: String?
    @Flag(help: "Give the model the text of --prompt exactly as it is: without template and white space.")
    var rawPrompt = false
    @Option(help: .file("A file of prompts, plain or gzip-compressed; - for standard input.")) var input: InputFile?
    @OptionGroup var task: TaskOptions

    func validate() throws {
        guard (prompt == nil) != (input == nil) else {
            throw ValidationError(
                "Give either --prompt TEXT or --input FILE; - in the place of either is standard input.")
        }
        guard rawPrompt else { return }
        if prompt == nil {
            throw ValidationError("--raw-prompt has no meaning without --prompt; add it or leave it out.")
        }
        if task.fields.promptTemplate != nil {
            throw ValidationError("Give --prompt-template or --raw-prompt, not both.")
        }
    }

    /// What the prompts are of, and how they become what the model reads.
    ///
    /// - Throws: `TaskRecordError`.
    func resolved(_ record: @autoclosure () throws -> TaskRecord?) throws -> TuningTask {
        var resolved = try task.resolved(try record())
        if rawPrompt {
            resolved.format.promptPieces = [.prompt]
            resolved.format.sourceLimit = nil
        }
        return resolved
    }

    /// The examples to be answered: of a task's file each different source once.
    ///
    /// - Throws: `DataError`, ``CommandError/promptNotUTF8``.
    func promptsToAnswer(_ task: TuningTask, _ common: CommonOptions) throws -> [Example] {
        guard let url = input?.url(.test) else { return [try promptExample(nil, task, common)] }
        return task.remarkingEndings(try task.readPrompts(url), of: url, common)
    }

    /// All examples as they are.
    ///
    /// - Parameter completion: Of the prompt, where one was given.
    /// - Throws: `DataError`, ``CommandError/promptNotUTF8``.
    func examples(completion: String?, _ task: TuningTask, _ common: CommonOptions) throws -> [Example] {
        guard let url = input?.url(.test) else { return [try promptExample(completion, task, common)] }
        return task.remarkingEndings(try task.read(url), of: url, common)
    }

    /// The conversations to be answered: the prompt as a message of the user, or those of the file.
    ///
    /// - Throws: `DataError`, ``CommandError/promptNotUTF8``.
    func conversations(_ task: TuningTask) throws -> [ChatExample] {
        if let url = input?.url { return try ChatExample.read(url, fields: task.fields ?? FieldMapping()) }
        let text = try PromptText.read(prompt ?? ""), location = DataLocation(file: "--prompt", line: 1)
        var message = prompt == "-" ? PromptText.withoutLineEnd(text) : text
        if !rawPrompt, task.fields?.template != nil { message = try task.prompt(from: message, at: location) }
        return [ChatExample(messages: [.message(role: "user", content: message)], location: location)]
    }

    private func promptExample(
        _ completion: String?, _ task: TuningTask, _ common: CommonOptions
    ) throws -> Example {
        let location = DataLocation(file: "--prompt", line: 1), hasTemplate = task.fields?.template != nil
        var text = try PromptText.read(prompt ?? "")
        if !rawPrompt {
            // A line is a value without its end.
            if prompt == "-", hasTemplate { text = PromptText.withoutLineEnd(text) }
            let given = text
            text = try task.prompt(from: text, at: location)
            if !hasTemplate, text != given, let ending = task.promptEnding {
                common.note(
                    "the prompt gets the white space that all training prompts end with (\(TerminalText.quoted(ending))); "
                        + "--raw-prompt leaves it as it is")
            }
        }
        return Example(prompt: text, completion: completion, location: location)
    }
}

extension TuningTask {
    /// Examples of a file, which are used as they are, after a remark on prompts that end otherwise than in training.
    func remarkingEndings(_ examples: [Example], of file: URL, _ common: CommonOptions) -> [Example] {
        let count = countOfOtherEndings(examples)
        if count > 0 {
            common.note(
                "Warning: \(count) of \(counted(examples.count, "prompt")) in \(file.path) "
                    + "\(count == 1 ? "does" : "do") not end as all training prompts did, with "
                    + TerminalText.quoted(promptEnding ?? ""))
        }
        return examples
    }
}
