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
            "normalizer": normalizerDocument, "pre_tokenizer": preTokenizer.document,
            "post_processor": postProcessor.document, "decoder": decoder.document,
            "model": modelDocument,
        ])
    }

    private var modelDocument: JSONValue {
        switch model {
        case .bytePairs(let model): model.document
        case .scoredPieces(let model): model.document
        case .unigram(let model): model.document
        case .wordPieces(let model):
            .object([
                "type": .text("WordPiece"), "unk_token": .string(model.unknownToken),
                "continuing_subword_prefix": .string(model.continuingPrefix),
                "max_input_chars_per_word": .number(Double(model.longestWord)), "vocab": model.vocabulary.document,
            ])
        case .words(let model):
            .object([
                "type": .text("WordLevel"), "vocab": model.vocabulary.document,
                "unk_token": .string(model.unknownToken),
            ])
        }
    }

    private var configuration: JSONValue {
        var members: [JSONValue.Member] = [
            // The class that takes tokenizer.json as it stands, in old and new versions of transformers.
            .init(key: Array("tokenizer_class".utf8), value: .text("PreTrainedTokenizerFast")),
            .init(key: Array("clean_up_tokenization_spaces".utf8), value: .bool(false)),
            .init(
                key: Array("add_prefix_space".utf8),
                value: .bool(preTokenizer.document["add_prefix_space"]?.bool ?? false)),
        ]
        for role in TokenRoles.Role.allCases {
            guard let token = roles.named[role] else { continue }
            members.append(.init(key: Array(role.rawValue.utf8), value: .string(token.content)))
        }
        return .object(members)
    }
}

extension Vocabulary {
    /// `{"token": id, …}`
    fileprivate var document: JSONValue {
        .object(
            spellings.enumerated().compactMap { identifier, spelling in
                spelling.map { .init(key: $0, value: .number(Double(identifier))) }
            })
    }

    /// The spelling of a token; null where there is none.
    fileprivate func document(of identifier: Int32?) -> JSONValue {
        identifier.flatMap(spelling(of:)).map { .string($0) } ?? .null
    }

    /// "left right" is read by every version of the library, but cannot tell apart tokens that contain a blank.
    fileprivate func document(of merges: [BytePairModel.Merge]) -> JSONValue {
        func spelling(_ identifier: Int32) -> [UInt8] { self.spelling(of: identifier) ?? [] }
        let blank = UInt8(ascii: " ")
        let needsPairs = merges.contains {
            spelling($0.left).contains(blank) || spelling($0.right).contains(blank)
        }
        return .array(
            merges.map {
                needsPairs
                    ? .array([.string(spelling($0.left)), .string(spelling($0.right))])
                    : .string(spelling($0.left) + [blank] + spelling($0.right))
            })
    }
}

extension BytePairModel {
    fileprivate var document: JSONValue {
        var characters: CharacterUnits?
        if case .characters(let units) = units { characters = units }
        func affix(_ affix: [UInt8]?) -> JSONValue { affix.map { $0.isEmpty ? .null : .string($0) } ?? .null }
        return .object([
            "type": .text("BPE"), "dropout": .null,
            "unk_token": vocabulary.document(of: unknown),
            "continuing_subword_prefix": affix(characters?.continuingPrefix),
            "end_of_word_suffix": affix(characters?.endSuffix), "fuse_unk": .bool(fusesUnknown),
            "byte_fallback": .bool(characters?.fallsBackToBytes ?? false), "ignore_merges": .bool(ignoresMerges),
            "vocab": vocabulary.document,
            "merges": vocabulary.document(of: merges),
        ])
    }
}

extension ScoredPieceModel {
    /// Hugging Face's library has no such model: it is written as byte-pair encoding with a list of merges.
    fileprivate var document: JSONValue {
        .object([
            "type": .text("BPE"), "dropout": .null, "unk_token": vocabulary.document(of: unknown),
            "continuing_subword_prefix": .null, "end_of_word_suffix": .null, "fuse_unk": .bool(true),
            "byte_fallback": .bool(true), "ignore_merges": .bool(false), "vocab": vocabulary.document,
            "merges": vocabulary.document(of: merges()),
        ])
    }
}

extension UnigramModel {
    fileprivate var document: JSONValue {
        .object([
            "type": .text("Unigram"), "unk_id": unknown.map { .number(Double($0)) } ?? .null,
            "vocab": .array(
                zip(vocabulary.spellings, scores).map { .array([.string($0 ?? []), .number($1)]) }),
            "byte_fallback": .bool(fallsBackToBytes),
        ])
    }
}
