/// A line of JSON with a prompt that is used as given: a user's own data, in any task.
struct PromptRow: Decodable {
    var prompt: String
    var completion: String?
    var references: [String]?

    func example(_ location: DataLocation) -> Example {
        Example(
            prompt: prompt, completion: completion, references: references ?? completion.map { [$0] } ?? [],
            location: location)
    }

    /// Reads lines of a task's own keys, and lines that have a prompt instead.
    static func forEach<Own: TaskRow>(
        orOwn type: Own.Type, in file: DataFile, expected: String, into examples: inout [Example],
        _ body: (Own, DataLocation) throws -> Example
    ) throws {
        try JSONLines.forEach(Either<Own>.self, in: file, expected: expected + " or {\"prompt\": \"…\"}") {
            row, location in
            switch row {
            case .own(let row): examples.append(try body(row, location))
            case .prompt(let row): examples.append(row.example(location))
            }
        }
    }

    private enum Either<Own: TaskRow>: Decodable {
        case own(Own)
        case prompt(PromptRow)

        init(from decoder: any Decoder) throws {
            let keys = try decoder.container(keyedBy: FieldKey.self)
            if !keys.contains(FieldKey(Own.key)), keys.contains("prompt") {
                self = .prompt(try PromptRow(from: decoder))
            } else {
                self = .own(try Own(from: decoder))
            }
        }
    }
}

/// A line of JSON in a task's own layout.
protocol TaskRow: Decodable {
    /// The key that tells it from a prompt.
    static var key: String { get }
}
