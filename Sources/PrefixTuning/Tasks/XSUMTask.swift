import Foundation

/// Summarisation, in any of two layouts:
///
/// - the authors' pair of files `train.source` and `train.target`, one document and one summary per line: name either,
///   the other is found beside it; documents without summaries are read too;
/// - JSON lines with a document (`document`, `text`, `article` or `dialogue`) and a summary (`summary` or `target`), and
///   `topic` where the data says.
enum XSUMTask {
    private struct Row: Decodable {
        var document: String?
        var text: String?
        var article: String?
        var dialogue: String?
        var prompt: String?
        var summary: String?
        var target: String?
        var completion: String?
        var topic: String?
    }

    static func read(_ file: DataFile) throws -> [Example] {
        file.firstByte == UInt8(ascii: "{") ? try readJSONLines(file) : try readPair(file)
    }

    private static func readJSONLines(_ file: DataFile) throws -> [Example] {
        var examples: [Example] = []
        let expected = "{\"document\": \"…\", \"summary\": \"…\"}"
        try JSONLines.forEach(Row.self, in: file, expected: expected) { row, location in
            guard let document = row.document ?? row.text ?? row.article ?? row.dialogue ?? row.prompt else {
                throw DataError.malformed(location, found: "a line without a document", expected: expected)
            }
            let summary = row.summary ?? row.target ?? row.completion
            examples.append(
                Example(
                    prompt: document, completion: summary, references: summary.map { [$0] } ?? [], location: location,
                    topic: row.topic))
        }
        return examples
    }

    private static func readPair(_ file: DataFile) throws -> [Example] {
        let (source, target) = try pair(of: file.path)
        var summaries: [String]?
        if let target { summaries = try lines(of: DataFile(URL(fileURLWithPath: target))) }
        let documents = source == file.path ? file : try DataFile(URL(fileURLWithPath: source))
        var examples: [Example] = []
        try documents.forEachLine { line, location in
            let summary = summaries.flatMap { examples.count < $0.count ? $0[examples.count] : nil }
            if summaries != nil, summary == nil {
                throw DataError.malformed(
                    location, found: "a document without a line in \(target ?? "")",
                    expected: "one summary per document")
            }
            examples.append(
                Example(
                    prompt: String(line), completion: summary, references: summary.map { [$0] } ?? [],
                    location: location))
        }
        if let summaries, let target, summaries.count > examples.count {
            throw DataError.malformedFile(
                file: target, problem: "it has \(summaries.count) lines, but \(source) has \(examples.count)",
                expected: "one summary per document")
        }
        return examples
    }

    /// `x.source` and `x.target`; the latter nil where there is none.
    private static func pair(of path: String) throws -> (source: String, target: String?) {
        let compressed = path.hasSuffix(".gz") ? ".gz" : ""
        let stem = String(path.dropLast(compressed.count))
        for (ending, other) in [(".source", ".target"), (".target", ".source")] where stem.hasSuffix(ending) {
            let beside = [".gz", ""].map { stem.dropLast(ending.count) + other + $0 }
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
            expected: "a name that ends in .source or .target, or lines {\"document\": \"…\", \"summary\": \"…\"}")
    }

    private static func lines(of file: DataFile) throws -> [String] {
        var lines: [String] = []
        try file.forEachLine { line, _ in lines.append(String(line)) }
        return lines
    }
}
