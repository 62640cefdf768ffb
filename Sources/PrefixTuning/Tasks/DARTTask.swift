import TextMetrics

extension TuningTask {
    /// DART: open-domain triples to text.
    public static let dart: TuningTask = {
        var task = tableToText("dart", suite: .dart, reading: DARTTask.read)
        task.training.smallAdapters = .paper(8e-5, epochs: 5, batch: 5)
        task.recognizes = { $0.compact.hasPrefix("[") || $0.keys.contains("tripleset") }
        return task
    }()
}

/// DART, in any of three layouts:
///
/// - the official JSON list `[{"tripleset": [[s, r, o], …], "annotations": [{"source": …, "text": …}, …]}, …]`;
/// - JSON lines `{"tripleset": …, "references": […], "sources": […]}`;
/// - JSON lines of prompts (``PromptRow``).
///
/// Triples become `s : r : o | s : r : o`, the relation in lower case, without a separator before the first.
enum DARTTask {
    private static let expectedRow = "{\"tripleset\": [[subject, relation, object], …], \"references\": [\"…\"]}"
    private static let expectedList = "a list of {\"tripleset\": …, \"annotations\": [{\"text\": \"…\"}]}"

    static func read(_ file: DataFile) throws -> [Example] {
        file.firstByte == UInt8(ascii: "[") ? try readList(file) : try readLines(file)
    }

    private struct Row: TaskRow {
        static let key = "tripleset"
        var tripleset: [[String]]
        var references: [String]
    }

    private static func readLines(_ file: DataFile) throws -> [Example] {
        var examples: [Example] = []
        try PromptRow.forEach(orOwn: Row.self, in: file, expected: expectedRow, into: &examples) { row, location in
            Example(
                prompt: try linearize(row.tripleset, location), references: row.references, location: location)
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
        var examples: [Example] = []
        try JSONEntries.forEach(Entry.self, in: file, expected: expectedList) { entry, location in
            let prompt = try linearize(entry.tripleset, location)
            examples.append(
                Example(prompt: prompt, references: entry.annotations.map(\.text), location: location))
        }
        guard !examples.isEmpty else { throw DataError.empty(file: file.path) }
        return examples
    }

    private static func linearize(_ triples: [[String]], _ location: DataLocation) throws -> String {
        guard !triples.isEmpty, triples.allSatisfy({ $0.count == 3 }) else {
            throw DataError.malformed(location, found: "triples \(triples)", expected: "a list of three texts each")
        }
        return triples.map { "\($0[0]) : \($0[1].lowercased()) : \($0[2])" }.joined(separator: " | ")
    }
}
