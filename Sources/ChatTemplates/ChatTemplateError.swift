/// What can be wrong with a chat template, or with what it is given.
public enum ChatTemplateError: Error, Equatable, Sendable {
    /// What is bounded while a template, which is a file of a stranger, is read and rendered.
    public enum Limit: Equatable, Sendable {
        /// How deep statements and expressions of the source, calls of macros, or values lie in each other.
        case depth(Int)
        /// Bytes of the text that is written, or of one text on the way to it.
        case output(Int)
        /// Steps of work.
        case steps(Int)
    }

    /// The source is not a template, or uses what is not known here.
    case syntax(template: String, line: Int, reason: String)
    /// A value was not what the template needs.
    case evaluation(template: String, line: Int, reason: String)
    /// The template refused what it was given, by `raise_exception`.
    case raised(template: String, line: Int, message: String)
    /// The template, or what it made of its input, was too much.
    case limit(template: String, line: Int, Limit)
    /// What was given is no JSON that a template can be rendered with.
    case json(position: Int, reason: String)
    /// The last message cannot be continued.
    case cannotContinue(template: String, reason: String)
}

extension ChatTemplateError: CustomStringConvertible {
    /// The sentence for people.
    public var description: String {
        switch self {
        case .syntax(let template, let line, let reason): "\(template), line \(line): \(reason)"
        case .evaluation(let template, let line, let reason): "\(template), line \(line): \(reason)"
        case .raised(let template, let line, let message):
            "\(template), line \(line), refuses the messages: \(message)"
        case .limit(let template, let line, .depth(let most)):
            "\(template), line \(line): more than \(most) levels lie in each other"
        case .limit(let template, let line, .output(let most)):
            "\(template), line \(line): more than \(most) bytes of text"
        case .limit(let template, let line, .steps(let most)):
            "\(template), line \(line): more than \(most) steps; it may never end"
        case .json(let position, let reason): "byte \(position) of the JSON: \(reason)"
        case .cannotContinue(let template, let reason): "\(template) cannot continue the last message: \(reason)"
        }
    }
}
