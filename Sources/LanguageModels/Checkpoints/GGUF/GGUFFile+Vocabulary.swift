import Synchronization
import Tokenizers

extension GGUFFile {
    /// What the metadata says of the tokenizer. It is read once: hundreds of thousands of tokens, which configuration, conventions and
    /// tokenizer all ask for.
    ///
    /// - Throws: ``CheckpointError/invalidConfiguration(file:path:reason:)``, which names the key.
    var vocabulary: GGUFVocabulary {
        get throws {
            try memory.vocabulary.withLock { known in
                if let known { return known }
                let read = try readVocabulary()
                known = read
                return read
            }
        }
    }

    private func readVocabulary() throws -> GGUFVocabulary {
        func key(_ name: String) -> String { "tokenizer.ggml.\(name)" }
        guard let model = try metadata.text(key("model")), let tokens = try metadata.texts(key("tokens")) else {
            throw metadata.invalid(key(metadata.has(key("model")) ? "tokens" : "model"), "the key is missing")
        }
        var vocabulary = GGUFVocabulary(model: model)
        vocabulary.tokens = tokens
        vocabulary.pre = try metadata.text(key("pre"))
        vocabulary.scores = try metadata.numbers(key("scores"))
        vocabulary.types = try metadata.integers(key("token_type"))?.map { Int32(clamping: $0) }
        vocabulary.merges = try metadata.texts(key("merges"))
        vocabulary.beginToken = try metadata.integer(key("bos_token_id"))
        vocabulary.endToken = try metadata.integer(key("eos_token_id"))
        vocabulary.unknownToken = try metadata.integer(key("unknown_token_id"))
        vocabulary.paddingToken = try metadata.integer(key("padding_token_id"))
        vocabulary.endOfTurnToken = try metadata.integer(key("eot_token_id"))
        vocabulary.endOfMessageToken = try metadata.integer(key("eom_token_id"))
        vocabulary.addsBeginToken = try metadata.flag(key("add_bos_token"))
        vocabulary.addsEndToken = try metadata.flag(key("add_eos_token"))
        vocabulary.addsSpacePrefix = try metadata.flag(key("add_space_prefix"))
        vocabulary.removesExtraWhitespace = try metadata.flag(key("remove_extra_whitespaces"))
        vocabulary.precompiledMap = try metadata.integers(key("precompiled_charsmap"))?.map {
            UInt8(truncatingIfNeeded: $0)
        }
        return vocabulary
    }
}
