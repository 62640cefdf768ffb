import Foundation

extension Tokenizer {
    /// Writes `tokenizer.json` and `tokenizer_config.json`, which Hugging Face's `tokenizers` and `transformers` load
    /// and which encode as this tokenizer does.
    ///
    /// Each file is written beside, synchronised and renamed: a failure leaves what was there.
    ///
    /// - Parameter folder: made where it does not exist.
    /// - Throws: ``TokenizerError/unwritable(file:reason:)``.
    public func write(to folder: URL) throws {
        do {
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        } catch {
            throw TokenizerError.unwritable(file: folder.path, reason: error.localizedDescription)
        }
        try Self.write(document, to: folder.appendingPathComponent("tokenizer.json"))
        try Self.write(configuration, to: folder.appendingPathComponent("tokenizer_config.json"))
    }

    private static func write(_ value: JSONValue, to file: URL) throws {
        let beside = file.deletingLastPathComponent()
            .appendingPathComponent(".\(file.lastPathComponent).\(UUID().uuidString)")
        do {
            try Data(value.serialized() + [0x0A]).write(to: beside)
            let handle = try FileHandle(forWritingTo: beside)
            try handle.synchronize()
            try handle.close()
            guard rename(beside.path, file.path) == 0 else {
                throw TokenizerError.unwritable(file: file.path, reason: String(cString: strerror(errno)))
            }
        } catch {
            try? FileManager.default.removeItem(at: beside)
            if let error = error as? TokenizerError { throw error }
            throw TokenizerError.unwritable(file: file.path, reason: error.localizedDescription)
        }
    }

    private var document: JSONValue {
        let preTokenizer = core.preTokenizer
        return .object([
            "version": .text("1.0"), "truncation": .null, "padding": .null,
            "added_tokens": .array(
                core.addedTokens.tokens.map { identifier, token in
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
            "post_processor": core.postProcessor.document,
            "decoder": ByteLevel.document(addsPrefixSpace: true, usesPattern: true),
            "model": model,
        ])
    }

    private var model: JSONValue {
        let model = core.model
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
                key: Array("add_prefix_space".utf8), value: .bool(core.preTokenizer.addsPrefixSpace)),
        ]
        for role in TokenRoles.Role.allCases {
            guard let token = core.roles.named[role] else { continue }
            members.append(.init(key: Array(role.rawValue.utf8), value: .string(token.content)))
        }
        return .object(members)
    }
}
