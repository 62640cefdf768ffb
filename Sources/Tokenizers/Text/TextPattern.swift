/// What `Split` and `Replace` look for, and what the other pre-tokenizers cut at.
enum TextPattern: Sendable {
    /// One of the well-known patterns, which cover any text without gaps: each word is a match.
    case words(WordScanner.Pattern)
    /// Text as it stands.
    case literal([UInt8])
    case regex(OnigurumaRegex)
    /// Each single character with one of these bits of ``CharacterClasses/table``.
    case characters(bits: UInt8)
    /// Each white space.
    case whiteSpace
    /// `\w+|[^\w\s]+`.
    case wordsAndSigns

    /// Calls `body` with each match in turn; they are in order and do not overlap.
    func forEachMatch(
        in text: UnsafeBufferPointer<UInt8>, budget: inout EncodingBudget, _ body: (Range<Int>) -> Void
    ) {
        switch self {
        case .regex(let regex): regex.forEachMatch(in: text, budget: &budget, body)
        case .literal(let content): Self.findLiteral(content, in: text, body)
        case .words(let pattern):
            CharacterClasses.table.withUnsafeBufferPointer { classes in
                let scanner = WordScanner(text: text, classes: classes, pattern: pattern)
                var start = 0
                while start < text.count {
                    let end = scanner.end(ofWordAt: start)
                    body(start..<end)
                    start = end
                }
            }
        case .characters(let bits): Self.findCharacters(in: text, body) { $0 & bits != 0 }
        case .whiteSpace:
            Self.findCharacters(in: text, body) { $0 & CharacterClasses.classBits == CharacterClasses.space }
        case .wordsAndSigns: Self.findWordsAndSigns(in: text, body)
        }
    }

    private static func findLiteral(
        _ content: [UInt8], in text: UnsafeBufferPointer<UInt8>, _ body: (Range<Int>) -> Void
    ) {
        guard !content.isEmpty else {
            // The empty pattern matches before each character.
            var position = 0
            while position < text.count {
                body(position..<position)
                position += CharacterClasses.scalar(at: position, of: text).length
            }
            return body(position..<position)
        }
        // Not longer than the text, so that the table does not cost more than the search.
        guard content.count <= text.count else { return }
        // Knuth, Morris, Pratt: how much of the beginning of `content` ends at each of its places. Each byte of the text is
        // looked at once, however alike text and content are.
        var borders = [0]
        var length = 0
        for index in content.indices.dropFirst() {
            while length > 0 && content[index] != content[length] { length = borders[length - 1] }
            if content[index] == content[length] { length += 1 }
            borders.append(length)
        }
        length = 0
        for position in text.indices {
            while length > 0 && text[position] != content[length] { length = borders[length - 1] }
            if text[position] == content[length] { length += 1 }
            if length == content.count {
                body(position + 1 - length..<position + 1)
                length = 0
            }
        }
    }

    @inline(__always)
    private static func findCharacters(
        in text: UnsafeBufferPointer<UInt8>, _ body: (Range<Int>) -> Void, where isMatch: (UInt8) -> Bool
    ) {
        CharacterClasses.table.withUnsafeBufferPointer { classes in
            var position = 0
            while position < text.count {
                let (scalar, length) = CharacterClasses.scalar(at: position, of: text)
                if isMatch(classes[scalar]) { body(position..<position + length) }
                position += length
            }
        }
    }

    private static func findWordsAndSigns(in text: UnsafeBufferPointer<UInt8>, _ body: (Range<Int>) -> Void) {
        CharacterClasses.table.withUnsafeBufferPointer { classes in
            // 0 for white space, 1 for word characters, 2 for others. No white space is a word character.
            func kind(_ classes: UInt8) -> Int {
                if classes & CharacterClasses.wordBit != 0 { return 1 }
                return classes & CharacterClasses.classBits == CharacterClasses.space ? 0 : 2
            }
            var position = 0
            var start = 0
            var current = 0
            while position < text.count {
                let (scalar, length) = CharacterClasses.scalar(at: position, of: text)
                let next = kind(classes[scalar])
                if next != current {
                    if current != 0 { body(start..<position) }
                    start = position
                    current = next
                }
                position += length
            }
            if current != 0 { body(start..<position) }
        }
    }
}
