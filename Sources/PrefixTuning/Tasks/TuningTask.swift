import Foundation
import LanguageModels
import TextMetrics

/// A task, as a value: how its data is read and becomes tokens, what is trained on it and how, how its sources are answered,
/// and how answers are scored.
///
/// The paper's tasks are members of this type, one file each. A program's own task is made like theirs and works wherever
/// they do:
///
/// ```swift
/// var weather = TuningTask("weather", format: .tableToText, suite: .plain) { file in
///     var examples: [Example] = []
///     try file.forEachLine { line, location in
///         let parts = line.split(separator: "=>", maxSplits: 1).map(String.init)
///         guard parts.count == 2 else {
///             throw DataError.malformed(location, found: line, expected: "\"source=>text\"")
///         }
///         examples.append(Example(prompt: parts[0], completion: parts[1], location: location))
///     }
///     return examples
/// }
/// weather.prefix.length = 5
/// ```
///
/// It is not called `Task`: that is a piece of concurrent work in every Swift file.
public struct TuningTask: Sendable {
    /// Its name: on the command line, and in what runs record.
    public var name: String
    /// Reads every entry of a file of the task, in its order; throws ``DataError`` with file and line.
    public var reading: @Sendable (DataFile) throws -> [Example]
    /// Of data of a user's own: which fields are prompt and completion; nil where the task has layouts of its own alone.
    public internal(set) var fields: FieldMapping?
    /// White space that all prompts end with which a model was trained on; nil where they differ, or it is not known.
    public var promptEnding: String?
    /// Whether sources are tables, `name : X | area : Y`, rather than prose.
    public var hasTables = false
    /// Whether a source that several entries of a file have is answered once, as the paper tests, and not once for each.
    public var answersSourcesOnce = false

    /// How prompt and completion become one token sequence.
    public var format: TaskFormat
    /// The prefix that is trained on it, where nothing else is asked for.
    public var prefix: PrefixMethod.Settings
    /// How each method is trained on it, where nothing else is asked for.
    public var training = TaskTraining()

    /// How answers are searched for, by what the model's makers say of texts and the tokens of line breaks in its
    /// vocabulary, which an option may forbid.
    public var decoding: @Sendable (_ conventions: GenerationConventions, _ lineBreaks: [Int32]) -> DecodingOptions = {
        conventions, _ in DecodingOptions(endTokens: conventions.endTokens)
    }
    /// What makes an answer, without prompt and end token, the text that is compared with references; nil where it is
    /// that already.
    public var cleaning: (@Sendable (String) -> String)?
    /// Which scores are computed, and how texts are made comparable.
    public var suite: EvaluationSuite

    /// Whether a file begins like one of the task's own data sets, rather than one of bare references.
    package var recognizes: @Sendable (FileBeginning) -> Bool = { _ in false }

    /// A task; its prefix has 10 positions, and its other properties are those of JSON lines, unless they are set.
    public init(
        _ name: String, format: TaskFormat = .plain, suite: EvaluationSuite = .plain,
        reading: @escaping @Sendable (DataFile) throws -> [Example]
    ) {
        self.name = name
        self.reading = reading
        self.format = format
        self.suite = suite
        prefix = PrefixMethod.Settings()
        prefix.length = 10
    }

    /// The tasks that have names on the command line.
    public static let all: [TuningTask] = [e2e, webnlg, dart, xsum, jsonl, chat]
}

extension TuningTask {
    /// Reads every entry of a file, plain or gzip-compressed, in its order. Besides its own layouts, every task of this
    /// package reads JSON lines with `prompt` and `completion` or `references`, which its own template is then put around.
    ///
    /// - Throws: ``DataError`` with file and line.
    public func read(_ url: URL) throws -> [Example] { try read(DataFile(url)) }

    /// The same, of a file that was opened to look at its beginning.
    public func read(_ file: DataFile) throws -> [Example] { try reading(file) }

    /// The training examples of several files: one per text to learn.
    ///
    /// - Throws: ``DataError`` with file and line.
    public func readForTraining(_ urls: [URL]) throws -> [Example] {
        do {
            return try urls.flatMap { try read($0).forTraining() }
        } catch DataError.missingCompletion(let location) where fields != nil && (!isChat || fields != FieldMapping()) {
            throw DataError.missingCompletionField(location)
        }
    }

    /// Reads the prompts of a file that are to be answered: where the task says so, each different source once, as the paper
    /// tests. JSON lines may repeat a prompt on purpose, and keep it; a table has one line per reference in its file. Where the
    /// fields are a user's own and the prompt is made of one of them, a file that is named `.txt` may have its value on each line.
    ///
    /// - Throws: ``DataError`` with file and line.
    public func readPrompts(_ url: URL) throws -> [Example] {
        let file = try DataFile(url)
        if let fields, !isChat, fields.hasTexts(file), try Self.recognized(file) == nil {
            return try fields.readTexts(file)
        }
        let all = try read(file)
        return answersSourcesOnce ? all.groupedBySource().examples : all
    }

    /// The task whose own layout a file has, judged by how it begins.
    ///
    /// - Throws: ``DataError/input(_:)``.
    package static func recognized(_ file: DataFile) throws -> TuningTask? {
        let beginning = try FileBeginning(file)
        return all.first { $0.recognizes(beginning) }
    }

    /// The text of an answer that is compared with references; see ``cleaning``.
    ///
    /// - Parameter answer: What the model wrote, without prompt and end token.
    public func text(ofAnswer answer: String) -> String { cleaning?(answer) ?? answer }
}
