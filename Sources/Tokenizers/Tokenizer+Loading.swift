import Foundation

extension Tokenizer {
    /// Reads the tokenizer of a model folder.
    ///
    /// Takes `tokenizer.json`, else `vocab.json` with `merges.txt`, else `vocab.txt`, else `spiece.model`, else
    /// `tokenizer.model` (and `added_tokens.json`); beside any of them, `tokenizer_config.json` and
    /// `special_tokens_map.json` where present.
    /// Settings that cut or fill up the result (`truncation`, `padding`) are left to the caller, as transformers does.
    ///
    /// - Throws: ``TokenizerError``, naming the file and what is wrong in it or not supported.
    public init(folder: URL) throws { try self.init(TokenizerFolder(folder)) }

    /// Reads a tokenizer whose files are in memory, as another file may hold them; see ``init(folder:)``.
    ///
    /// - Parameters:
    ///   - files: The contents of `tokenizer.json` and of whatever would lie beside it, by name.
    ///   - name: What messages call the place.
    /// - Throws: ``TokenizerError``.
    public init(files: [String: [UInt8]], name: String) throws {
        try self.init(TokenizerFolder(files, name: name))
    }

    private init(_ files: TokenizerFolder) throws {
        if let document = try files.tokenizerDocument() {
            self = try TokenizerDocument(document, file: files.path("tokenizer.json")).tokenizer(beside: files)
        } else if let vocabulary = try files.json("vocab.json"), let merges = try files.contents("merges.txt") {
            self = try files.tokenizer(vocabulary: vocabulary, merges: merges)
        } else if let vocabulary = try files.contents("vocab.txt") {
            self = try files.wordPieceTokenizer(vocabulary)
        } else if let codec = try SentencePieceCodec.load(files) {
            self.init(codec)
        } else {
            throw TokenizerError.noTokenizer(folder: files.name)
        }
    }
}

/// The files of a tokenizer: those in one folder, or in memory.
struct TokenizerFolder {
    private let folder: URL
    private let inMemory: [String: [UInt8]]?

    init(_ folder: URL) {
        self.folder = folder
        inMemory = nil
    }

    init(_ files: [String: [UInt8]], name: String) {
        folder = URL(fileURLWithPath: name)
        inMemory = files
    }

    /// For messages.
    var name: String { folder.path }

    func path(_ name: String) -> String { folder.appendingPathComponent(name).path }

    /// Nil where there is no such file.
    func contents(_ name: String) throws -> [UInt8]? {
        if let inMemory { return inMemory[name] }
        guard FileManager.default.fileExists(atPath: path(name)) else { return nil }
        let contents: [UInt8]
        do {
            contents = [UInt8](try Data(contentsOf: folder.appendingPathComponent(name)))
        } catch {
            throw TokenizerError.unreadable(file: path(name), reason: error.localizedDescription)
        }
        guard !LargeFilePointer.isRecognized(contents) else { throw TokenizerError.pointer(file: path(name)) }
        return contents
    }

    /// Nil where there is no such file.
    func json(_ name: String) throws -> JSONValue? {
        try contents(name).map { try JSONParser.parse($0, file: path(name)) }
    }

    /// The roles of tokens; `tokenizer_config.json` goes before `special_tokens_map.json`.
    func roles() throws -> TokenRoles {
        var roles = TokenRoles()
        for name in ["tokenizer_config.json", "special_tokens_map.json"] {
            if let document = try json(name) { try roles.read(document, file: path(name)) }
        }
        return roles
    }

    /// The added tokens that `tokenizer_config.json` lists by id under `added_tokens_decoder`.
    func configuredTokens() throws -> [(identifier: Int32, token: AddedToken)] {
        let name = "tokenizer_config.json"
        guard let list = try json(name)?["added_tokens_decoder"], !list.isNull else { return [] }
        let component = "added_tokens_decoder"
        return try (list.members ?? []).map { member in
            guard let identifier = Int32(String(decoding: member.key, as: UTF8.self)) else {
                throw TokenizerError.inconsistent(file: path(name), component: component, reason: "an id is no number")
            }
            var token = try AddedToken(declaredBy: member.value, file: path(name), component: component)
            token.special = member.value["special"]?.bool ?? false
            if member.value["normalized"] == nil { token.normalized = !token.special }
            return (identifier, token)
        }.sorted { $0.identifier < $1.identifier }
    }

    /// What `add_bos_token` and `add_eos_token` of `tokenizer_config.json` prescribe; nil where neither is there.
    func configuredPostProcessor(roles: TokenRoles, vocabulary: Vocabulary) throws -> PostProcessor? {
        let name = "tokenizer_config.json"
        guard let configuration = try json(name) else { return nil }
        func side(_ flag: String, _ role: TokenRoles.Role) throws -> [(token: [UInt8], identifier: Int32)]? {
            guard let value = configuration[flag], !value.isNull else { return nil }
            guard let adds = value.bool else {
                throw TokenizerError.inconsistent(
                    file: path(name), component: flag, reason: "neither true nor false")
            }
            guard adds, let token = roles.named[role]?.content, let id = vocabulary.identifier(of: token) else {
                return []
            }
            return [(token, id)]
        }
        let before = try side("add_bos_token", .beginningOfText)
        let after = try side("add_eos_token", .endOfText)
        return before == nil && after == nil ? nil : .template(before: before ?? [], after: after ?? [])
    }

    /// Adds what the files beside `tokenizer.json` or `vocab.json` declare and the vocabulary does not have yet. Of tokens that
    /// it has, `added_tokens_decoder` has the last word on the attributes, as in transformers.
    func addConfiguredTokens(of roles: TokenRoles, to added: inout AddedVocabulary) throws {
        for (identifier, token) in try configuredTokens() {
            try added.add(token, as: added.contains(token.content) ? nil : identifier)
        }
        for token in roles.all where !added.contains(token.content) { try added.add(token) }
    }
}
