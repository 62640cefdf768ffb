/// DART, in either of two layouts:
///
/// - the official JSON list `[{"tripleset": [[s, r, o], …], "annotations": [{"source": …, "text": …}, …]}, …]`;
/// - JSON lines `{"tripleset": …, "references": […], "sources": […]}`.
///
/// Triples become `s : r : o | s : r : o`, the relation in lower case, without a separator before the first.
enum DARTTask {
    private static let expectedRow = "{\"tripleset\": [[subject, relation, object], …], \"references\": [\"…\"]}"
    private static let expectedList = "a list of {\"tripleset\": …, \"annotations\": [{\"text\": \"…\"}]}"

    static func read(_ file: DataFile) throws -> [Example] {
        file.firstByte == UInt8(ascii: "[") ? try readList(file) : try readLines(file)
    }

    private struct Row: Decodable {
        var tripleset: [[String]]
        var references: [String]
    }

    private static func readLines(_ file: DataFile) throws -> [Example] {
        var examples: [Example] = []
        try JSONLines.forEach(Row.self, in: file, expected: expectedRow) { row, location in
            let prompt = try linearize(row.tripleset, location)
            examples.append(Example(prompt: prompt, references: row.references, location: location))
        }
        return examples
    }

    private struct Entry: Decodable {
        struct Annotation: Decodable {
            var text: String
        }
        var tripleset: [[String]]
        var annotations: [Annotation]
    }

    private static func readList(_ file: DataFile) throws -> [Example] {
        let entries = try JSONLines.document([Entry].self, in: file, expected: expectedList)
        guard !entries.isEmpty else { throw DataError.empty(file: file.path) }
        return try entries.enumerated().map { index, entry in
            let location = DataLocation(file: file.path, line: index + 1, countsEntries: true)
            let prompt = try linearize(entry.tripleset, location)
            return Example(prompt: prompt, references: entry.annotations.map(\.text), location: location)
        }
    }

    private static func linearize(_ triples: [[String]], _ location: DataLocation) throws -> String {
        guard !triples.isEmpty, triples.allSatisfy({ $0.count == 3 }) else {
            throw DataError.malformed(location, found: "triples \(triples)", expected: "a list of three texts each")
        }
        return triples.map { "\($0[0]) : \($0[1].lowercased()) : \($0[2])" }.joined(separator: " | ")
    }
}
