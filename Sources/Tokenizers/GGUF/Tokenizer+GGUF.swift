extension Tokenizer {
    /// Makes the tokenizer that a GGUF file describes: byte-level BPE ("gpt2"), SentencePiece's BPE ("llama") or its unigram
    /// model ("t5").
    ///
    /// Ids equal those of llama.cpp with special tokens found in the text, and those of Hugging Face's `tokenizers` on what
    /// ``write(to:)`` writes. There, merges that SentencePiece does without are written out, which is the same as long as
    /// different pieces have different scores. What differs: where two special tokens overlap in a text, the one that begins
    /// first is taken, as Hugging Face does it, not the longer one. Ids of "t5" are those of the SentencePiece library, which the
    /// file's pieces and scores are handed to.
    ///
    /// - Parameters:
    ///   - vocabulary: what the file says.
    ///   - file: what messages call the file.
    /// - Throws: ``TokenizerError/unsupported(file:component:value:)`` for another model or a pattern that is not known,
    ///   ``TokenizerError/inconsistent(file:component:reason:)`` where the values cannot be right, each naming the key.
    public init(gguf vocabulary: GGUFVocabulary, file: String) throws {
        let reader = GGUFTokenizerReader(source: vocabulary, file: file)
        if vocabulary.model == "t5" {
            self.init(try reader.unigram())
        } else {
            self.init(try reader.core())
        }
    }
}

/// Checks what a GGUF file says and makes the parts of a tokenizer of it.
struct GGUFTokenizerReader {
    let source: GGUFVocabulary
    let file: String

    /// Far beyond any published vocabulary (the largest have half a million); more would take minutes.
    private static let mostTokens = 1 << 21
    private static let mostMerges = 1 << 22
    /// The longest in published vocabularies have some hundred bytes.
    private static let longestToken = 1_024

    func core() throws -> TokenizerCore {
        switch source.model {
        case "gpt2": return try byteLevel()
        case "llama": return try sentencePiece()
        default:
            throw unsupported("model", "\"\(source.model)\" (only \"gpt2\", \"llama\" and \"t5\" are)")
        }
    }

    private func byteLevel() throws -> TokenizerCore {
        guard let pre = GGUFPreTokenizer(named: source.pre) else {
            let known = GGUFPreTokenizer.names.joined(separator: ", ")
            throw unsupported("pre", "\"\(source.pre ?? "")\" (known are \(known))")
        }
        let vocabulary = try vocabulary()
        let merges = try merges(vocabulary)
        let model: BytePairModel
        do {
            model = try BytePairModel(
                vocabulary: vocabulary, merges: merges, ignoresMerges: pre.ignoresMerges, file: file)
        } catch TokenizerError.inconsistent(_, _, let reason) {
            throw inconsistent("merges", reason)
        }
        let parts = try parts(over: vocabulary, addsBeginToken: pre.addsBeginToken)
        var steps = try TokenizerDocument(.object(["pre_tokenizer": pre.document]), file: file).preTokenizerSteps()
        // The model works on the bytes themselves, which saves spelling them.
        if case .spelling = steps.last { steps.removeLast() }
        return try TokenizerCore(
            model: .bytePairs(model), addedTokens: parts.added,
            preTokenizer: PreTokenizer(steps, document: pre.document),
            postProcessor: parts.postProcessor ?? .byteLevel, decoder: .byteLevel, roles: parts.roles)
    }

    private func sentencePiece() throws -> TokenizerCore {
        if let map = source.precompiledMap, !map.isEmpty {
            throw unsupported("precompiled_charsmap", "of \(map.count) bytes with the model \"llama\"")
        }
        if source.removesExtraWhitespace == true {
            throw unsupported("remove_extra_whitespaces", "true with the model \"llama\"")
        }
        let vocabulary = try vocabulary(), scores = try scores()
        let parts = try parts(over: vocabulary, addsBeginToken: true)
        let unknown = source.unknownIdentifier
        let model = ScoredPieceModel(
            vocabulary: vocabulary, scores: scores,
            isPiece: source.tokens.indices.map { index in
                switch source.type(of: index) {
                case .normal, .undefined, .userDefined: true
                default: false
                }
            }, unknown: unknown.flatMap(Int32.init(exactly:)))
        let addsBlank = source.addsSpacePrefix ?? true
        let document = TokenizerDocument.sentencePiece(addsBlank: addsBlank)
        let reader = try TokenizerDocument(document, file: file)
        let normalizer = try reader.component("normalizer").map { part in
            (Normalizer(steps: try reader.normalizerSteps(part)), part.value)
        }
        return try TokenizerCore(
            model: .scoredPieces(model), addedTokens: parts.added, normalizer: normalizer,
            preTokenizer: PreTokenizer([], document: .null),
            postProcessor: parts.postProcessor ?? PostProcessor(document: .null), decoder: try reader.decoder(),
            roles: parts.roles)
    }

    /// One for each token.
    func scores() throws -> [Float] {
        guard let scores = source.scores else { throw inconsistent("scores", "it is missing") }
        guard scores.count == source.tokens.count else {
            throw inconsistent("scores", "there are \(scores.count) for \(source.tokens.count) tokens")
        }
        if let index = scores.firstIndex(where: \.isNaN) {
            throw inconsistent("scores", "that of token \(index) is NaN")
        }
        return scores
    }

    func unsupported(_ key: String, _ value: String) -> TokenizerError {
        .unsupported(file: file, component: "tokenizer.ggml.\(key)", value: value)
    }

    func inconsistent(_ key: String, _ reason: String) -> TokenizerError {
        .inconsistent(file: file, component: "tokenizer.ggml.\(key)", reason: reason)
    }

    private func quoted(_ text: some Sequence<UInt8>) -> String {
        "\"\(String(decoding: Array(text.prefix(80)), as: UTF8.self))\""
    }
}

extension GGUFTokenizerReader {
    func vocabulary() throws -> Vocabulary {
        let tokens = source.tokens
        guard !tokens.isEmpty else { throw inconsistent("tokens", "there are none") }
        guard tokens.count <= Self.mostTokens else {
            throw inconsistent("tokens", "there are \(tokens.count), more than \(Self.mostTokens)")
        }
        if let types = source.types {
            guard types.count == tokens.count else {
                throw inconsistent("token_type", "there are \(types.count) for \(tokens.count) tokens")
            }
            if let index = types.firstIndex(where: { GGUFVocabulary.TokenType(rawValue: $0) == nil }) {
                throw inconsistent("token_type", "that of token \(index) is \(types[index]), not in 0...6")
            }
        }
        var vocabulary = Vocabulary(capacity: tokens.count)
        for (index, token) in tokens.enumerated() {
            guard !token.isEmpty else { throw inconsistent("tokens", "token \(index) is empty") }
            guard token.count <= Self.longestToken else {
                throw inconsistent("tokens", "token \(index) has \(token.count) bytes, more than \(Self.longestToken)")
            }
            guard token.allSatisfy({ $0 < 0x80 }) || String(validating: token, as: UTF8.self) != nil else {
                throw inconsistent("tokens", "token \(index) is not UTF-8")
            }
            if let first = vocabulary.appendNew(token) {
                throw inconsistent("tokens", "tokens \(first) and \(index) are both \(quoted(token))")
            }
        }
        return vocabulary
    }

    private func merges(_ vocabulary: Vocabulary) throws -> [BytePairModel.Merge] {
        guard let lines = source.merges else { throw inconsistent("merges", "it is missing") }
        guard lines.count <= Self.mostMerges else {
            throw inconsistent("merges", "there are \(lines.count), more than \(Self.mostMerges)")
        }
        return try lines.enumerated().map { rank, line in
            guard let blank = line.dropFirst().firstIndex(of: UInt8(ascii: " ")) else {
                throw inconsistent("merges", "merge \(rank), \(quoted(line)), has no blank between two tokens")
            }
            let (left, right) = (Array(line[..<blank]), Array(line[(blank + 1)...]))
            guard let first = vocabulary.identifier(of: left), let second = vocabulary.identifier(of: right) else {
                throw inconsistent("merges", "merge \(rank), \(quoted(line)), is not of two tokens")
            }
            return BytePairModel.Merge(left: first, right: second)
        }
    }

    /// The special tokens: those that the text is searched for, those with a role, and those that go around a text.
    private func parts(
        over vocabulary: Vocabulary, addsBeginToken: Bool
    ) throws -> (added: AddedVocabulary, roles: TokenRoles, postProcessor: PostProcessor?) {
        try checkIdentifiers()
        var added = AddedVocabulary(over: vocabulary, file: file)
        for index in source.tokens.indices {
            switch source.type(of: index) {
            case .unknown, .control: try add(index, special: true, to: &added)
            case .userDefined: try add(index, special: false, to: &added)
            default: break
            }
        }
        var roles = TokenRoles()
        let (begin, end) = (source.beginIdentifier, source.endIdentifier)
        for (role, identifier) in [(TokenRoles.Role.beginningOfText, begin), (.endOfText, end)] {
            guard let identifier else { continue }
            try add(identifier, special: true, to: &added)
            roles.named[role] = AddedToken(content: source.tokens[identifier])
        }
        // Files name tokens such as "!" here because something had to be named: these stay tokens like any other.
        for (role, identifier) in [
            (TokenRoles.Role.unknown, source.unknownIdentifier),
            (.padding, source.paddingToken),
        ] {
            guard let identifier, added.contains(source.tokens[identifier]) else { continue }
            roles.named[role] = AddedToken(content: source.tokens[identifier])
        }
        let before = try around("add_bos_token", source.addsBeginToken, usually: addsBeginToken, "bos_token_id", begin)
        let after = try around("add_eos_token", source.addsEndToken, usually: false, "eos_token_id", end)
        let surrounds = !before.isEmpty || !after.isEmpty
        return (added, roles, surrounds ? .template(before: before, after: after) : nil)
    }

    /// Refuses ids of no token.
    func checkIdentifiers() throws {
        for (key, identifier) in [
            ("bos_token_id", source.beginToken), ("eos_token_id", source.endToken),
            ("unknown_token_id", source.unknownToken), ("padding_token_id", source.paddingToken),
            ("eot_token_id", source.endOfTurnToken), ("eom_token_id", source.endOfMessageToken),
        ] {
            if let identifier, !source.tokens.indices.contains(identifier) {
                throw inconsistent(key, "\(identifier) is not the id of one of the \(source.tokens.count) tokens")
            }
        }
    }

    private func add(_ identifier: Int, special: Bool, to added: inout AddedVocabulary) throws {
        try added.add(
            AddedToken(content: source.tokens[identifier], special: special), as: Int32(truncatingIfNeeded: identifier))
    }

    private func around(
        _ flag: String, _ adds: Bool?, usually usual: Bool, _ key: String, _ identifier: Int?
    ) throws -> [(token: [UInt8], identifier: Int32)] {
        guard adds ?? usual else { return [] }
        guard let identifier else {
            if adds == nil { return [] }
            throw inconsistent(flag, "it is true, and there is no \(key)")
        }
        return [(source.tokens[identifier], Int32(truncatingIfNeeded: identifier))]
    }
}

extension TokenizerDocument {
    /// Blanks become U+2581 before the text is encoded, and blanks again in decoding.
    fileprivate static func sentencePiece(addsBlank: Bool) -> JSONValue {
        func replace(_ found: String, _ put: String) -> JSONValue {
            .object(["type": .text("Replace"), "pattern": .object(["String": .text(found)]), "content": .text(put)])
        }
        let mark = "\u{2581}"
        let prepend = JSONValue.object(["type": .text("Prepend"), "prepend": .text(mark)])
        let strip = JSONValue.object([
            "type": .text("Strip"), "content": .text(" "), "start": .number(1), "stop": .number(0),
        ])
        let fallback = JSONValue.object(["type": .text("ByteFallback")])
        let fuse = JSONValue.object(["type": .text("Fuse")])
        return .object([
            "normalizer": addsBlank
                ? .object(["type": .text("Sequence"), "normalizers": .array([prepend, replace(" ", mark)])])
                : replace(" ", mark),
            "decoder": .object([
                "type": .text("Sequence"),
                "decoders": .array([replace(mark, " "), fallback, fuse] + (addsBlank ? [strip] : [])),
            ]),
        ])
    }
}
