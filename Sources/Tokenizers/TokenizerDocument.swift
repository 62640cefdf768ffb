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
        try checkNormalizer()
        try checkDecoder()
        let preTokenizer = try preTokenizer()
        let model = try model()
        var added = AddedVocabulary(over: model.vocabulary, file: file)
        try readAddedTokens(into: &added)
        let roles = try files.roles()
        try files.addConfiguredTokens(of: roles, to: &added)
        let stored = try postProcessor(vocabulary: added.vocabulary)
        let configured = try files.configuredPostProcessor(roles: roles, vocabulary: added.vocabulary)
        return Tokenizer(
            TokenizerCore(
                model: model, addedTokens: added, preTokenizer: preTokenizer, postProcessor: configured ?? stored,
                roles: roles))
    }

    /// The component of that name; nil where it is absent or null.
    private func component(_ name: String) throws -> ComponentReader? {
        guard let value = root.value[name], !value.isNull else { return nil }
        return try ComponentReader(value, file: file, component: name)
    }

    /// The parts of a `Sequence`, else the component itself.
    private func parts(of reader: ComponentReader, listedAs list: String) throws -> [ComponentReader] {
        guard reader.type == "Sequence" else { return [reader] }
        return try reader.list(list).enumerated().map {
            try ComponentReader($1, file: file, component: "\(reader.component).\(list)[\($0)]")
        }
    }

    private func checkNormalizer() throws {
        guard let reader = try component("normalizer") else { return }
        if let first = try parts(of: reader, listedAs: "normalizers").first { throw first.unsupportedType }
    }

    private func checkDecoder() throws {
        guard let reader = try component("decoder") else {
            throw TokenizerError.unsupported(file: file, component: "decoder", value: "null")
        }
        let parts = try parts(of: reader, listedAs: "decoders")
        if let other = parts.first(where: { $0.type != "ByteLevel" }) { throw other.unsupportedType }
        guard parts.count == 1 else { throw reader.unsupported("decoders", reader.value["decoders"] ?? .null) }
    }

    private func preTokenizer() throws -> ByteLevel {
        guard let reader = try component("pre_tokenizer") else {
            throw TokenizerError.unsupported(file: file, component: "pre_tokenizer", value: "null")
        }
        let parts = try parts(of: reader, listedAs: "pretokenizers")
        if let other = parts.first(where: { $0.type != "ByteLevel" }) { throw other.unsupportedType }
        guard parts.count == 1, let byteLevel = parts.first else {
            throw reader.unsupported("pretokenizers", reader.value["pretokenizers"] ?? .null)
        }
        try byteLevel.allowOnly(["type", "add_prefix_space", "trim_offsets", "use_regex"])
        return ByteLevel(
            addsPrefixSpace: try byteLevel.flag("add_prefix_space"),
            usesPattern: try byteLevel.flag("use_regex", default: true))
    }

    private func model() throws -> BytePairModel {
        guard let reader = try component("model") else {
            throw TokenizerError.inconsistent(file: file, component: "model", reason: "it is missing")
        }
        // Files older than version 0.13 of the library do not say the type.
        guard reader.type == "BPE" || (reader.type.isEmpty && reader.value["merges"] != nil) else {
            throw reader.unsupportedType
        }
        try reader.allowOnly([
            "type", "dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix", "fuse_unk",
            "byte_fallback", "ignore_merges", "vocab", "merges",
        ])
        if let dropout = reader.value["dropout"], !dropout.isNull, dropout != .number(0) {
            throw reader.unsupported("dropout", dropout)
        }
        for name in ["continuing_subword_prefix", "end_of_word_suffix"] {
            if let affix = try reader.string(name), !affix.isEmpty { throw reader.unsupported(name, .string(affix)) }
        }
        if try reader.flag("byte_fallback", default: false) { throw reader.unsupported("byte_fallback", .bool(true)) }
        let vocabulary = try Vocabulary(reader.value["vocab"], file: file, component: "model.vocab")
        var unknown: Int32?
        if let token = try reader.string("unk_token"), !token.isEmpty {
            guard let identifier = vocabulary.identifier(of: token) else {
                throw reader.inconsistent("the unk_token is not in the vocabulary")
            }
            unknown = identifier
        }
        return try BytePairModel(
            vocabulary: vocabulary, merges: try merges(reader, vocabulary: vocabulary), unknown: unknown,
            fusesUnknown: try reader.flag("fuse_unk", default: false),
            ignoresMerges: try reader.flag("ignore_merges", default: false), file: file)
    }

    /// Each merge is "left right" or `["left", "right"]`.
    private func merges(_ reader: ComponentReader, vocabulary: Vocabulary) throws -> [BytePairModel.Merge] {
        try reader.list("merges").enumerated().map { rank, value in
            let halves: [[UInt8]]
            switch value {
            case .string(let line):
                halves = line.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false).map(Array.init)
            case .array(let elements):
                halves = elements.compactMap { if case .string(let half) = $0 { half } else { nil } }
            default: halves = []
            }
            guard halves.count == 2, let left = vocabulary.identifier(of: halves[0]),
                let right = vocabulary.identifier(of: halves[1])
            else { throw reader.inconsistent("merge \(rank) is not two tokens of the vocabulary") }
            return .init(left: left, right: right)
        }
    }

    private func readAddedTokens(into added: inout AddedVocabulary) throws {
        guard let list = root.value["added_tokens"], !list.isNull else { return }
        for (index, value) in (list.array ?? []).enumerated() {
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
