/// Characters as the units that byte-pair merging starts from.
struct CharacterUnits: Sendable {
    /// Stands before each character of a word but the first; often nothing.
    let continuingPrefix: [UInt8]
    /// Stands behind the last character of a word, such as "</w>"; often nothing.
    let endSuffix: [UInt8]
    /// Whether a character that the vocabulary lacks becomes tokens of its bytes, "<0x41>".
    let fallsBackToBytes: Bool

    /// The token of each character by itself; −1 where there is none.
    private let identifiers: ScalarTable
    private let byteIdentifiers: [Int32]

    init(vocabulary: Vocabulary, continuingPrefix: [UInt8], endSuffix: [UInt8], fallsBackToBytes: Bool) {
        self.continuingPrefix = continuingPrefix
        self.endSuffix = endSuffix
        self.fallsBackToBytes = fallsBackToBytes
        var table = ScalarTable(absent: -1)
        for (spelling, identifier) in vocabulary.identifiers where (1...4).contains(spelling.count) {
            let (scalar, length) = spelling.withUnsafeBufferPointer { CharacterClasses.scalar(at: 0, of: $0) }
            if length == spelling.count { table[scalar] = identifier }
        }
        identifiers = table
        byteIdentifiers = vocabulary.byteFallbackIdentifiers
    }

    /// Appends the tokens of a word's characters.
    func append(
        _ word: UnsafeBufferPointer<UInt8>, vocabulary: Vocabulary, unknown: Int32?, fusesUnknown: Bool,
        to symbols: inout [Int32]
    ) {
        // An unknown token waits until the next known one; tokens of bytes overtake it, as in Hugging Face's library.
        var hasUnknown = false
        var position = 0
        while position < word.count {
            let (scalar, length) = CharacterClasses.scalar(at: position, of: word)
            let end = position + length
            let hasPrefix = position > 0 && !continuingPrefix.isEmpty
            let hasSuffix = end == word.count && !endSuffix.isEmpty
            var identifier: Int32 = -1
            var spelling: [UInt8] = []
            if hasPrefix || hasSuffix {
                spelling = (hasPrefix ? continuingPrefix : []) + word[position..<end] + (hasSuffix ? endSuffix : [])
                identifier = vocabulary.identifier(of: spelling) ?? -1
            } else {
                identifier = identifiers[scalar]
            }
            if identifier >= 0 {
                if hasUnknown, let unknown { symbols.append(unknown) }
                hasUnknown = false
                symbols.append(identifier)
            } else {
                if spelling.isEmpty { spelling = Array(word[position..<end]) }
                if fallsBackToBytes && spelling.allSatisfy({ byteIdentifiers[Int($0)] >= 0 }) {
                    for byte in spelling { symbols.append(byteIdentifiers[Int(byte)]) }
                } else if let unknown {
                    if hasUnknown && !fusesUnknown { symbols.append(unknown) }
                    hasUnknown = true
                }
            }
            position = end
        }
        if hasUnknown, let unknown { symbols.append(unknown) }
    }
}
