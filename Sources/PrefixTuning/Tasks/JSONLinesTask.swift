/// Any task, as JSON lines: `{"prompt": …, "completion": …}`, `{"prompt": …, "references": […]}`, or `{"prompt": …}`
/// alone where texts are only to be generated. Texts are used as given; other keys are ignored.
enum JSONLinesTask {
    private static let expected =
        "{\"prompt\": \"…\"} with \"completion\": \"…\" or \"references\": [\"…\"] where texts are learnt or compared"

    private struct Row: Decodable {
        var prompt: String
        var completion: String?
        var references: [String]?
    }

    static func read(_ file: DataFile) throws -> [Example] {
        var examples: [Example] = []
        try JSONLines.forEach(Row.self, in: file, expected: expected) { row, location in
            let references = row.references ?? row.completion.map { [$0] } ?? []
            examples.append(
                Example(
                    prompt: row.prompt, completion: row.completion, references: references, location: location))
        }
        return examples
    }
}
