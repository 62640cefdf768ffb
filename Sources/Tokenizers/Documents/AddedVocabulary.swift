/// Collects the added tokens of a tokenizer over the vocabulary of its model, while its files are read.
struct AddedVocabulary {
    /// Of the model and of the added tokens together.
    private(set) var vocabulary: Vocabulary
    /// The added tokens by id.
    private(set) var tokens: [Int32: AddedToken] = [:]
    let file: String

    init(over vocabulary: Vocabulary, file: String) {
        self.vocabulary = vocabulary
        self.file = file
    }

    func contains(_ content: [UInt8]) -> Bool {
        vocabulary.identifier(of: content).map { tokens[$0] != nil } ?? false
    }

    /// Adds a token, or replaces its attributes.
    ///
    /// - Parameter identifier: the id that the file declares; nil where it declares none: then the token keeps the id
    ///   it has in the vocabulary, or gets the next free one.
    /// - Throws: ``TokenizerError/inconsistent(file:component:reason:)`` where the id belongs to another token.
    mutating func add(_ token: AddedToken, as identifier: Int32? = nil) throws {
        // Hugging Face ignores empty added tokens as well: they could match everywhere.
        if token.content.isEmpty { return }
        let known = vocabulary.identifier(of: token.content)
        let chosen = identifier ?? known ?? Int32(vocabulary.size)
        // Holes are legal, but stray huge ids must not make us reserve gigabytes.
        let largest = vocabulary.identifiers.count * 8 + 65_536
        guard chosen >= 0, Int(chosen) <= largest, vocabulary.insert(token.content, as: chosen) else {
            let name = String(decoding: token.content, as: UTF8.self)
            throw TokenizerError.inconsistent(
                file: file, component: "added_tokens",
                reason: "\"\(name)\" cannot have the id \(chosen) beside the other tokens")
        }
        tokens[chosen] = token
    }
}
