import Foundation
import LanguageModels

/// What differs from task to task where prompts are answered.
extension TaskKind {
    /// What the paper decodes the task with; greedy search for prompts of a user's own.
    ///
    /// - Parameters:
    ///   - endTokens: What ends an answer.
    ///   - lineBreaks: The tokens of line breaks: no description of a table has one.
    func decoding(endTokens: [Int32], lineBreaks: [Int32]) -> DecodingOptions {
        switch self {
        case .jsonl: return DecodingOptions(endTokens: endTokens)
        case .e2e, .webnlg, .dart: return .tableToText(forbidding: lineBreaks, endTokens: endTokens)
        case .xsum:
            var options = DecodingOptions.summarization(endToken: endTokens.first ?? 0)
            if endTokens.isEmpty { (options.endTokens, options.forcedLastToken) = ([], nil) }
            return options
        }
    }

    /// Reads the prompts of a file that are to be answered: each different source once, as the paper tests. JSON lines may
    /// repeat a prompt on purpose, and keep it; a table has one line per reference in its file.
    ///
    /// - Throws: ``DataError`` with file and line.
    public func readPrompts(_ url: URL) throws -> [Example] {
        let all = try read(url)
        return self == .jsonl ? all : all.groupedBySource().examples
    }

    /// Whether the text of an answer is what the model wrote, so that it may be shown while it is written.
    public var keepsAnswers: Bool { self == .jsonl }

    /// Whether prompts are tables in one line, `name : value | …`.
    public var isTableToText: Bool { [.e2e, .webnlg, .dart].contains(self) }
}
