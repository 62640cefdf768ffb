import Foundation

/// Reads `tokenizer.json`, component by component. What is not supported is refused by name, never passed over.
struct TokenizerDocument {
    let root: ComponentReader
    let file: String

    init(_ document: JSONValue, file: String) throws {
        root = try ComponentReader(document, file: file, component: "")
        self.file = file
        try root.allowOnly([
            "version", "truncation", "padding", "added_tokens", "normalizer", "pre_tokenizer", "post_processor",
            "decoder", "model",
        ])
    }

    func tokenizer(beside files: TokenizerFolder) throws -> Tokenizer {
        let normalizer = try component("normalizer").map { reader in
            (Normalizer(steps: try normalizerSteps(reader)), reader.value)
        }
        let decoder = try decoder()
        var steps = try preTokenizerSteps()
        let modelReader = try modelReader()
        // A model of characters that stand for bytes works on the bytes themselves, which saves spelling them.
        var worksOnBytes = false
        if case .spelling = steps.last, try startsFromSingleCharacters(modelReader) {
            worksOnBytes = true
            steps.removeLast()
        }
        let model = try model(modelReader, worksOnBytes: worksOnBytes)
        var added = AddedVocabulary(over: model.vocabulary, file: file)
        try readAddedTokens(into: &added)
        let roles = try files.roles()
        try files.addConfiguredTokens(of: roles, to: &added)
        let stored = try postProcessor(vocabulary: added.vocabulary)
        let configured = try files.configuredPostProcessor(roles: roles, vocabulary: added.vocabulary)
        return Tokenizer(
            try TokenizerCore(
                model: model, addedTokens: added, normalizer: normalizer,
                preTokenizer: PreTokenizer(steps, document: root.value["pre_tokenizer"] ?? .null),
                postProcessor: configured ?? stored, decoder: decoder, roles: roles))
    }

    /// The component of that name; nil where it is absent or null.
    func component(_ name: String) throws -> ComponentReader? {
        guard let value = root.value[name], !value.isNull else { return nil }
        return try ComponentReader(value, file: file, component: name)
    }

    private func readAddedTokens(into added: inout AddedVocabulary) throws {
        guard let list = root.value["added_tokens"], !list.isNull else { return }
        for (index, value) in try root.list("added_tokens").enumerated() {
            let reader = try ComponentReader(value, file: file, component: "added_tokens[\(index)]")
            try reader.allowOnly(["id", "content", "single_word", "lstrip", "rstrip", "normalized", "special"])
            guard let content = try reader.string("content"), let identifier = value["id"]?.identifier else {
                throw reader.inconsistent("id or content is missing")
            }
            var token = AddedToken(content: content)
            try token.readAttributes(of: value, file: file, component: reader.component)
            try added.add(token, as: identifier)
        }
    }
}
