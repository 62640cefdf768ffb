import TextMetrics

extension TuningTask {
    /// WebNLG 2017: DBpedia triples to text.
    public static let webnlg: TuningTask = {
        var task = tableToText("webnlg", suite: .webnlg, reading: WebNLGTask.read)
        task.prefix.length = 5
        task.training.prefix = .paper(5e-5, epochs: 5, batch: 5, .sum)
        task.training.topLayers = .paper(5e-5, epochs: 10, batch: 9)
        task.training.smallAdapters = .paper(5e-5, epochs: 10, batch: 5)
        task.recognizes = { $0.compact.hasPrefix("{\"entries\"") || $0.keys.contains("triples") }
        return task
    }()
}

/// WebNLG 2017, in any of three layouts:
///
/// - the challenge's JSON document `{"entries": [{"1": {"modifiedtripleset": …, "lexicalisations": …}}, …]}`, of which
///   only texts with the comment `good` are kept, as the paper does;
/// - JSON lines `{"category": …, "triples": [[s, p, o], …], "references": […], "seen": …}`;
/// - JSON lines of prompts (``PromptRow``).
///
/// Triples become ` | s : p : o | s : p : o`: the separator also stands before the first, underscores and capitals stay.
enum WebNLGTask {
    private static let expectedRow = "{\"triples\": [[subject, property, object], …], \"references\": [\"…\"]}"
    private static let expectedDocument = "{\"entries\": [{\"1\": {\"modifiedtripleset\": …}}]} or JSON lines"

    static func read(_ file: DataFile) throws -> [Example] {
        // The document begins with the key "entries"; a row of JSON lines does not have it.
        let beginning = String(decoding: file.beginning.prefix(100).filter { $0 > 0x20 }, as: UTF8.self)
        return beginning.hasPrefix("{\"entries\"") ? try readDocument(file) : try readLines(file)
    }

    private struct Row: TaskRow {
        static let key = "triples"
        var category: String?
        var triples: [[String]]
        var references: [String]
        var seen: Bool?
    }

    private static func readLines(_ file: DataFile) throws -> [Example] {
        var examples: [Example] = []
        try PromptRow.forEach(orOwn: Row.self, in: file, expected: expectedRow, into: &examples) { row, location in
            Example(
                prompt: try linearize(row.triples, location), references: row.references, location: location,
                topic: row.category, isSeen: row.seen)
        }
        return examples
    }

    private struct Entry: Decodable {
        struct Triple: Decodable {
            var subject: String
            var property: String
            var object: String
        }
        struct Lexicalisation: Decodable {
            var lex: String
            var comment: String
        }
        var category: String?
        var modifiedtripleset: [Triple]
        var lexicalisations: [Lexicalisation]?
    }

    private static func readDocument(_ file: DataFile) throws -> [Example] {
        var examples: [Example] = []
        try JSONEntries.forEach(
            [String: Entry].self, in: file, under: "entries", expected: expectedDocument
        ) { numbered, location in
            guard numbered.count == 1, let entry = numbered.values.first else {
                throw DataError.malformed(location, found: "\(numbered.count) numbered entries", expected: "one")
            }
            let texts = entry.lexicalisations ?? []
            let good = texts.filter { $0.comment == "good" }.map(\.lex)
            // An entry whose every text is marked as wrong teaches nothing; one without texts can still be decoded.
            if good.isEmpty, !texts.isEmpty { return }
            let triples = entry.modifiedtripleset.map { [$0.subject, $0.property, $0.object] }
            examples.append(
                Example(
                    prompt: try linearize(triples, location), references: good, location: location,
                    topic: entry.category))
        }
        guard !examples.isEmpty else { throw DataError.empty(file: file.path) }
        return examples
    }

    private static func linearize(_ triples: [[String]], _ location: DataLocation) throws -> String {
        guard !triples.isEmpty, triples.allSatisfy({ $0.count == 3 }) else {
            throw DataError.malformed(location, found: "triples \(triples)", expected: "a list of three texts each")
        }
        return triples.map { " | " + $0.joined(separator: " : ") }.joined()
    }
}
