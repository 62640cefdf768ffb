import ArgumentParser
import PrefixTuning

/// Which fields of the user's own data are prompt and completion.
struct FieldOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            """
            How prompts are made of the fields of the data, 'Question: {question}\\nAnswer:'; \\n, \\t and \\\\ are a line \
            break, a tab and a backslash, {{ and }} are braces. By default the prompt is one field.
            """, valueName: "template"))
    var promptTemplate: String?
    @Option(help: ArgumentHelp("The field that is the prompt; prompt by default.", valueName: "name"))
    var promptField: String?
    @Option(
        help: ArgumentHelp(
            "The field that is the completion, or a list of several; completion or references by default.",
            valueName: "name"))
    var completionField: String?

    func validate() throws {
        if promptTemplate != nil, promptField != nil {
            throw ValidationError("Give --prompt-template or --prompt-field, not both.")
        }
        do {
            _ = try promptTemplate.map { try PromptTemplate($0) }
        } catch {
            throw ValidationError("--prompt-template: \(error).")
        }
    }

    /// The first option that was given.
    var given: String? {
        if promptTemplate != nil { return "--prompt-template" }
        if promptField != nil { return "--prompt-field" }
        return completionField == nil ? nil : "--completion-field"
    }

    /// Throws where a task has layouts of its own, and fields were named.
    func validate(for task: TuningTask) throws {
        guard let given, task.fields == nil else { return }
        throw ValidationError(
            "\(given) has no meaning with --task \(task.name), which has layouts of its own; leave one of them out.")
    }

    /// A task of the user's own data with what was given, over what it has.
    func applied(to task: TuningTask) throws -> TuningTask {
        guard given != nil, var fields = task.fields else { return task }
        if let promptTemplate { fields.prompt = .template(try PromptTemplate(promptTemplate)) }
        if let promptField { fields.prompt = .field(promptField) }
        fields.completion = completionField ?? fields.completion
        var own = task.mapping(fields)
        (own.format, own.promptEnding) = (task.format, task.promptEnding)
        return own
    }
}
