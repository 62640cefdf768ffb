import TextMetrics

extension TuningTask {
    /// E2E: restaurant tables to descriptions.
    public static let e2e: TuningTask = {
        var task = tableToText("e2e", suite: .e2e, reading: E2ETask.read)
        task.prefix.length = 5
        task.training.prefix = .paper(8e-5, epochs: 5, batch: 10, .sum)
        task.training.fineTuning = .paper(5e-5, epochs: 5, batch: 10)
        task.training.topLayers = .paper(5e-5, epochs: 5, batch: 10)
        task.training.smallAdapters = .paper(8e-5, epochs: 10, batch: 5)
        task.recognizes = { $0.line.contains("||") || $0.line.hasPrefix("mr,ref") || $0.keys.contains("mr") }
        return task
    }()
}

/// The E2E restaurant descriptions, in any of four layouts:
///
/// - the authors' `src1_*.txt`: `name : X | Type : pub||The X pub . ` per line, already linearised and tokenised;
/// - JSON lines `{"mr": "name[X], eatType[pub]", "ref": "The X pub."}`;
/// - the official CSV with the heading `mr,ref`;
/// - JSON lines of prompts (``PromptRow``).
///
/// The two in the middle are linearised to exactly what the authors' files hold (checked on all 51,426 lines); the texts stay as
/// they are, that is, not tokenised.
enum E2ETask {
    /// Keys whose names the authors changed.
    private static let names = ["eatType": "Type", "priceRange": "price", "familyFriendly": "family friendly"]

    static func read(_ file: DataFile) throws -> [Example] {
        if file.firstByte == UInt8(ascii: "{") { return try readJSONLines(file) }
        if CSV.firstRecord(of: file) == ["mr", "ref"] { return try readCSV(file) }
        return try readPairs(file)
    }

    private static func readPairs(_ file: DataFile) throws -> [Example] {
        var examples: [Example] = []
        try file.forEachLine { line, location in
            let halves = line.split(separator: "||", maxSplits: 1, omittingEmptySubsequences: false)
            guard halves.count == 2, !isBlank(halves[0]), !isBlank(halves[1]) else {
                throw DataError.malformed(
                    location, found: DataError.excerpt(line), expected: "\"table||text\", both not empty,")
            }
            // The text keeps its trailing space: the authors trained on it.
            let text = String(halves[1])
            examples.append(
                Example(prompt: String(halves[0]), completion: text, references: [text], location: location))
        }
        return examples
    }

    private struct Row: TaskRow {
        static let key = "mr"
        var mr: String
        var ref: String
    }

    private static func readJSONLines(_ file: DataFile) throws -> [Example] {
        var examples: [Example] = []
        let expected = "{\"mr\": \"name[…], …\", \"ref\": \"…\"}"
        try PromptRow.forEach(orOwn: Row.self, in: file, expected: expected, into: &examples) { row, location in
            try example(mr: row.mr, ref: row.ref, location)
        }
        return examples
    }

    private static func readCSV(_ file: DataFile) throws -> [Example] {
        var examples: [Example] = []
        try CSV.forEachRecord(of: file) { fields, location in
            if location.line == 1 { return }
            guard fields.count == 2 else {
                throw DataError.malformed(
                    location, found: "\(fields.count) fields", expected: "the two fields mr and ref")
            }
            examples.append(try example(mr: fields[0], ref: fields[1], location))
        }
        guard !examples.isEmpty else { throw DataError.empty(file: file.path) }
        return examples
    }

    private static func example(mr: String, ref: String, _ location: DataLocation) throws -> Example {
        guard let prompt = linearize(mr) else {
            throw DataError.malformed(location, found: DataError.excerpt(mr), expected: "\"name[…], key[value], …\"")
        }
        guard !isBlank(ref) else { throw DataError.missingCompletion(location) }
        return Example(prompt: prompt, completion: ref, references: [ref], location: location)
    }

    /// `name[X], priceRange[£20-25]` → `name : X | price : £ 20 - 25`, or nil where it is no such list.
    ///
    /// Values are tokenised as the authors' files are: a space after £, spaces around hyphens.
    static func linearize(_ mr: String) -> String? {
        var fields: [String] = []
        var rest = Substring(mr)
        repeat {
            rest = rest.drop { $0 == " " }
            guard let open = rest.firstIndex(of: "["), let close = rest[open...].firstIndex(of: "]") else { return nil }
            let key = String(rest[..<open])
            guard !isBlank(key), !key.contains(",") else { return nil }
            let value = rest[rest.index(after: open)..<close]
                .replacing("£", with: "£ ").replacing("-", with: " - ")
            fields.append("\(names[key] ?? key) : \(value)")
            rest = rest[rest.index(after: close)...].drop { $0 == " " }
            guard let separator = rest.first else { break }
            guard separator == "," else { return nil }
            rest.removeFirst()
        } while true
        return fields.joined(separator: " | ")
    }

    private static func isBlank(_ text: some StringProtocol) -> Bool { text.allSatisfy(\.isWhitespace) }
}
