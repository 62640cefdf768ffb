/// Cuts text into words as well-known patterns do, without a regular-expression engine. Each of them matches any text
/// without gaps, so a word's end is the next word's start.
struct WordScanner {
    enum Pattern: Sendable, CaseIterable {
        case gpt2, llama3, qwen2

        /// As the files spell it.
        var expression: String {
            switch self {
            case .gpt2: #"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"#
            case .llama3:
                #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|"#
                    + #" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#
            case .qwen2:
                #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}|"#
                    + #" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#
            }
        }
    }

    let text: UnsafeBufferPointer<UInt8>
    /// ``CharacterClasses/table``.
    let classes: UnsafeBufferPointer<UInt8>
    var pattern = Pattern.gpt2

    /// The end of the word that starts at `start`, which must lie before the end of the text.
    @inline(__always)
    func end(ofWordAt start: Int) -> Int {
        switch pattern {
        case .gpt2: endOfGPT2Word(at: start)
        case .llama3: endOfLlamaWord(at: start, digits: 3)
        case .qwen2: endOfLlamaWord(at: start, digits: 1)
        }
    }

    @inline(__always)
    private func endOfGPT2Word(at start: Int) -> Int {
        let first = text[start]
        if first == UInt8(ascii: "'"), let end = endOfContraction(at: start) { return end }
        let (kind, length) = kind(at: start)
        guard kind == CharacterClasses.space else { return endOfRun(of: kind, from: start + length) }
        let next = start + length
        guard next < text.count else { return next }
        let (nextKind, nextLength) = self.kind(at: next)
        if nextKind != CharacterClasses.space {
            // A single blank belongs to what follows; any other single white space stands alone.
            return first == 0x20 ? endOfRun(of: nextKind, from: next + nextLength) : next
        }
        return endOfSpaces(from: next)
    }

    /// `\s+(?!\S)` for a run of two or more: all of it at the end of the text, else all but its last character, which
    /// the next word takes up.
    private func endOfSpaces(from second: Int) -> Int {
        var last = second
        var position = second
        while position < text.count {
            let (kind, length) = kind(at: position)
            if kind != CharacterClasses.space { return last }
            last = position
            position += length
        }
        return position
    }

    @inline(__always)
    func kind(at position: Int) -> (kind: UInt8, length: Int) {
        let (scalar, length) = CharacterClasses.scalar(at: position, of: text)
        return (classes[scalar] & CharacterClasses.classBits, length)
    }

    @inline(__always)
    func endOfRun(of kind: UInt8, from start: Int) -> Int {
        var position = start
        while position < text.count {
            let (next, length) = self.kind(at: position)
            if next != kind { break }
            position += length
        }
        return position
    }

    private func endOfContraction(at start: Int) -> Int? {
        guard start + 1 < text.count else { return nil }
        let second = text[start + 1]
        switch second {
        case UInt8(ascii: "s"), UInt8(ascii: "t"), UInt8(ascii: "m"), UInt8(ascii: "d"): return start + 2
        default: break
        }
        guard start + 2 < text.count else { return nil }
        switch (second, text[start + 2]) {
        case (UInt8(ascii: "r"), UInt8(ascii: "e")), (UInt8(ascii: "v"), UInt8(ascii: "e")),
            (UInt8(ascii: "l"), UInt8(ascii: "l")):
            return start + 3
        default: return nil
        }
    }
}
