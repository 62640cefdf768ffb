extension TokenizerCore {
    func files() -> [(name: String, contents: [UInt8])] {
        [
            (name: "tokenizer.json", contents: document.serialized() + [0x0A]),
            (name: "tokenizer_config.json", contents: configuration.serialized() + [0x0A]),
        ]
    }

    private var document: JSONValue {
        .object([
            "version": .text("1.0"), "truncation": .null, "padding": .null,
            "added_tokens": .array(
                addedTokens.tokens.map { identifier, token in
                    .object([
                        "id": .number(Double(identifier)), "content": .string(token.content),
                        "single_word": .bool(token.singleWord), "lstrip": .bool(token.stripsLeft),
                        "rstrip": .bool(token.stripsRight), "normalized": .bool(token.normalized),
                        "special": .bool(token.special),
                    ])
                }),
            "normalizer": .null,
            "pre_tokenizer": ByteLevel.document(
                addsPrefixSpace: preTokenizer.addsPrefixSpace, usesPattern: preTokenizer.usesPattern),
            "post_processor": postProcessor.document,
            "decoder": ByteLevel.document(addsPrefixSpace: true, usesPattern: true),
            "model": modelDocument,
        ])
    }

    private var modelDocument: JSONValue {
        func spelling(_ identifier: Int32) -> [UInt8] { model.vocabulary.spelling(of: identifier) ?? [] }
        // "left right" is read by every version of the library, but cannot tell apart tokens that contain a blank.
        let blank = UInt8(ascii: " ")
        let needsPairs = model.merges.contains {
            spelling($0.left).contains(blank) || spelling($0.right).contains(blank)
        }
        return .object([
            "type": .text("BPE"), "dropout": .null,
            "unk_token": model.unknown.map { .string(spelling($0)) } ?? .null,
            "continuing_subword_prefix": .null, "end_of_word_suffix": .null, "fuse_unk": .bool(model.fusesUnknown),
            "byte_fallback": .bool(false), "ignore_merges": .bool(model.ignoresMerges),
            "vocab": .object(
                model.vocabulary.spellings.enumerated().compactMap { identifier, spelling in
                    spelling.map { .init(key: $0, value: .number(Double(identifier))) }
                }),
            "merges": .array(
                model.merges.map {
                    needsPairs
                        ? .array([.string(spelling($0.left)), .string(spelling($0.right))])
                        : .string(spelling($0.left) + [blank] + spelling($0.right))
                }),
        ])
    }

    private var configuration: JSONValue {
        var members: [JSONValue.Member] = [
            // The class that takes tokenizer.json as it stands, in old and new versions of transformers.
            .init(key: Array("tokenizer_class".utf8), value: .text("PreTrainedTokenizerFast")),
            .init(key: Array("clean_up_tokenization_spaces".utf8), value: .bool(false)),
            .init(
                key: Array("add_prefix_space".utf8), value: .bool(preTokenizer.addsPrefixSpace)),
        ]
        for role in TokenRoles.Role.allCases {
            guard let token = roles.named[role] else { continue }
            members.append(.init(key: Array(role.rawValue.utf8), value: .string(token.content)))
        }
        return .object(members)
    }
}
