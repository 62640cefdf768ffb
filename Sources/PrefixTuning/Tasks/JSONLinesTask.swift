extension TuningTask {
    /// Prompts and completions of the user's own: texts are used as given, and answers are as the model gave them.
    ///
    /// Files are JSON lines `{"prompt": …, "completion": …}`, `{"prompt": …, "references": […]}`, or `{"prompt": …}` alone where
    /// texts are only to be generated; one JSON list of such objects; or a table of values separated by commas, semicolons or tabs,
    /// whose first line names these columns. Other fields are ignored.
    public static let jsonl = jsonl(fields: FieldMapping())

    /// The same, with other fields as prompt and completion.
    public static func jsonl(fields: FieldMapping) -> TuningTask {
        var task = TuningTask("jsonl", reading: fields.read)
        task.fields = fields
        return task
    }
}
