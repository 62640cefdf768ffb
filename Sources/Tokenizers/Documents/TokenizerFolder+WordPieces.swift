extension TokenizerFolder {
    /// The classes whose `vocab.txt` is BERT's, by their names without "Fast", and the types of models that go with them.
    private static let wordPieceClasses: Set = ["BertTokenizer", "DistilBertTokenizer", "ElectraTokenizer"]
    private static let wordPieceModels: Set = ["bert", "distilbert", "electra"]

    /// Builds the tokenizer of `vocab.txt` as transformers does for BERT: a word piece per line, whose id is the number of
    /// lines before it.
    ///
    /// Lowercases, and takes accents away, unless `do_lower_case` of `tokenizer_config.json` is false;
    /// `strip_accents` and `tokenize_chinese_chars` are heeded as well.
    func wordPieceTokenizer(_ contents: [UInt8]) throws -> Tokenizer {
        let configuration = try json("tokenizer_config.json")
        try checkIsBERT(configuration)
        let options = try ComponentReader(
            configuration ?? .object([JSONValue.Member]()), file: path("tokenizer_config.json"), component: "")
        let vocabulary = Self.wordPieces(contents)
        let special = try specialWordPieces(in: vocabulary)
        guard let classifier = special[.classifier], let separator = special[.separator] else {
            throw TokenizerError.inconsistent(
                file: path("vocab.txt"), component: "vocabulary", reason: "BERT needs the tokens [CLS] and [SEP]")
        }
        let unknown = special[.unknown]?.token ?? Array("[UNK]".utf8)
        func pair(_ entry: (token: [UInt8], identifier: Int32)) -> JSONValue {
            .array([.string(entry.token), .number(Double(entry.identifier))])
        }
        let accents = configuration?["strip_accents"] ?? .null
        let document = JSONValue.object([
            "added_tokens": .array(try addedWordPieces(special.values.sorted { $0.identifier < $1.identifier })),
            "normalizer": .object([
                "type": .text("BertNormalizer"), "clean_text": .bool(true),
                "handle_chinese_chars": .bool(try options.flag("tokenize_chinese_chars", default: true)),
                "strip_accents": accents, "lowercase": .bool(try options.flag("do_lower_case", default: true)),
            ]),
            "pre_tokenizer": .object(["type": .text("BertPreTokenizer")]),
            "post_processor": .object([
                "type": .text("BertProcessing"), "sep": pair(separator), "cls": pair(classifier),
            ]),
            "decoder": .object(["type": .text("WordPiece"), "prefix": .text("##"), "cleanup": .bool(true)]),
            "model": .object([
                "type": .text("WordPiece"), "unk_token": .string(unknown), "continuing_subword_prefix": .text("##"),
                "max_input_chars_per_word": .number(100), "vocab": .object(vocabulary),
            ]),
        ])
        return try TokenizerDocument(document, file: path("vocab.txt")).tokenizer(beside: self)
    }

    /// Decided by the tokenizer's class, else by the model's type, where either is known.
    private func checkIsBERT(_ configuration: JSONValue?) throws {
        if let name = configuration?["tokenizer_class"]?.string {
            let base = name.hasSuffix("Fast") ? String(name.dropLast(4)) : name
            guard Self.wordPieceClasses.contains(base) else {
                throw TokenizerError.unsupported(
                    file: path("tokenizer_config.json"), component: "tokenizer_class", value: name)
            }
        } else if let type = try json("config.json")?["model_type"]?.string, !Self.wordPieceModels.contains(type) {
            throw TokenizerError.unsupported(
                file: path("vocab.txt"), component: "the tokenizer of model_type", value: type)
        }
        if configuration?["do_basic_tokenize"]?.bool == false {
            throw TokenizerError.unsupported(
                file: path("tokenizer_config.json"), component: "do_basic_tokenize", value: "false")
        }
    }

    /// Word pieces and their ids; of equal lines the last one counts, as in Python's dictionaries.
    private static func wordPieces(_ contents: [UInt8]) -> [JSONValue.Member] {
        var lines = contents.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        if lines.last?.isEmpty == true { lines.removeLast() }
        let words = lines.map { Array($0.last == UInt8(ascii: "\r") ? $0.dropLast() : $0) }
        let last = Dictionary(words.enumerated().map { ($0.element, $0.offset) }, uniquingKeysWith: max)
        return words.enumerated().compactMap { index, word in
            last[word] == index ? .init(key: word, value: .number(Double(index))) : nil
        }
    }

    /// The tokens with a role that are in the vocabulary: those that the files name, else BERT's.
    private func specialWordPieces(
        in vocabulary: [JSONValue.Member]
    ) throws -> [TokenRoles.Role: (token: [UInt8], identifier: Int32)] {
        let roles = try roles()
        let usual: [TokenRoles.Role: String] = [
            .unknown: "[UNK]", .separator: "[SEP]", .padding: "[PAD]", .classifier: "[CLS]", .mask: "[MASK]",
        ]
        var found: [TokenRoles.Role: (token: [UInt8], identifier: Int32)] = [:]
        for (role, name) in usual {
            let token = roles.named[role]?.content ?? Array(name.utf8)
            if let identifier = vocabulary.first(where: { $0.key == token })?.value.identifier {
                found[role] = (token, identifier)
            }
        }
        return found
    }

    /// The special tokens, and those of `added_tokens.json`: `{"token": id, …}`.
    private func addedWordPieces(_ special: [(token: [UInt8], identifier: Int32)]) throws -> [JSONValue] {
        func entry(_ token: [UInt8], _ identifier: JSONValue, isSpecial: Bool) -> JSONValue {
            .object([
                "id": identifier, "content": .string(token), "single_word": .bool(false), "lstrip": .bool(false),
                "rstrip": .bool(false), "normalized": .bool(!isSpecial), "special": .bool(isSpecial),
            ])
        }
        let more = try json("added_tokens.json")?.members ?? []
        return special.map { entry($0.token, .number(Double($0.identifier)), isSpecial: true) }
            + more.filter { member in !special.contains { $0.token == member.key } }
            .map { entry($0.key, $0.value, isSpecial: false) }
    }
}
