import Foundation

/// What is wrong with a conversation, whatever its template.
public enum ChatError: Error, Equatable, Sendable {
    /// The model's files have no template.
    case noTemplate(model: String)
    /// A message is none; they are counted from 1.
    case badMessage(number: Int, reason: String)
    /// The template refuses a message where it stands.
    case refused(number: Int, role: String, after: String?, reason: String)
    /// Where an assistant speaks cannot be told from what the template writes.
    case turnNotFound(number: Int)
    /// There is nothing to answer.
    case nothingToAnswer(role: String?)
    /// A message leaves no room for an answer.
    case tooLong(tokens: Int, positions: Int)
}

extension ChatError: CustomStringConvertible, LocalizedError {
    /// One sentence: what happened, the value received, what to do.
    public var description: String {
        switch self {
        case .noTemplate(let model):
            "\(model) has no chat template (chat_template.jinja, or chat_template in tokenizer_config.json; tokenizer.chat_template in a "
                + "GGUF file): it may not have been trained on conversations; " + Self.templateAdvice
        case .badMessage(let number, let reason):
            "message \(number) \(reason), but an object such as {\"role\": \"user\", \"content\": \"…\"} is needed"
        case .refused(let number, let role, let before, let reason):
            "message \(number), of \"\(role)\"\(before.map { " after one of \"\($0)\"" } ?? ""), does not fit: \(reason)"
        case .turnNotFound(let number):
            "where message \(number), an answer, stands cannot be told, as the template writes earlier messages otherwise once others "
                + "follow; mark answers in the template with {% generation %} and {% endgeneration %}, or count all tokens"
        case .nothingToAnswer(let role):
            role.map { "the last message is one of \"\($0)\", which is an answer already; leave it out" }
                ?? "there are no messages; give at least one"
        case .tooLong(let tokens, let positions):
            "the conversation has \(tokens) tokens and \(positions) fit (the model's positions less the prefix), which leaves no room "
                + "for an answer; shorten the message"
        }
    }

    /// The same sentence, for code that shows any `Error`.
    public var errorDescription: String? { description }

    /// What helps where a model has no template.
    package static let templateAdvice = "give a template"
}
