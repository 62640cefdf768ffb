/// What turns the words that the pre-tokenizer has cut into token ids: the `model` of `tokenizer.json`.
enum TokenModel: Sendable {
    case bytePairs(BytePairModel)
    case scoredPieces(ScoredPieceModel)
    case unigram(UnigramModel)
    case wordPieces(WordPieceModel)
    case words(WordLevelModel)

    var vocabulary: Vocabulary {
        switch self {
        case .bytePairs(let model): model.vocabulary
        case .scoredPieces(let model): model.vocabulary
        case .unigram(let model): model.vocabulary
        case .wordPieces(let model): model.vocabulary
        case .words(let model): model.vocabulary
        }
    }

    /// Appends the tokens of one word.
    @inline(__always)
    func appendIdentifiers(
        of word: UnsafeBufferPointer<UInt8>, to output: inout [Int32], workspace: inout EncodingWorkspace,
        budget: inout EncodingBudget
    ) {
        if let key = WordCache.Key(word) {
            if workspace.cache.append(key, to: &output) { return }
            let start = output.count
            appendUncached(word, to: &output, workspace: &workspace, budget: &budget)
            if !budget.isExhausted { workspace.cache.store(output[start...], for: key) }
        } else {
            appendUncached(word, to: &output, workspace: &workspace, budget: &budget)
        }
    }

    private func appendUncached(
        _ word: UnsafeBufferPointer<UInt8>, to output: inout [Int32], workspace: inout EncodingWorkspace,
        budget: inout EncodingBudget
    ) {
        switch self {
        case .bytePairs(let model): model.appendIdentifiers(of: word, to: &output, workspace: &workspace)
        case .scoredPieces(let model): model.appendIdentifiers(of: word, to: &output, budget: &budget)
        case .unigram(let model): model.appendIdentifiers(of: word, to: &output, budget: &budget)
        case .wordPieces(let model): model.appendIdentifiers(of: word, to: &output, budget: &budget)
        case .words(let model): model.appendIdentifiers(of: word, to: &output)
        }
    }
}

/// A token per word of the vocabulary.
struct WordLevelModel: Sendable {
    let vocabulary: Vocabulary
    /// As the file has it; it need not be in the vocabulary.
    let unknownToken: [UInt8]

    /// Appends the word's token, else the unknown token; nothing where that is not in the vocabulary.
    func appendIdentifiers(of word: UnsafeBufferPointer<UInt8>, to output: inout [Int32]) {
        if let identifier = vocabulary.identifier(of: Array(word)) ?? vocabulary.identifier(of: unknownToken) {
            output.append(identifier)
        }
    }
}

/// BERT's word pieces: the longest token that the word begins with, then the longest that its rest begins with, and so
/// on; where one has none, the whole word is unknown.
struct WordPieceModel: Sendable {
    let vocabulary: Vocabulary
    let unknownToken: [UInt8]
    /// Marks tokens that continue a word, usually "##".
    let continuingPrefix: [UInt8]
    /// Words of more characters are unknown.
    let longestWord: Int

    /// Tokens that begin words.
    private let beginnings: ByteTrie
    /// Tokens that continue words, without the prefix.
    private let continuations: ByteTrie

    init(vocabulary: Vocabulary, unknownToken: [UInt8], continuingPrefix: [UInt8], longestWord: Int) {
        self.vocabulary = vocabulary
        self.unknownToken = unknownToken
        self.continuingPrefix = continuingPrefix
        self.longestWord = longestWord
        let entries = vocabulary.identifiers.map { (key: $0.key, value: $0.value) }
        beginnings = ByteTrie(entries)
        continuations = ByteTrie(
            entries.filter { $0.key.starts(with: continuingPrefix) }
                .map { (key: Array($0.key.dropFirst(continuingPrefix.count)), value: $0.value) })
    }

    func appendIdentifiers(
        of word: UnsafeBufferPointer<UInt8>, to output: inout [Int32], budget: inout EncodingBudget
    ) {
        let first = output.count
        let characters = word.reduce(0) { $0 + ($1 & 0xC0 == 0x80 ? 0 : 1) }
        var isKnown = characters <= longestWord
        var start = 0
        while isKnown && start < word.count {
            var longest: (end: Int, identifier: Int32)?
            let trie = start == 0 ? beginnings : continuations
            let looked = trie.forEachPrefix(of: word, from: start) { longest = ($0, $1) }
            guard budget.spend(looked, on: "vocabulary") else { return }
            if let longest {
                output.append(longest.identifier)
                start = longest.end
            } else {
                isKnown = false
            }
        }
        guard !isKnown else { return }
        output.removeLast(output.count - first)
        if let unknown = vocabulary.identifier(of: unknownToken) { output.append(unknown) }
    }
}
