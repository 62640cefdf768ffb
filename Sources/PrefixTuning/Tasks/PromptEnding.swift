/// The white space that prompts end with. A model that was trained on prompts which all end with a line break has never seen
/// what follows a prompt without one.
enum PromptEnding {
    /// All of it that a prompt has.
    static func of(_ prompt: String) -> String {
        let scalars = prompt.unicodeScalars
        let end = scalars.lastIndex { !$0.properties.isWhitespace }
        return String(scalars[(end.map { scalars.index(after: $0) } ?? scalars.startIndex)...])
    }

    /// What all prompts end with; nil where they differ, or where that is nothing.
    static func common(to examples: [Example]) -> String? {
        guard let first = examples.first.map({ of($0.prompt) }), !first.isEmpty,
            examples.allSatisfy({ of($0.prompt).utf8.elementsEqual(first.utf8) })
        else { return nil }
        return first
    }

    /// A prompt that ends with it at least.
    static func added(_ ending: String, to prompt: String) -> String {
        prompt.utf8.suffix(ending.utf8.count).elementsEqual(ending.utf8) ? prompt : prompt + ending
    }
}

extension TuningTask {
    /// What the model is to answer where a user typed a text.
    ///
    /// The text is the value of the template's field, or a JSON object of several ones; without a template it is the prompt, which
    /// gets the white space that all training prompts end with (``promptEnding``) unless it has it.
    ///
    /// - Parameters:
    ///   - text: What was typed.
    ///   - location: Where, for messages.
    /// - Throws: ``DataError`` where the template has several fields and the text is no object of them.
    public func prompt(from text: String, at location: DataLocation) throws -> String {
        guard let template = fields?.template else { return PromptEnding.added(promptEnding ?? "", to: text) }
        if template.fields.count == 1 { return template.filled { _ in text } }
        let names = template.fields, shape = names.map { "\"\($0)\": \"…\"" }.joined(separator: ", ")
        let expected = "a JSON object of the fields that the prompt is made of, {\(shape)},"
        var fields = FieldMapping()
        fields.prompt = .template(template)
        do {
            return try JSONLines.decode(
                FieldRow.self, Array(text.utf8)[...], with: FieldRow.decoder(fields), location, expected: expected
            ).prompt
        } catch DataError.missingField(_, let field, let found, _) {
            throw DataError.malformed(location, found: "no \"\(field)\" in \(found)", expected: expected)
        } catch DataError.malformed(_, let found, _) where found.hasPrefix("invalid JSON") {
            throw DataError.malformed(location, found: DataError.excerpt(text), expected: expected)
        }
    }

    /// How many prompts do not end with the white space that all training prompts end with.
    public func countOfOtherEndings(_ examples: [Example]) -> Int {
        guard let promptEnding else { return 0 }
        return examples.count { !PromptEnding.of($0.prompt).utf8.elementsEqual(promptEnding.utf8) }
    }
}
