import Foundation

/// What can go wrong before a model answers.
public enum AnsweringError: Error, Equatable, Sendable {
    /// Prompt and answer need more positions than are left for text.
    case promptTooLong(DataLocation, tokens: Int, newTokens: Int, positions: Int)
    /// A prefix cannot be used with the model.
    case badPrefix(file: String, reason: String)
}

extension AnsweringError: CustomStringConvertible, LocalizedError {
    /// One sentence: what happened, the value received, what to do.
    public var description: String {
        switch self {
        case .promptTooLong(let location, let tokens, let newTokens, let positions):
            "\(location): the prompt has \(tokens) token\(tokens == 1 ? "" : "s") and the answer up to \(newTokens), but "
                + "\(positions) fit (the model's positions less the prefix); "
                + (tokens <= positions
                    ? "ask for at most \(positions - tokens + 1) new tokens" : "shorten the prompt")
        case .badPrefix(let file, let reason):
            reason.contains(file) ? reason : "\(file): \(reason)"
        }
    }

    /// The same sentence, for code that shows any `Error`.
    public var errorDescription: String? { description }
}
