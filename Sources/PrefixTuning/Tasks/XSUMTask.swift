import Foundation
import LanguageModels
import TextMetrics

extension TuningTask {
    /// XSUM and its like: documents to summaries, with BART.
    public static let xsum: TuningTask = {
        var task = TuningTask("xsum", format: .summarization, suite: .xsum, reading: XSUMTask.read)
        task.answersSourcesOnce = true
        task.prefix.length = 100
        task.prefix.hiddenWidth = 800
        // The authors' BART code trains with the model's own dropout, their GPT-2 code without.
        task.prefix.modelDropout = 0.1
        task.training.prefix = .paper(5e-5, epochs: 30, batch: 14)
        task.training.fineTuning = .paper(3e-5, epochs: 5, batch: 18)
        task.decoding = { conventions, _ in
            var options = DecodingOptions.summarization(endToken: conventions.endTokens.first ?? 0)
            if conventions.endTokens.isEmpty { options.forcedLastToken = nil }
            return options
        }
        task.cleaning = { $0.trimmingCharacters(in: .whitespacesAndNewlines) }
        task.recognizes = XSUMTask.recognizes
        return task
    }()
}

/// Summarisation, in any of two layouts:
///
/// - the authors' pair of files `train.source` and `train.target`, one document and one summary per line: name either,
///   the other is found beside it; documents without summaries are read too;
/// - JSON lines with a document (`document`, `text`, `article`, `dialogue` or `prompt`), its summary (`summary`, `target`
///   or `completion`) or several of them (`summaries` or `references`), and `topic` where the data says.
enum XSUMTask {
    private struct Row: Decodable {
        var document, text, article, dialogue, prompt: String?
        var summary, target, completion: String?
        var summaries, references: [String]?
        var topic: String?
    }

    /// Keys of JSON lines that only this layout has: not those of generated texts or of bare references.
    private static let keys: Set = ["document", "article", "dialogue", "summary", "summaries"]

    private static let expected = "{\"document\": \"…\", \"summary\": \"…\"}"

    static func read(_ file: DataFile) throws -> [Example] {
        file.firstByte == UInt8(ascii: "{") ? try readJSONLines(file) : try readPair(file)
    }

    private static func readJSONLines(_ file: DataFile) throws -> [Example] {
        var examples: [Example] = []
        try JSONLines.forEach(Row.self, in: file, expected: expected) { row, location in
            guard let document = row.document ?? row.text ?? row.article ?? row.dialogue ?? row.prompt else {
                throw DataError.malformed(location, found: "a line without a document", expected: expected)
            }
            guard !isBlank(document) else {
                throw DataError.malformed(location, found: "an empty document", expected: "a text to summarise")
            }
            let summary = row.summary ?? row.target ?? row.completion
            let references = summary.map { [$0] } ?? row.summaries ?? row.references ?? []
            guard !references.contains(where: isBlank) else {
                throw DataError.malformed(
                    location, found: "an empty summary", expected: "a text, or no \"summary\" where there is none,")
            }
            examples.append(
                Example(
                    prompt: document, completion: summary, references: references, location: location, topic: row.topic)
            )
        }
        return examples
    }

    private static func readPair(_ file: DataFile) throws -> [Example] {
        let (source, target) = try pair(of: file.path)
        func contents(_ path: String) throws -> DataFile {
            path == file.path ? file : try DataFile(URL(fileURLWithPath: path))
        }
        let documents = try lines(of: contents(source), with: target)
        guard let target else {
            return documents.map { Example(prompt: $0.text, location: $0.location) }
        }
        let summaries = try lines(of: contents(target), with: source)
        guard summaries.count == documents.count else {
            throw DataError.malformedFile(
                file: target,
                problem: "its number of lines is \(summaries.count), but that of \(source) is \(documents.count)",
                expected: "one summary per document, in the same order,")
        }
        return zip(documents, summaries).map { document, summary in
            Example(
                prompt: document.text, completion: summary.text, references: [summary.text], location: document.location
            )
        }
    }

    /// Whether a file of references for summaries is a data set of the task, with documents, rather than bare references: by
    /// the keys of its first line, or as one of a pair of which the other exists.
    static func recognizes(_ file: FileBeginning) -> Bool {
        !file.keys.isDisjoint(with: keys) || (try? pair(of: file.path))?.target != nil
    }

    /// `x.source` and `x.target`; the latter nil where there is none.
    private static func pair(of path: String) throws -> (source: String, target: String?) {
        let compressed = path.hasSuffix(".gz") ? ".gz" : ""
        let stem = String(path.dropLast(compressed.count))
        for (ending, other) in [(".source", ".target"), (".target", ".source")] where stem.hasSuffix(ending) {
            let beside = [compressed, ".gz", ""].map { stem.dropLast(ending.count) + other + $0 }
                .first { FileManager.default.fileExists(atPath: $0) }
            if ending == ".source" { return (path, beside) }
            guard let beside else {
                throw DataError.malformedFile(
                    file: path, problem: "there is no file of documents beside it",
                    expected: "\(stem.dropLast(ending.count))\(other)")
            }
            return (beside, path)
        }
        throw DataError.malformedFile(
            file: path, problem: "it is neither JSON lines nor one of a pair of files",
            expected: "a name that ends in .source or .target, or lines \(expected),")
    }

    /// The lines of one file of a pair. An empty one would pair the lines after it wrongly.
    private static func lines(
        of file: DataFile, with other: String?
    ) throws -> [(text: String, location: DataLocation)] {
        var lines: [(text: String, location: DataLocation)] = []
        do {
            try file.forEachLine { line, location in lines.append((String(line), location)) }
        } catch DataError.emptyLine(let location) {
            throw DataError.malformed(
                location, found: "an empty line",
                expected: other.map { "a text (or remove the line, and the same one of \($0))" } ?? "a document")
        }
        return lines
    }

    private static func isBlank(_ text: String) -> Bool { text.allSatisfy(\.isWhitespace) }
}
