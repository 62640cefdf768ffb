/// Byte-level byte-pair encoding (Sennrich et al. 2016; Radford et al. 2019): a word starts as its bytes, and the
/// adjacent pair that stands earliest in the list of merges becomes one token, until no pair is in the list.
struct BytePairModel: Sendable {
    struct Merge: Sendable, Equatable {
        var left: Int32
        var right: Int32
    }

    /// As stored, in the spelling of ``ByteAlphabet``.
    let vocabulary: Vocabulary
    /// In order of precedence.
    let merges: [Merge]
    /// Stands for bytes that the vocabulary lacks; where nil, such bytes are dropped, as Hugging Face does.
    let unknown: Int32?
    /// Whether several unknown bytes in a row become one token.
    let fusesUnknown: Bool
    /// Whether a word that is in the vocabulary is taken as it is, whatever the merges say (Llama 3).
    let ignoresMerges: Bool

    let pairs: PairTable
    /// The token of each single byte; −1 where the vocabulary lacks it.
    let byteIdentifiers: [Int32]
    /// Words by their bytes; filled only where ``ignoresMerges``.
    private let wholeWords: [[UInt8]: Int32]

    /// - Parameter file: named in errors.
    /// - Throws: ``TokenizerError/inconsistent(file:component:reason:)`` where a merge makes no token of the vocabulary.
    init(
        vocabulary: Vocabulary, merges: [Merge], unknown: Int32? = nil, fusesUnknown: Bool = false,
        ignoresMerges: Bool = false, file: String
    ) throws {
        self.vocabulary = vocabulary
        self.merges = merges
        self.unknown = unknown
        self.fusesUnknown = fusesUnknown
        self.ignoresMerges = ignoresMerges
        var pairs = PairTable(capacity: merges.count)
        for (rank, merge) in merges.enumerated() {
            guard let left = vocabulary.spelling(of: merge.left), let right = vocabulary.spelling(of: merge.right),
                let identifier = vocabulary.identifier(of: left + right)
            else {
                throw TokenizerError.inconsistent(
                    file: file, component: "merges", reason: "merge \(rank) does not make a token of the vocabulary")
            }
            pairs.set(merge.left, merge.right, to: .init(rank: Int32(rank), identifier: identifier))
        }
        self.pairs = pairs
        byteIdentifiers = (0...UInt8.max).map { vocabulary.identifier(of: ByteAlphabet.spelling(of: [$0])) ?? -1 }
        var wholeWords: [[UInt8]: Int32] = [:]
        if ignoresMerges {
            for (spelling, identifier) in vocabulary.identifiers {
                if let bytes = ByteAlphabet.bytes(spelledBy: spelling) { wholeWords[bytes] = identifier }
            }
        }
        self.wholeWords = wholeWords
    }

    /// Appends the tokens of one word.
    @inline(__always)
    func appendIdentifiers(
        of word: UnsafeBufferPointer<UInt8>, to output: inout [Int32], workspace: inout EncodingWorkspace
    ) {
        if let key = WordCache.Key(word) {
            if workspace.cache.append(key, to: &output) { return }
            let start = output.count
            appendUncached(word, to: &output, workspace: &workspace)
            workspace.cache.store(output[start...], for: key)
        } else {
            appendUncached(word, to: &output, workspace: &workspace)
        }
    }

    private func appendUncached(
        _ word: UnsafeBufferPointer<UInt8>, to output: inout [Int32], workspace: inout EncodingWorkspace
    ) {
        if ignoresMerges, let identifier = wholeWords[Array(word)] {
            output.append(identifier)
            return
        }
        setSymbols(of: word, in: &workspace)
        if workspace.symbols.count <= Self.longestScannedWord {
            mergeByScanning(&workspace)
        } else {
            mergeByQueue(&workspace)
        }
        output.append(contentsOf: workspace.symbols)
    }

    private func setSymbols(of word: UnsafeBufferPointer<UInt8>, in workspace: inout EncodingWorkspace) {
        workspace.symbols.removeAll(keepingCapacity: true)
        var afterUnknown = false
        for byte in word {
            let identifier = byteIdentifiers[Int(byte)]
            if identifier >= 0 {
                workspace.symbols.append(identifier)
                afterUnknown = false
            } else if let unknown {
                if !(afterUnknown && fusesUnknown) { workspace.symbols.append(unknown) }
                afterUnknown = true
            }
        }
    }
}
