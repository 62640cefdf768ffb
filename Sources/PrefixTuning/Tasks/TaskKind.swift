import Foundation

/// The tasks whose data can be read, under their command-line names.
public enum TaskKind: String, CaseIterable, Sendable {
    /// E2E: restaurant tables to descriptions.
    case e2e
    /// WebNLG 2017: DBpedia triples to text.
    case webnlg
    /// DART: open-domain triples to text.
    case dart
    /// XSUM and its like: documents to summaries.
    case xsum
    /// Prompts and completions of the user's own, as JSON lines.
    case jsonl

    /// How prompt and completion become one token sequence.
    public var format: TaskFormat {
        switch self {
        case .e2e, .webnlg, .dart: .tableToText
        case .xsum: .summarization
        case .jsonl: .plain
        }
    }

    /// Reads every entry of a file, plain or gzip-compressed, in its order. Besides its own layouts, every task reads
    /// JSON lines with `prompt` and `completion` or `references`, which its own template is then put around.
    ///
    /// - Throws: ``DataError`` with file and line.
    public func read(_ url: URL) throws -> [Example] { try read(DataFile(url)) }

    /// The same, of a file that was opened to look at its beginning.
    public func read(_ file: DataFile) throws -> [Example] {
        switch self {
        case .e2e: try E2ETask.read(file)
        case .webnlg: try WebNLGTask.read(file)
        case .dart: try DARTTask.read(file)
        case .xsum: try XSUMTask.read(file)
        case .jsonl: try JSONLinesTask.read(file)
        }
    }

    /// The training examples of several files: one per text to learn.
    ///
    /// - Throws: ``DataError`` with file and line.
    public func readForTraining(_ urls: [URL]) throws -> [Example] {
        try urls.flatMap { try read($0).forTraining() }
    }
}
