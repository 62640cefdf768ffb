/// How tokens become text: the `decoder` of `tokenizer.json`, a list of steps, each of which turns a list of tokens into
/// another; the text is what the last one leaves, put together.
struct DecoderChain: Sendable {
    enum Step: Sendable {
        /// Bytes from their spelling in ``ByteAlphabet``, all put together.
        case byteLevel
        /// Marks become blanks; those of the first token vanish where `stripsFirst`.
        case metaspace(replacement: [UInt8], stripsFirst: Bool)
        /// "<0x41>" becomes a byte; bytes in a row that are not UTF-8 become U+FFFD each.
        case byteFallback
        /// All tokens are put together.
        case fuse
        /// Takes a character from the ends of each token, at most that many times.
        case strip(content: [UInt8], start: Int, stop: Int)
        case replace(TextPattern, content: [UInt8])
        /// Blanks before tokens without the prefix, which itself vanishes.
        case wordPiece(prefix: [UInt8], cleansUp: Bool)
        /// The suffix becomes a blank, or nothing in the last token.
        case suffix([UInt8])
        /// Blanks between tokens: what is done where there is no decoder.
        case join
    }

    let steps: [Step]
    /// As stored, written back unchanged.
    let document: JSONValue

    static let byteLevel = DecoderChain(
        steps: [.byteLevel], document: ByteLevel.document(addsPrefixSpace: true, usesPattern: true))

    /// Whether tokens stand for their bytes and nothing else.
    var isByteLevel: Bool {
        if case .byteLevel = steps.first, steps.count == 1 { true } else { false }
    }

    /// What a token stands for in the middle of a text.
    func bytes(of token: [UInt8]) -> [UInt8] {
        var bytes = token
        var isFused = false
        for step in steps {
            switch step {
            case .byteLevel:
                bytes = ByteAlphabet.bytes(spelledBy: bytes) ?? bytes
                isFused = true
            case .metaspace(let mark, _): bytes = bytes.replacing(mark, with: [0x20])
            case .byteFallback: if let byte = Self.fallbackByte(bytes) { bytes = [byte] }
            case .fuse: isFused = true
            case .strip(let content, let start, let stop):
                if !isFused { bytes = Self.stripped(bytes, content, start: start, stop: stop) }
            // Bytes of a character that is not whole are nothing to search in.
            case .replace(let pattern, let content):
                if String(validating: bytes, as: UTF8.self) != nil {
                    var budget = EncodingBudget(length: bytes.count)
                    bytes = Self.replaced(bytes, pattern, content, budget: &budget)
                }
            case .wordPiece(let prefix, let cleansUp): bytes = Self.wordPiece(bytes, prefix, cleansUp, isFirst: false)
            case .suffix(let suffix): bytes = bytes.replacing(suffix, with: [0x20])
            case .join: break
            }
        }
        return bytes
    }

    /// The byte of "<0x41>".
    static func fallbackByte(_ token: [UInt8]) -> UInt8? {
        guard token.count == 6, token.starts(with: "<0x".utf8), token[5] == UInt8(ascii: ">") else { return nil }
        // Rust's parser takes a plus sign before a single digit.
        return UInt8(String(decoding: token[3...4], as: UTF8.self), radix: 16)
    }

    static func stripped(_ token: [UInt8], _ content: [UInt8], start: Int, stop: Int) -> [UInt8] {
        var range = token.indices
        var left = start
        while left > 0, token[range].starts(with: content) {
            range = range.lowerBound + content.count..<range.upperBound
            left -= 1
        }
        left = stop
        while left > 0, range.count >= content.count, token[range].suffix(content.count).elementsEqual(content) {
            range = range.lowerBound..<range.upperBound - content.count
            left -= 1
        }
        return Array(token[range])
    }

    /// Where the pattern uses up the budget, the rest stays as it is: unlike other tokens, that misleads nobody.
    static func replaced(
        _ token: [UInt8], _ pattern: TextPattern, _ content: [UInt8], budget: inout EncodingBudget
    ) -> [UInt8] {
        if budget.isExhausted { return token }
        var output: [UInt8] = []
        token.withUnsafeBufferPointer { text in
            var end = 0
            if !text.isEmpty {
                pattern.forEachMatch(in: text, budget: &budget) { match in
                    output += text[end..<match.lowerBound]
                    output += content
                    end = match.upperBound
                }
            }
            output += text[end...]
        }
        return output
    }

    static func wordPiece(_ token: [UInt8], _ prefix: [UInt8], _ cleansUp: Bool, isFirst: Bool) -> [UInt8] {
        var result = token
        if !isFirst { result = token.starts(with: prefix) ? Array(token.dropFirst(prefix.count)) : [0x20] + token }
        guard cleansUp else { return result }
        for (found, put) in cleaning { result = result.replacing(Array(found.utf8), with: Array(put.utf8)) }
        return result
    }

    private static let cleaning = [
        (" .", "."), (" ?", "?"), (" !", "!"), (" ,", ","), (" ' ", "'"), (" n't", "n't"), (" 'm", "'m"),
        (" do not", " don't"), (" 's", "'s"), (" 've", "'ve"), (" 're", "'re"),
    ]
}

extension [UInt8] {
    /// All occurrences of `found`, from the left and without overlap, replaced by `put`; unchanged where `found` is empty.
    func replacing(_ found: [UInt8], with put: [UInt8]) -> [UInt8] {
        guard let first = found.first, count >= found.count, contains(first) else { return self }
        var result: [UInt8] = []
        result.reserveCapacity(count)
        var position = 0
        while position < count {
            if self[position] == first, position + found.count <= count,
                found.elementsEqual(self[position..<position + found.count])
            {
                result += put
                position += found.count
            } else {
                result.append(self[position])
                position += 1
            }
        }
        return result
    }
}
