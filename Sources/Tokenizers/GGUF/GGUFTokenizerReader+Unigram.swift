extension GGUFTokenizerReader {
    /// T5's tokenizer: the file's pieces, scores and rules as the `spiece.model` that the converter took them from, for the
    /// SentencePiece library, which tells the best pieces from the scores.
    ///
    /// Tokens that were added to the model stand between stretches of text; what fills the table up is never found in a text.
    func unigram() throws -> SentencePieceCodec {
        _ = try vocabulary()
        try checkIdentifiers()
        for (key, found, needed) in [
            ("add_bos_token", source.addsBeginToken, false), ("add_eos_token", source.addsEndToken, true),
        ] where found == !needed {
            throw unsupported(key, "\(!needed) with the model \"t5\"")
        }
        let unknown = source.tokens.indices.filter { source.type(of: $0) == .unknown }
        guard unknown.count == 1 else {
            throw inconsistent("token_type", "there are \(unknown.count) unknown tokens, where one is needed")
        }
        if let stated = source.unknownIdentifier, stated != unknown[0] {
            throw inconsistent("unknown_token_id", "it is \(stated), but the unknown token is \(unknown[0])")
        }
        let model = try model()
        let files = TokenizerFolder(
            [SentencePieceFamily.t5.fileName: model, "tokenizer_config.json": configuration.serialized()], name: file)
        do {
            guard let codec = try SentencePieceCodec.load(files) else { throw unsupported("model", "\"t5\"") }
            return codec
        } catch TokenizerError.malformed(_, _, let reason) {
            throw inconsistent("tokens", reason)
        }
    }

    /// What `tokenizer_config.json` would say.
    private var configuration: JSONValue {
        func token(_ identifier: Int) -> JSONValue { .string(source.tokens[identifier]) }
        var members: [JSONValue.Member] = [
            .init(key: Array("tokenizer_class".utf8), value: .text("T5Tokenizer")),
            .init(key: Array("extra_ids".utf8), value: .number(0)),
        ]
        for (role, identifier) in [
            (TokenRoles.Role.beginningOfText, source.beginIdentifier), (.endOfText, source.endIdentifier),
            (.unknown, source.unknownIdentifier), (.padding, source.paddingIdentifier),
        ] {
            members.append(.init(key: Array(role.rawValue.utf8), value: identifier.map(token) ?? .null))
        }
        let added = source.tokens.indices.filter { source.type(of: $0) == .userDefined }.map { identifier in
            JSONValue.Member(
                key: Array("\(identifier)".utf8),
                value: .object(["content": token(identifier), "normalized": .bool(false), "special": .bool(false)]))
        }
        if !added.isEmpty {
            members.append(.init(key: Array("added_tokens_decoder".utf8), value: .object(added)))
        }
        return .object(members)
    }

    /// The protocol buffer `ModelProto` of sentencepiece_model.proto.
    private func model() throws -> [UInt8] {
        let scores = try scores()
        var bytes: [UInt8] = []
        for index in source.tokens.indices {
            // The library knows nothing of what was added to its model.
            let type: SentencePieceFile.PieceType =
                switch source.type(of: index) ?? .normal {
                case .undefined, .normal: .normal
                case .unknown: .unknown
                case .control: .control
                case .userDefined, .unused: .unused
                case .byte: .byte
                }
            var piece: [UInt8] = []
            piece.append(field: 1, source.tokens[index])
            piece.append(field: 2, fixed: scores[index].bitPattern)
            piece.append(field: 3, type.rawValue)
            bytes.append(field: 1, piece)
        }
        var trainer: [UInt8] = [], normalizer: [UInt8] = []
        trainer.append(field: 3, 1)  // unigram
        let hasBytes = source.tokens.indices.contains { source.type(of: $0) == .byte }
        trainer.append(field: 35, hasBytes ? 1 : 0)
        if let map = source.precompiledMap, !map.isEmpty { normalizer.append(field: 2, map) }
        normalizer.append(field: 3, source.addsSpacePrefix ?? true ? 1 : 0)
        normalizer.append(field: 4, source.removesExtraWhitespace ?? false ? 1 : 0)
        bytes.append(field: 2, trainer)
        bytes.append(field: 3, normalizer)
        return bytes
    }
}

/// Fields of a protocol buffer.
extension [UInt8] {
    fileprivate mutating func append(variable value: UInt64) {
        var rest = value
        while rest > 0x7F {
            append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        append(UInt8(rest))
    }

    fileprivate mutating func append(field number: UInt64, _ value: UInt64) {
        append(variable: number << 3)
        append(variable: value)
    }

    fileprivate mutating func append(field number: UInt64, _ message: [UInt8]) {
        append(variable: number << 3 | 2)
        append(variable: UInt64(message.count))
        append(contentsOf: message)
    }

    fileprivate mutating func append(field number: UInt64, fixed value: UInt32) {
        append(variable: number << 3 | 5)
        for shift in stride(from: UInt32(0), to: 32, by: 8) { append(UInt8(truncatingIfNeeded: value >> shift)) }
    }
}
