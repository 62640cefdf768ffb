extension WordScanner {
    /// The word of the patterns of Llama 3 and Qwen 2 that starts at `start`: the first that applies of
    ///
    ///     (?i:'s|'t|'re|'ve|'m|'ll|'d)   [^\r\n\p{L}\p{N}]?\p{L}+   \p{N}{1,digits}
    ///      ?[^\s\p{L}\p{N}]+[\r\n]*      \s*[\r\n]+                 \s+(?!\S)         \s+
    @inline(__always)
    func endOfLlamaWord(at start: Int, digits: Int) -> Int {
        let first = text[start]
        if first == UInt8(ascii: "'"), let end = endOfAnyCaseContraction(at: start) { return end }
        let (kind, length) = kind(at: start)
        let next = start + length
        switch kind {
        case CharacterClasses.letter: return endOfRun(of: kind, from: next)
        case CharacterClasses.number: return endOfNumber(from: next, digits: digits)
        default: break
        }
        let isLineEnd = first == 0x0A || first == 0x0D
        if next < text.count, !isLineEnd {
            let (nextKind, nextLength) = self.kind(at: next)
            if nextKind == CharacterClasses.letter { return endOfRun(of: nextKind, from: next + nextLength) }
            if kind == CharacterClasses.space && first == 0x20 && nextKind == CharacterClasses.other {
                return endOfLineEnds(from: endOfRun(of: nextKind, from: next + nextLength))
            }
        }
        if kind == CharacterClasses.other { return endOfLineEnds(from: endOfRun(of: kind, from: next)) }
        return endOfBlankRun(at: start)
    }

    private func endOfNumber(from second: Int, digits: Int) -> Int {
        var position = second
        for _ in 1..<max(1, digits) where position < text.count {
            let (kind, length) = kind(at: position)
            if kind != CharacterClasses.number { break }
            position += length
        }
        return position
    }

    @inline(__always)
    private func endOfLineEnds(from start: Int) -> Int {
        var position = start
        while position < text.count && (text[position] == 0x0A || text[position] == 0x0D) { position += 1 }
        return position
    }

    /// White space up to its last line end; where it has none, all of it at the end of the text, else all but its last
    /// character, which the next word takes up.
    private func endOfBlankRun(at start: Int) -> Int {
        var position = start
        var last = start
        var afterLineEnd = start
        while position < text.count {
            let (kind, length) = kind(at: position)
            if kind != CharacterClasses.space { break }
            last = position
            position += length
            if text[last] == 0x0A || text[last] == 0x0D { afterLineEnd = position }
        }
        if afterLineEnd > start { return afterLineEnd }
        return position == text.count || last == start ? position : last
    }

    /// Also "ſ" (U+017F), whose other case is "s".
    private func endOfAnyCaseContraction(at start: Int) -> Int? {
        guard start + 1 < text.count else { return nil }
        let second = text[start + 1]
        switch second | 0x20 {
        case UInt8(ascii: "s"), UInt8(ascii: "t"), UInt8(ascii: "m"), UInt8(ascii: "d"): return start + 2
        default: break
        }
        guard start + 2 < text.count else { return nil }
        if second == 0xC5 && text[start + 2] == 0xBF { return start + 3 }
        switch (second | 0x20, text[start + 2] | 0x20) {
        case (UInt8(ascii: "r"), UInt8(ascii: "e")), (UInt8(ascii: "v"), UInt8(ascii: "e")),
            (UInt8(ascii: "l"), UInt8(ascii: "l")):
            return start + 3
        default: return nil
        }
    }
}
