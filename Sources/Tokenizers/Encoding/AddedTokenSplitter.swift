/// Cuts text at its added tokens as the slow tokenizers of transformers do (`PreTrainedTokenizer.tokenize`).
///
/// Other than the `tokenizers` library (see ``AddedTokens``): white space is Python's, it is taken from the neighbour
/// even where that is a token itself, and a token that must stand alone only asks for blanks around it.
struct AddedTokenSplitter: Sendable {
    private let tokens: [[UInt8]: (identifier: Int32, token: AddedToken)]
    private let trie: ByteTrie

    init(_ tokens: [Int32: AddedToken]) {
        var known: [[UInt8]: (identifier: Int32, token: AddedToken)] = [:]
        for (identifier, token) in tokens where !token.content.isEmpty { known[token.content] = (identifier, token) }
        self.tokens = known
        trie = ByteTrie(known.map { (key: $0.key, value: $0.value.identifier) })
    }

    /// The id of an added token.
    func identifier(of content: [UInt8]) -> Int32? { tokens[content]?.identifier }

    /// Hands over the text between added tokens, and their ids, in order.
    func split(
        _ text: UnsafeBufferPointer<UInt8>, text takeText: (UnsafeBufferPointer<UInt8>) throws -> Void,
        token takeToken: (Int32) -> Void
    ) throws {
        let parts = try cut(text)
        if parts.isEmpty {
            if !text.isEmpty { try takeText(text) }
            return
        }
        for part in stripped(parts) where !part.isEmpty {
            if let identifier = identifier(of: part) {
                takeToken(identifier)
            } else {
                try part.withUnsafeBufferPointer(takeText)
            }
        }
    }

    /// Tokens and the text between them, none of them empty; nothing where there are no tokens.
    private func cut(_ text: UnsafeBufferPointer<UInt8>) throws -> [[UInt8]] {
        var budget = EncodingBudget(length: text.count)
        var parts: [[UInt8]] = []
        var taken = 0, position = 0
        while position < text.count {
            var end: Int?
            let looked = trie.forEachPrefix(of: text, from: position) { place, _ in end = place }
            guard budget.spend(looked, on: "added_tokens") else { try budget.check(); return [] }
            guard let end else {
                position += 1
                continue
            }
            if taken < position { parts.append(Array(text[taken..<position])) }
            parts.append(Array(text[position..<end]))
            position = end
            taken = position
        }
        if taken > 0 && taken < text.count { parts.append(Array(text[taken...])) }
        return parts
    }

    private func stripped(_ parts: [[UInt8]]) -> [[UInt8]] {
        var parts = parts
        let blank = UInt8(ascii: " ")
        for index in parts.indices {
            guard let token = tokens[parts[index]]?.token else { continue }
            let before = index > 0 ? index - 1 : nil
            let after = index + 1 < parts.count ? index + 1 : nil
            // Python looks at the neighbours as they are before this token takes their white space.
            let (left, right) = (before.map { parts[$0] } ?? [], after.map { parts[$0] } ?? [])
            if token.stripsRight, let after { parts[after] = PythonWhiteSpace.trimmingStart(of: right) }
            if token.stripsLeft, let before { parts[before] = PythonWhiteSpace.trimmingEnd(of: left) }
            guard token.singleWord else { continue }
            if let before, let last = left.last, last != blank {
                parts[before] += token.content
                parts[index] = []
            } else if let after, let first = right.first, first != blank {
                parts[after] = token.content + parts[after]
                parts[index] = []
            }
        }
        return parts
    }
}

/// What `str.strip()` of Python takes away.
enum PythonWhiteSpace {
    static func contains(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x09...0x0D, 0x1C...0x20, 0x85, 0xA0, 0x1680, 0x2000...0x200A, 0x2028, 0x2029, 0x202F, 0x205F, 0x3000: true
        default: false
        }
    }

    static func trimmingStart(of text: [UInt8]) -> [UInt8] {
        Array(String(String(decoding: text, as: UTF8.self).unicodeScalars.drop(while: contains)).utf8)
    }

    static func trimmingEnd(of text: [UInt8]) -> [UInt8] {
        var scalars = String(decoding: text, as: UTF8.self).unicodeScalars[...]
        while let last = scalars.last, contains(last) { scalars.removeLast() }
        return Array(String(scalars).utf8)
    }
}
