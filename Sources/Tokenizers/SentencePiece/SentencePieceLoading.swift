import Foundation

extension SentencePieceCodec {
    /// The tokenizer of `spiece.model`, else of `tokenizer.model`, with `tokenizer_config.json`,
    /// `special_tokens_map.json` and `added_tokens.json` beside it; nil where the folder has neither model.
    ///
    /// Tokens and ids come out as transformers' `T5Tokenizer` and `LlamaTokenizer` make them.
    static func load(_ files: TokenizerFolder) throws -> SentencePieceCodec? {
        for family in SentencePieceFamily.allCases {
            if let bytes = try files.contents(family.fileName) {
                return try SentencePieceAssembly(family, bytes: bytes, files: files).codec()
            }
        }
        return nil
    }
}

/// The classes of transformers, told apart by the names of their files.
enum SentencePieceFamily: CaseIterable {
    case t5
    case llama

    var fileName: String {
        switch self {
        case .t5: "spiece.model"
        case .llama: "tokenizer.model"
        }
    }

    /// Without "Fast".
    var classes: Set<String> {
        switch self {
        case .t5: ["T5Tokenizer"]
        case .llama: ["LlamaTokenizer"]
        }
    }

    /// The tokens of a class whose files say nothing.
    var usualRoles: [TokenRoles.Role: String] {
        switch self {
        case .t5: [.endOfText: "</s>", .unknown: "<unk>", .padding: "<pad>"]
        case .llama: [.beginningOfText: "<s>", .endOfText: "</s>", .unknown: "<unk>"]
        }
    }
}

/// Puts a ``SentencePieceCodec`` together, as `from_pretrained` and the constructor of the class do.
private struct SentencePieceAssembly {
    let family: SentencePieceFamily
    let bytes: [UInt8]
    let files: TokenizerFolder
    let configuration: JSONValue
    let specialTokensMap: JSONValue?
    private static let configurationName = "tokenizer_config.json"

    init(_ family: SentencePieceFamily, bytes: [UInt8], files: TokenizerFolder) throws {
        self.family = family
        self.bytes = bytes
        self.files = files
        configuration = try files.json(Self.configurationName) ?? .object([JSONValue.Member]())
        // A configuration that lists the added tokens has the last word.
        let listed = configuration["added_tokens_decoder"].map { !$0.isNull } ?? false
        specialTokensMap = listed ? nil : try files.json("special_tokens_map.json")
    }

    func codec() throws -> SentencePieceCodec {
        try refuseOthers()
        let path = files.path(family.fileName)
        let file = try SentencePieceFile(bytes, file: path)
        var added = AddedVocabulary(over: try vocabulary(of: file, path: path), file: path)
        var roles = try roles()
        if family == .t5 { try addSentinels(to: &added, roles: &roles) }
        try addListedTokens(to: &added, roles: roles)
        let others = Set(roles.others)
        for token in roles.all {
            try add(token, to: &added, replacing: !others.contains(token))
        }

        let around = try specialTokens(roles: roles, vocabulary: added.vocabulary)
        let rules = SentencePieceCodec.Rules(
            stripsDecodedText: family == .t5, legacy: try flag("legacy", whereMissing: true, whereNull: true),
            addsPrefixSpace: try flag("add_prefix_space", whereMissing: true, whereNull: false))
        return try SentencePieceCodec(
            bytes: bytes, file: file, added: added, roles: roles, rules: rules, specialTokensAround: around,
            sources: try sources())
    }

    private func refuseOthers() throws {
        func refuse(_ component: String, _ value: JSONValue) throws {
            let text = String(decoding: value.serialized().prefix(80), as: UTF8.self)
            throw TokenizerError.unsupported(
                file: files.path(Self.configurationName), component: component, value: text)
        }
        if let name = configuration["tokenizer_class"], let text = name.string {
            let base = text.hasSuffix("Fast") ? String(text.dropLast(4)) : text
            if !family.classes.contains(base) { try refuse("tokenizer_class", name) }
        }
        if let settings = configuration["sp_model_kwargs"], settings.members?.isEmpty == false {
            try refuse("sp_model_kwargs", settings)
        }
    }

    private func vocabulary(of file: SentencePieceFile, path: String) throws -> Vocabulary {
        var vocabulary = Vocabulary(capacity: file.pieces.count)
        for (index, piece) in file.pieces.enumerated() where !vocabulary.insert(piece.spelling, as: Int32(index)) {
            throw TokenizerError.inconsistent(
                file: path, component: "pieces",
                reason: "\"\(String(decoding: piece.spelling, as: UTF8.self))\" occurs twice")
        }
        return vocabulary
    }

    /// The configured roles; those of `special_tokens_map.json` go first, then those of the class where none is named.
    private func roles() throws -> TokenRoles {
        var roles = TokenRoles()
        var others: [AddedToken] = []
        if let specialTokensMap {
            try roles.read(specialTokensMap, file: files.path("special_tokens_map.json"))
            others = roles.others
            roles.others = []
        }
        try roles.read(configuration, file: files.path(Self.configurationName))
        var known = Set(roles.others.map(\.content))
        for token in others where known.insert(token.content).inserted { roles.others.append(token) }
        for (role, token) in family.usualRoles where roles.named[role] == nil {
            // Null means none.
            if configuration[role.rawValue] == nil { roles.named[role] = AddedToken(content: Array(token.utf8)) }
        }
        return roles
    }

    /// T5's `<extra_id_0>`, `<extra_id_1>`, …: above the model's pieces, counted downwards.
    private func addSentinels(to added: inout AddedVocabulary, roles: inout TokenRoles) throws {
        let name = "extra_ids"
        var count = 100
        if let value = configuration[name], !value.isNull {
            guard let number = value.identifier, (0...65_536).contains(number) else {
                throw TokenizerError.inconsistent(
                    file: files.path(Self.configurationName), component: name, reason: "not a number in 0...65536")
            }
            count = Int(number)
        }
        func sentinel(_ index: Int) -> [UInt8] { Array("<extra_id_\(index)>".utf8) }
        let declared = roles.others.filter { String(decoding: $0.content, as: UTF8.self).contains("<extra_id_") }
        let declaresOthers = [configuration, specialTokensMap].contains {
            $0?["additional_special_tokens"].map { !$0.isNull } ?? false
        }
        if declared.isEmpty {
            roles.others += (0..<count).map { AddedToken(content: sentinel($0)) }
        } else if count > 0 && count != declared.count {
            throw TokenizerError.inconsistent(
                file: files.path(Self.configurationName), component: name,
                reason: "\(count) beside \(declared.count) in additional_special_tokens")
        }
        // Where other tokens are declared, but none of these, transformers adds them at the end instead.
        if declared.isEmpty && declaresOthers { return }
        let pieces = added.vocabulary.size
        for index in 0..<(declared.isEmpty ? count : declared.count) {
            var token = AddedToken(content: sentinel(index))
            (token.stripsLeft, token.stripsRight) = (true, true)
            try added.add(token, as: Int32(pieces - 1 + count - index))
        }
    }

    /// `added_tokens_decoder` of the configuration, else `added_tokens.json`.
    private func addListedTokens(to added: inout AddedVocabulary, roles: TokenRoles) throws {
        for (identifier, token) in try files.configuredTokens() { try added.add(token, as: identifier) }
        if specialTokensMap == nil, configuration["added_tokens_decoder"].map({ !$0.isNull }) ?? false { return }
        guard let document = try files.json("added_tokens.json") else { return }
        let list = try Vocabulary(document, file: files.path("added_tokens.json"), component: "added tokens")
        let declared = Set(roles.all.map(\.content))
        for (content, identifier) in list.identifiers.sorted(by: { $0.value < $1.value }) {
            let special = declared.contains(content)
            try added.add(AddedToken(content: content, normalized: !special, special: special), as: identifier)
        }
    }

    /// Adds a token with a role: under its id where it has one, else after all that are there.
    private func add(_ token: AddedToken, to added: inout AddedVocabulary, replacing: Bool) throws {
        if added.contains(token.content) {
            // What the files list keeps its attributes.
            let listed = configuration["added_tokens_decoder"].map { !$0.isNull } ?? false
            if listed || !replacing { return }
        }
        let known = added.vocabulary.identifier(of: token.content)
        try added.add(token, as: known ?? Int32(added.vocabulary.identifiers.count))
    }

    private func specialTokens(
        roles: TokenRoles, vocabulary: Vocabulary
    ) throws -> (before: [Int32], after: [Int32]) {
        func identifier(_ role: TokenRoles.Role) -> [Int32] {
            roles.named[role].flatMap { vocabulary.identifier(of: $0.content) }.map { [$0] } ?? []
        }
        switch family {
        case .t5: return ([], identifier(.endOfText))
        case .llama:
            return (
                try flag("add_bos_token", whereMissing: true, whereNull: false) ? identifier(.beginningOfText) : [],
                try flag("add_eos_token", whereMissing: false, whereNull: false) ? identifier(.endOfText) : []
            )
        }
    }

    private func flag(_ name: String, whereMissing: Bool, whereNull: Bool) throws -> Bool {
        guard let value = configuration[name] else { return whereMissing }
        if value.isNull { return whereNull }
        guard let flag = value.bool else {
            throw TokenizerError.inconsistent(
                file: files.path(Self.configurationName), component: name, reason: "neither true nor false")
        }
        return flag
    }

    /// What writing the tokenizer writes: the files as they are.
    private func sources() throws -> [(name: String, contents: [UInt8])] {
        let names = [Self.configurationName, "special_tokens_map.json", "added_tokens.json"]
        return [(family.fileName, bytes)]
            + (try names.compactMap { name in try files.contents(name).map { (name, $0) } })
    }
}
