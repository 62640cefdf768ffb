/// Byte-pair encoding (Sennrich et al. 2016): a word starts as its smallest units, and the adjacent pair that stands
/// earliest in the list of merges becomes one token, until no pair is in the list.
struct BytePairModel: Sendable {
    struct Merge: Sendable, Equatable {
        var left: Int32
        var right: Int32
    }

    /// What words start as.
    enum Units: Sendable {
        /// Bytes, in the spelling of ``ByteAlphabet`` (Radford et al. 2019). Words are given as the bytes themselves.
        case bytes
        /// Characters.
        case characters(CharacterUnits)
    }

    /// As stored.
    let vocabulary: Vocabulary
    /// In order of precedence.
    let merges: [Merge]
    let units: Units
    /// Stands for units that the vocabulary lacks; where nil, such units are dropped, as Hugging Face does.
    let unknown: Int32?
    /// Whether several unknown units in a row become one token.
    let fusesUnknown: Bool
    /// Whether a word that is in the vocabulary is taken as it is, whatever the merges say (Llama 3).
    let ignoresMerges: Bool

    let pairs: PairTable
    /// The token of each single byte; −1 where the vocabulary lacks it.
    let byteIdentifiers: [Int32]
    /// Words by their bytes; filled only where ``ignoresMerges`` and the units are bytes.
    private let wholeWords: [[UInt8]: Int32]

    /// - Parameter file: named in errors.
    /// - Throws: ``TokenizerError/inconsistent(file:component:reason:)`` where a merge makes no token of the vocabulary.
    init(
        vocabulary: Vocabulary, merges: [Merge], units: Units = .bytes, unknown: Int32? = nil,
        fusesUnknown: Bool = false, ignoresMerges: Bool = false, file: String
    ) throws {
        self.vocabulary = vocabulary
        self.merges = merges
        self.units = units
        self.unknown = unknown
        self.fusesUnknown = fusesUnknown
        self.ignoresMerges = ignoresMerges
        // What continues a word loses its mark of that where it joins what stands before it.
        let prefixLength = if case .characters(let units) = units { units.continuingPrefix.count } else { 0 }
        var pairs = PairTable(capacity: merges.count)
        for (rank, merge) in merges.enumerated() {
            guard let left = vocabulary.spelling(of: merge.left), let right = vocabulary.spelling(of: merge.right),
                right.count >= prefixLength,
                let identifier = vocabulary.identifier(of: left + right[prefixLength...])
            else {
                throw TokenizerError.inconsistent(
                    file: file, component: "merges", reason: "merge \(rank) does not make a token of the vocabulary")
            }
            pairs.set(merge.left, merge.right, to: .init(rank: Int32(rank), identifier: identifier))
        }
        self.pairs = pairs
        byteIdentifiers = (0...255).map { vocabulary.identifier(of: ByteAlphabet.spellings[$0]) ?? -1 }
        var wholeWords: [[UInt8]: Int32] = [:]
        if ignoresMerges, case .bytes = units {
            for (spelling, identifier) in vocabulary.identifiers {
                if let bytes = ByteAlphabet.bytes(spelledBy: spelling) { wholeWords[bytes] = identifier }
            }
        }
        self.wholeWords = wholeWords
    }

    /// Appends the tokens of one word.
    func appendIdentifiers(
        of word: UnsafeBufferPointer<UInt8>, to output: inout [Int32], workspace: inout EncodingWorkspace
    ) {
        workspace.symbols.removeAll(keepingCapacity: true)
        switch units {
        case .bytes:
            if ignoresMerges, let identifier = wholeWords[Array(word)] { return output.append(identifier) }
            appendBytes(of: word, to: &workspace.symbols)
        case .characters(let units):
            if ignoresMerges, let identifier = vocabulary.identifier(of: Array(word)) {
                return output.append(identifier)
            }
            units.append(
                word, vocabulary: vocabulary, unknown: unknown, fusesUnknown: fusesUnknown, to: &workspace.symbols)
        }
        if workspace.symbols.count <= Self.longestScannedWord {
            mergeByScanning(&workspace)
        } else {
            mergeByQueue(&workspace)
        }
        output.append(contentsOf: workspace.symbols)
    }

    private func appendBytes(of word: UnsafeBufferPointer<UInt8>, to symbols: inout [Int32]) {
        var afterUnknown = false
        for byte in word {
            let identifier = byteIdentifiers[Int(byte)]
            if identifier >= 0 {
                symbols.append(identifier)
                afterUnknown = false
            } else if let unknown {
                if !(afterUnknown && fusesUnknown) { symbols.append(unknown) }
                afterUnknown = true
            }
        }
    }
}
