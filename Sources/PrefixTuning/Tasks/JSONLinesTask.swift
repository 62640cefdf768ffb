extension TuningTask {
    /// Prompts and completions of the user's own, as JSON lines: texts are used as given, and answers are as the model gave
    /// them.
    public static let jsonl = TuningTask("jsonl", reading: JSONLinesTask.read)
}

/// Any task, as JSON lines: `{"prompt": …, "completion": …}`, `{"prompt": …, "references": […]}`, or `{"prompt": …}`
/// alone where texts are only to be generated. Texts are used as given; other keys are ignored.
enum JSONLinesTask {
    private static let expected =
        "{\"prompt\": \"…\"} with \"completion\": \"…\" or \"references\": [\"…\"] where texts are learnt or compared"

    static func read(_ file: DataFile) throws -> [Example] {
        var examples: [Example] = []
        try JSONLines.forEach(PromptRow.self, in: file, expected: expected) { row, location in
            examples.append(row.example(location))
        }
        return examples
    }
}
