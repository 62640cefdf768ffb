import ChatTemplates
import Foundation
import LanguageModels

/// What an adapter was trained to answer: the task, how prompts are made of the fields of the data, and what prompts end with.
///
/// It lies beside an adapter or a model in a file of its own, ``fileName``, which programs that do not know it pass over: an
/// unknown key of `adapter_config.json` would make PEFT warn, and the metadata of a safetensors file could not be read or
/// changed by hand, would be missing from what adapters of other kinds and fully trained models are stored in, and would make
/// two equal adapters differ. Whoever copies an adapter without it has what the adapter was before: nothing is lost but the
/// convenience.
///
/// What was done with training examples that do not fit the model (``TaskFormat/overflow``) is not part of it. Limits shorten what
/// the adapter learnt to read, and so what it must be given; skipped or cut examples leave no trace in how a prompt is to be
/// written, and a prompt that does not fit is refused whatever was done in training. The run's `run.json` has it.
public struct TaskRecord: Codable, Equatable, Sendable {
    /// The name of the file.
    public static let fileName = "prefixtune_task.json"

    /// The task's name.
    public var task: String
    /// The template of prompts, as ``PromptTemplate`` reads it.
    public var promptTemplate: String?
    /// The field that is the prompt, where there is no template and the task is one of the user's own data.
    public var promptField: String?
    /// The field that is the completion, where one was named.
    public var completionField: String?
    /// White space that all training prompts end with; nil where they differ or have none.
    public var promptEnding: String?
    /// Tokens of a source beyond which its end is cut.
    public var maxSourceTokens: Int?
    /// The same of a target.
    public var maxTargetTokens: Int?
    /// Of the text of the template that conversations were written with: tells whether another is used.
    public var chatTemplateDigest: Digest?
    /// That text, where it is not the model's own template.
    public var chatTemplate: String?

    enum CodingKeys: String, CodingKey {
        case task
        case promptTemplate = "prompt_template"
        case promptField = "prompt_field"
        case completionField = "completion_field"
        case promptEnding = "prompt_ending"
        case maxSourceTokens = "max_source_tokens"
        case maxTargetTokens = "max_target_tokens"
        case chatTemplateDigest = "chat_template_digest"
        case chatTemplate = "chat_template"
    }

    /// What training reads.
    ///
    /// - Parameters:
    ///   - task: The task.
    ///   - format: How prompts and completions are joined, with the limits in use; the task's own unless given.
    ///   - examples: All training examples.
    public init(_ task: TuningTask, format: TaskFormat? = nil, examples: [Example]) {
        self.task = task.name
        if let fields = task.fields, fields != FieldMapping() {
            switch fields.prompt {
            case .field(let name): promptField = name
            case .template(let template): promptTemplate = template.description
            }
            completionField = fields.completion
        }
        promptEnding = PromptEnding.common(to: examples)
        let format = format ?? task.format
        (maxSourceTokens, maxTargetTokens) = (format.sourceLimit, format.targetLimit)
        if let chat = format.chat {
            let source = chat.format.templates.all.source
            chatTemplateDigest = Self.digest(ofTemplate: source)
            chatTemplate = chat.carriesTemplate ? source : nil
        }
    }

    /// The template that conversations were written with, where it is not the model's own.
    ///
    /// - Throws: `ChatTemplateError`, naming the line.
    public var ownTemplate: ChatTemplate? {
        get throws {
            try chatTemplate.map { try ChatTemplate($0, name: "the chat template of the adapter (\(Self.fileName))") }
        }
    }

    /// What tells one template from another.
    package static func digest(ofTemplate source: String) -> Digest {
        var digester = Digester()
        digester.add(source)
        return digester.digest
    }

    /// The task, with all that is recorded.
    ///
    /// - Throws: ``TaskRecordError/unknownTask(_:)`` where it is none of ``TuningTask/all``, ``PromptTemplateError``.
    public func tuningTask() throws -> TuningTask {
        guard var task = TuningTask.all.first(where: { $0.name == task }) else {
            throw TaskRecordError.unknownTask(task)
        }
        if var fields = task.fields {
            if let promptField { fields.prompt = .field(promptField) }
            if let promptTemplate { fields.prompt = .template(try PromptTemplate(promptTemplate)) }
            fields.completion = completionField
            task = task.mapping(fields)
        }
        task.promptEnding = promptEnding
        task.format.sourceLimit = maxSourceTokens ?? task.format.sourceLimit
        task.format.targetLimit = maxTargetTokens ?? task.format.targetLimit
        return task
    }
}
