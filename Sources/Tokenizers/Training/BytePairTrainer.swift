/// Learns a byte-level byte-pair vocabulary from text (Sennrich et al. 2016, with GPT-2's bytes and words).
///
/// Ids are given in this order: special tokens, the 256 bytes in the order of their spelling, merges. Among equally
/// frequent pairs the one with the lower ids wins, so that the same text always gives the same tokenizer, and the one
/// that Hugging Face's `BpeTrainer` gives.
///
/// ```swift
/// let tokenizer = try BytePairTrainer(vocabularySize: 4_096).train(on: lines)
/// try tokenizer.write(to: folder)
/// ```
public struct BytePairTrainer: Sendable {
    /// How many tokens to learn at most, special tokens and bytes included.
    public var vocabularySize: Int
    /// Tokens with ids of their own, never learnt from or split; `<|endoftext|>` among them ends texts.
    public var specialTokens: [String]
    /// Pairs seen less often are not merged; with little text the vocabulary then stays smaller.
    public var minimumPairCount: Int

    /// A trainer for byte-level vocabularies.
    public init(vocabularySize: Int, specialTokens: [String] = ["<|endoftext|>"], minimumPairCount: Int = 2) {
        self.vocabularySize = vocabularySize
        self.specialTokens = specialTokens
        self.minimumPairCount = minimumPairCount
    }

    /// Learns from the texts; words never reach from one text into the next.
    ///
    /// Keeps each different word once, so memory grows with the vocabulary of the text, not with its length.
    ///
    /// - Throws: ``TokenizerError/vocabularySizeOutOfRange(requested:allowed:)`` or
    ///   ``TokenizerError/badSpecialToken(_:)``.
    public func train(on texts: some Sequence<String>) throws -> Tokenizer {
        let allowed = specialTokens.count + 256...1 << 24
        guard allowed.contains(vocabularySize) else {
            throw TokenizerError.vocabularySizeOutOfRange(requested: vocabularySize, allowed: allowed)
        }
        var vocabulary = Vocabulary(capacity: vocabularySize)
        var special: [Int32: AddedToken] = [:]
        for token in specialTokens {
            let content = Array(token.utf8)
            let identifier = Int32(vocabulary.size)
            guard !content.isEmpty, vocabulary.identifier(of: content) == nil,
                vocabulary.insert(content, as: identifier)
            else { throw TokenizerError.badSpecialToken(token) }
            special[identifier] = AddedToken(content: content)
        }
        for scalar in ByteAlphabet.scalars.sorted() {
            let content = Array(String(scalar).utf8)
            guard vocabulary.insert(content, as: Int32(vocabulary.size)) else {
                throw TokenizerError.badSpecialToken(String(scalar))
            }
        }

        let words = countWords(of: texts, without: try AddedTokens(special))
        let merges = learnMerges(from: words, into: &vocabulary)
        let model = try BytePairModel(vocabulary: vocabulary, merges: merges, file: "the trained vocabulary")
        var added = AddedVocabulary(over: vocabulary, file: "the trained vocabulary")
        for token in special.sorted(by: { $0.key < $1.key }) { try added.add(token.value) }
        var roles = TokenRoles()
        if let end = special.values.first(where: { $0.content.elementsEqual("<|endoftext|>".utf8) }) {
            roles.named = [.beginningOfText: end, .endOfText: end, .unknown: end]
        }
        return Tokenizer(
            try TokenizerCore(byteLevel: model, addedTokens: added, postProcessor: .byteLevel, roles: roles))
    }

    private func countWords(of texts: some Sequence<String>, without special: AddedTokens) -> WordCounts {
        var words = WordCounts()
        CharacterClasses.table.withUnsafeBufferPointer { classes in
            for var text in texts {
                text.withUTF8 { bytes in
                    var budget = EncodingBudget.unlimited
                    for case .text(let range) in special.split(bytes, budget: &budget) {
                        let piece = UnsafeBufferPointer(rebasing: bytes[range])
                        let scanner = WordScanner(text: piece, classes: classes)
                        var start = 0
                        while start < piece.count {
                            let end = scanner.end(ofWordAt: start)
                            words.count(UnsafeBufferPointer(rebasing: piece[start..<end]))
                            start = end
                        }
                    }
                }
            }
        }
        return words
    }

    /// Merges the most frequent pair again and again, adding its token to `vocabulary`.
    private func learnMerges(from words: WordCounts, into vocabulary: inout Vocabulary) -> [BytePairModel.Merge] {
        let bytes = (0...UInt8.max).map { vocabulary.identifier(of: ByteAlphabet.spelling(of: [$0])) ?? 0 }
        var corpus = PairCorpus(words, byteIdentifiers: bytes)
        var merges: [BytePairModel.Merge] = []
        while vocabulary.size < vocabularySize, let pair = corpus.mostFrequentPair(atLeast: max(1, minimumPairCount)) {
            let spelling =
                (vocabulary.spelling(of: pair.left) ?? []) + (vocabulary.spelling(of: pair.right) ?? [])
            // The same token may be made from different halves; it keeps its first id.
            let identifier = vocabulary.identifier(of: spelling) ?? Int32(vocabulary.size)
            _ = vocabulary.insert(spelling, as: identifier)
            merges.append(pair)
            corpus.merge(pair, into: identifier)
        }
        return merges
    }
}
