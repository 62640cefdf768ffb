import Foundation

/// Reference texts read from a file, several per instance.
///
/// Three conventions are understood:
/// - blocks: the references of one instance on consecutive lines, a blank line between instances (E2E);
/// - lines: no blank line in the file, one reference per instance;
/// - JSON lines: `{"references": ["…", "…"]}`, or with `completion` for a single one.
public struct ReferenceFile: Sendable, Equatable {
    /// Where the references come from.
    public var path: String
    /// `references[instance]`, at least one each.
    public var references: [[String]]

    /// The prompts of the instances, where all of them say theirs.
    private var prompts: [String]?

    private struct Record: Decodable {
        let prompt: String?
        let references: [String]?
        let completion: String?
    }

    /// Reads a file, plain or gzip-compressed.
    ///
    /// - Parameter count: how many instances are expected, if known. A file without a blank line is one reference per line, unless
    ///   exactly one instance is expected.
    /// - Throws: ``MetricError`` that names the file and, for a bad line, its number.
    public init(contentsOf url: URL, expecting count: Int? = nil) throws(MetricError) {
        try self.init(TextLines(url), expecting: count)
    }

    /// Reads a file that was opened to look at its beginning.
    package init(reading reader: InputReader, expecting count: Int? = nil) throws(MetricError) {
        let file: TextLines
        do throws(InputError) { file = try TextLines(reading: reader) } catch { throw .input(error) }
        try self.init(file, expecting: count)
    }

    private init(_ file: TextLines, expecting count: Int?) throws(MetricError) {
        path = file.path
        if file.isJSONLines {
            (references, prompts) = try Self.records(file)
        } else {
            references = try Self.blocks(file, expecting: count)
        }
    }

    /// Reads parallel files, as the WebNLG and DART scripts keep them: line i of every file belongs to instance i, an empty
    /// line means that this instance has fewer references.
    /// - Throws: ``MetricError`` if the files differ in length or an instance has no reference at all.
    public init(parallel urls: [URL]) throws(MetricError) {
        guard let first = urls.first else { throw .emptyCorpus }
        let head = try TextLines(first)
        path = head.path
        var references = head.lines.map { [$0] }
        for url in urls.dropFirst() {
            let file = try TextLines(url)
            guard file.lines.count == references.count else {
                throw .lineCountMismatch(
                    path: file.path, lines: file.lines.count, expected: references.count, expectedFrom: head.path)
            }
            for (index, line) in file.lines.enumerated() { references[index].append(line) }
        }
        self.references = references.map { $0.filter { !$0.isEmpty } }
        if let index = self.references.firstIndex(where: \.isEmpty) { throw .noReferences(index: index) }
    }

    private static func blocks(_ file: TextLines, expecting count: Int?) throws(MetricError) -> [[String]] {
        var lines = file.lines[...]
        while lines.last?.isEmpty == true { lines.removeLast() }
        guard !lines.isEmpty else { return [] }
        guard lines.contains(where: \.isEmpty) else { return count == 1 ? [Array(lines)] : lines.map { [$0] } }
        var blocks: [[String]] = [[]]
        for (index, line) in lines.enumerated() {
            if !line.isEmpty {
                blocks[blocks.count - 1].append(line)
            } else if blocks[blocks.count - 1].isEmpty {
                throw .malformedLine(
                    path: file.path, line: index + 1,
                    reason: "a blank line where a reference is expected: put exactly one blank line between instances.")
            } else {
                blocks.append([])
            }
        }
        return blocks
    }

    /// The references of equal prompts together, in the order of the first of each; nil where an instance has no prompt.
    package func groupedByPrompt() -> [[String]]? {
        guard let prompts else { return nil }
        var groups: [[String]] = [], places: [String: Int] = [:]
        for (prompt, texts) in zip(prompts, references) {
            if let place = places[prompt] {
                groups[place] += texts
            } else {
                places[prompt] = groups.count
                groups.append(texts)
            }
        }
        return groups
    }

    private static func records(
        _ file: TextLines
    ) throws(MetricError) -> (references: [[String]], prompts: [String]?) {
        var references: [[String]] = [], prompts: [String] = []
        for (line, record) in try file.decode(Record.self, expecting: #"{"references": ["…", "…"]}"#) {
            let group = (record.references ?? record.completion.map { [$0] } ?? []).map(\.pythonStripped)
            guard !group.isEmpty else {
                throw .malformedLine(
                    path: file.path, line: line,
                    reason: #"no reference: give "references" with at least one text, or "completion"."#)
            }
            references.append(group)
            if let prompt = record.prompt { prompts.append(prompt) }
        }
        return (references, prompts.count == references.count ? prompts : nil)
    }
}
