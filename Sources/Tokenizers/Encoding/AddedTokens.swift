/// A token that is found in the text before any splitting, as Hugging Face's `AddedToken`.
struct AddedToken: Sendable, Hashable {
    var content: [UInt8]
    /// Only where no word character adjoins.
    var singleWord = false
    /// Swallows the white space on its left.
    var stripsLeft = false
    /// Swallows the white space on its right.
    var stripsRight = false
    /// Looked for in the normalised text, after those that are not.
    var normalized = false
    /// Left out by decoding that skips special tokens.
    var special = true

    /// Whether it is found whatever is beside it, and takes nothing of that.
    var standsApart: Bool { !(singleWord || stripsLeft || stripsRight || normalized) }
}

/// The added tokens of a tokenizer with their ids.
struct AddedTokens: Sendable {
    enum Piece: Equatable {
        case text(Range<Int>)
        case token(Int32)
    }

    /// In order of id.
    let tokens: [(identifier: Int32, token: AddedToken)]
    private let verbatim: AddedTokenMatcher
    private let normalized: AddedTokenMatcher

    /// What those looked for in the normalised text look like there, where that differs from their content.
    private let normalizedContents: [Int32: [UInt8]]

    /// - Throws: ``TokenizerError/tooMuchWork(component:bytes:)`` where normalising the tokens takes more than any text may.
    init(_ tokens: [Int32: AddedToken], normalizer: Normalizer? = nil) throws {
        self.tokens = tokens.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
        verbatim = AddedTokenMatcher(self.tokens.filter { !$0.token.normalized })
        var contents: [Int32: [UInt8]] = [:]
        if let normalizer {
            var budget = EncodingBudget(length: tokens.values.reduce(0) { $0 + $1.content.count })
            for (identifier, token) in tokens where token.normalized {
                var beginsText = true
                let content = token.content.withUnsafeBufferPointer {
                    normalizer.normalized($0, beginsText: &beginsText, budget: &budget)
                }
                try budget.check()
                if content != token.content { contents[identifier] = content }
            }
        }
        normalizedContents = contents
        normalized = AddedTokenMatcher(
            self.tokens.filter { $0.token.normalized }.map { identifier, token in
                var token = token
                token.content = contents[identifier] ?? token.content
                return (identifier, token)
            })
    }

    /// What a token looks like in normalised text, where that differs from its content; decoding starts from it.
    func normalizedContent(of identifier: Int32) -> [UInt8]? { normalizedContents[identifier] }

    /// Cuts text at its added tokens; first those looked for in the text as given, then the others, as if the text were
    /// normalised already.
    func split(_ text: UnsafeBufferPointer<UInt8>, budget: inout EncodingBudget) -> [Piece] {
        let pieces = verbatim.split(text, budget: &budget)
        if normalized.isEmpty { return pieces }
        return pieces.flatMap { piece -> [Piece] in
            guard case .text(let range) = piece else { return [piece] }
            return normalized.split(UnsafeBufferPointer(rebasing: text[range]), budget: &budget).map { inner in
                guard case .text(let part) = inner else { return inner }
                return .text(part.lowerBound + range.lowerBound..<part.upperBound + range.lowerBound)
            }
        }
    }

    /// Cuts text as given at the tokens that are looked for in it.
    func splitVerbatim(_ text: UnsafeBufferPointer<UInt8>, budget: inout EncodingBudget) -> [Piece] {
        verbatim.split(text, budget: &budget)
    }

    /// Cuts normalised text at the tokens that are looked for in it.
    func splitNormalized(_ text: UnsafeBufferPointer<UInt8>, budget: inout EncodingBudget) -> [Piece] {
        normalized.split(text, budget: &budget)
    }
}

/// Finds added tokens: at the leftmost place the longest, without overlap.
private struct AddedTokenMatcher: Sendable {
    private let tokens: [(identifier: Int32, token: AddedToken)]
    /// Indices into `tokens`.
    private let trie: ByteTrie

    var isEmpty: Bool { tokens.isEmpty }

    init(_ tokens: [(identifier: Int32, token: AddedToken)]) {
        self.tokens = tokens
        // Of tokens that normalising makes equal the first counts.
        let indices = Dictionary(
            tokens.enumerated().map { ($0.element.token.content, Int32($0.offset)) }, uniquingKeysWith: min)
        trie = ByteTrie(indices.map { (key: $0.key, value: $0.value) })
    }

    func split(_ text: UnsafeBufferPointer<UInt8>, budget: inout EncodingBudget) -> [AddedTokens.Piece] {
        if text.isEmpty { return [] }
        if isEmpty { return [.text(0..<text.count)] }
        var pieces: [AddedTokens.Piece] = []
        // Where the text begins that no token has taken yet, and where the search goes on. They differ after a token
        // that swallows white space: a match inside that space still counts, as Hugging Face does it.
        var taken = 0
        var position = 0
        while position < text.count {
            var found: Int32?
            let looked = trie.forEachPrefix(of: text, from: position) { found = $1 }
            guard budget.spend(looked, on: "added_tokens") else { break }
            guard let index = found.map(Int.init) else {
                position += 1
                continue
            }
            let (identifier, token) = tokens[index]
            var range = position..<position + token.content.count
            position = range.upperBound
            if token.singleWord && !standsAlone(range, in: text) { continue }
            if token.stripsLeft {
                let start = endOfText(before: range.lowerBound, from: taken, in: text)
                range = start..<max(start, range.upperBound)
            }
            if token.stripsRight {
                range = range.lowerBound..<startOfText(after: max(taken, range.upperBound), in: text)
            }
            if taken < range.lowerBound { pieces.append(.text(taken..<range.lowerBound)) }
            pieces.append(.token(identifier))
            taken = range.upperBound
        }
        if taken < text.count { pieces.append(.text(taken..<text.count)) }
        return pieces
    }

    private func standsAlone(_ range: Range<Int>, in text: UnsafeBufferPointer<UInt8>) -> Bool {
        func isWord(at start: Int) -> Bool {
            let scalar = CharacterClasses.scalar(at: start, of: text).value
            return CharacterClasses.table[scalar] & CharacterClasses.wordBit != 0
        }
        if range.lowerBound > 0 && isWord(at: CharacterClasses.start(before: range.lowerBound, of: text)) {
            return false
        }
        return range.upperBound == text.count || !isWord(at: range.upperBound)
    }

    private func isSpace(at start: Int, in text: UnsafeBufferPointer<UInt8>) -> Bool {
        let scalar = CharacterClasses.scalar(at: start, of: text).value
        return CharacterClasses.table[scalar] & CharacterClasses.classBits == CharacterClasses.space
    }

    /// Where the white space begins that ends before `position`; never before `taken`.
    private func endOfText(before position: Int, from taken: Int, in text: UnsafeBufferPointer<UInt8>) -> Int {
        if position <= taken { return taken }
        var end = position
        while end > taken {
            let start = CharacterClasses.start(before: end, of: text)
            if !isSpace(at: start, in: text) { break }
            end = start
        }
        return end
    }

    /// Where the white space ends that begins at `position`.
    private func startOfText(after position: Int, in text: UnsafeBufferPointer<UInt8>) -> Int {
        var start = position
        while start < text.count && isSpace(at: start, in: text) {
            start += CharacterClasses.scalar(at: start, of: text).length
        }
        return start
    }
}
