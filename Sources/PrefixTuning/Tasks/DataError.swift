import Foundation
import TextMetrics

/// Where an example comes from: for messages.
public struct DataLocation: Equatable, Sendable, CustomStringConvertible {
    /// Path of the file.
    public var file: String
    /// The line, counted from 1; in a file that is one JSON document, the entry.
    public var line: Int
    /// Whether ``line`` counts entries of a JSON document.
    public var countsEntries = false

    /// A place in a file.
    public init(file: String, line: Int, countsEntries: Bool = false) {
        self.file = file
        self.line = line
        self.countsEntries = countsEntries
    }

    /// `file, line 3`.
    public var description: String { "\(file), \(countsEntries ? "entry" : "line") \(line)" }
}

/// What can be wrong with a data set.
///
/// Cases carry data only; ``description`` writes the sentence.
public enum DataError: Error, Equatable, Sendable {
    /// The file cannot be read, unpacked, or taken for a text.
    case input(InputError)
    /// The file holds nothing.
    case empty(file: String)
    /// A line is not UTF-8 text.
    case notUTF8(DataLocation)
    /// A line between others holds nothing.
    case emptyLine(DataLocation)
    /// A line or entry does not have the layout of its task.
    case malformed(DataLocation, found: String, expected: String)
    /// A whole file does not have the layout of its task.
    case malformedFile(file: String, problem: String, expected: String)
    /// A line or entry does not have a field that the prompt is made of.
    case missingField(DataLocation, field: String, found: String, keys: [String])
    /// A file of one of the paper's tasks is read as a user's own data.
    case otherTask(file: String, task: String)
    /// Of so few different prompts none can be held out.
    case tooFewToHoldOut(prompts: Int)
    /// Training needs a text that should come out, and there is none.
    case missingCompletion(DataLocation)
    /// The same of data whose fields can be named.
    case missingCompletionField(DataLocation)
    /// An example has more tokens than the model has positions for.
    case tooLong(DataLocation, tokens: Int, limit: Int)
    /// Once cut to the model's positions, nothing of the text to learn is left.
    case nothingToLearn(DataLocation, promptTokens: Int, limit: Int)
    /// A conversation has a message that is none, or that the chat template refuses, or nothing to answer.
    case badConversation(DataLocation, reason: String)
    /// The prompt has no tokens, so that nothing could predict the first token of the completion.
    case emptyPrompt(DataLocation)
}

extension DataError: CustomStringConvertible, LocalizedError {
    /// One sentence: what happened, the value received, what to do.
    public var description: String {
        switch self {
        case .input(let error):
            error.description
        case .empty(let file):
            "\(file) is empty; name a file with at least one example"
        case .notUTF8(let location):
            "\(location): the text is not UTF-8; convert the file"
        case .emptyLine(let location):
            "\(location): the line is empty; remove it"
        case .malformed(let location, let found, let expected):
            "\(location): found \(found), but \(expected) is needed"
        case .malformedFile(let file, let problem, let expected):
            "\(file): \(problem); \(expected) is needed"
        case .missingField(let location, let field, let found, let keys):
            "\(location): found no \"\(field)\" in \(found), but \(keys.isEmpty ? "nothing" : Self.quoted(keys)); "
                + Self.mappingAdvice
        case .otherTask(let file, let task):
            "\(file) looks like data of the task \(task), not like JSON lines or a table; " + Self.taskAdvice
        case .tooFewToHoldOut(let prompts):
            "the training data has \(prompts) different prompt\(prompts == 1 ? "" : "s"), of which none can be held out for "
                + "validation; give more data, or validation data of its own"
        case .missingCompletion(let location):
            "\(location): there is no text to learn; add one (\"completion\", \"references\", \"summary\", or the .target file "
                + "of a .source file)"
        case .missingCompletionField(let location):
            "\(DataError.missingCompletion(location)), or \(Self.completionAdvice)"
        case .tooLong(let location, let tokens, let limit):
            "\(location): the example has \(tokens) tokens, but \(limit) fit (the model's positions less the prefix); "
                + "shorten it, or choose to skip or cut long examples"
        case .nothingToLearn(let location, let promptTokens, let limit):
            "\(location): the prompt alone has \(promptTokens) tokens and \(limit) fit (the model's positions less "
                + "the prefix), so that nothing of the text to learn is left; shorten or remove the example"
        case .badConversation(let location, let reason):
            "\(location): \(reason)"
        case .emptyPrompt(let location):
            "\(location): the prompt is empty, and the model names no token that begins a text (bos_token_id); give at least "
                + "one character, because the first token of the completion is predicted from the token before it"
        }
    }

    /// The same sentence, for code that shows any `Error`.
    public var errorDescription: String? { description }

    /// What helps where fields have other names.
    package static let mappingAdvice =
        "say which fields are the prompt and the completion, or give a template of the prompt"

    /// What helps where a file is of another task.
    package static let taskAdvice = "choose that task"
    /// What helps where the completion has another name.
    package static let completionAdvice = "say which field is the completion"
    /// What the heading of a table must have ends with this.
    package static let headingNeeded = "among them, is needed"

    /// Names in a sentence, as far as a message shows them.
    static func quoted(_ names: [String]) -> String {
        let shown = names.prefix(10).map { excerpt($0) }
        if names.count > shown.count { return shown.joined(separator: ", ") + " and \(names.count - shown.count) more" }
        return (shown.count > 1 ? shown.dropLast().joined(separator: ", ") + " and " : "") + (shown.last ?? "")
    }

    /// The beginning of a piece of input, quoted for a message.
    static func excerpt(_ text: some StringProtocol) -> String {
        let start = text.prefix(60)
        return "\"\(start)\(start.endIndex < text.endIndex ? "…" : "")\""
    }
}
