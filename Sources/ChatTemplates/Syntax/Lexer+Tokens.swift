extension Lexer {
    private static let pairs: Set<String> = ["//", "**", "==", "!=", "<=", ">="]

    /// The token at the position, which begins with a byte that is no blank.
    mutating func scanToken(_ first: UInt8) throws {
        let start = position
        switch first {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): try scanNumber()
        case UInt8(ascii: "\""), UInt8(ascii: "'"): try scanString(quote: first)
        case _ where isPartOfName(first):
            while let byte = byte(position), isPartOfName(byte),
                WhiteSpace.start(of: source, in: position..<source.count) == position
            {
                position += 1
            }
            add(.name(String(decoding: source[start..<position], as: UTF8.self)), at: start)
        default:
            let two = String(decoding: source[start...].prefix(2), as: UTF8.self)
            if Self.pairs.contains(two) {
                position += 2
                return add(.symbol(two), at: start)
            }
            guard "+-/*%~[](){}><=.:|,".utf8.contains(first) else {
                throw error("unexpected \"\(Character(Unicode.Scalar(first)))\"", line: line(at: start))
            }
            position += 1
            add(.symbol(String(Character(Unicode.Scalar(first)))), at: start)
        }
    }

    private func isPartOfName(_ byte: UInt8) -> Bool {
        byte >= 0x80 || byte == UInt8(ascii: "_") || Character(Unicode.Scalar(byte)).isLetter
            || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }

    private func isDigit(_ index: Int) -> Bool {
        byte(index).map { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) } ?? false
    }

    /// Digits with single underscores between them.
    private mutating func skipDigits() {
        while isDigit(position) || (byte(position) == UInt8(ascii: "_") && isDigit(position + 1)) { position += 1 }
    }

    private mutating func scanNumber() throws {
        let start = position
        // Behind a dot, a number is an index: x.0.1.
        let isIndex = start > 0 && source[start - 1] == UInt8(ascii: ".")
        let prefix = byte(start + 1).map { $0 | 0x20 }
        if source[start] == UInt8(ascii: "0"), let prefix,
            let radix = [UInt8(ascii: "x"): 16, UInt8(ascii: "o"): 8, UInt8(ascii: "b"): 2][prefix]
        {
            position += 2
            while let byte = byte(position), byte == UInt8(ascii: "_") || Character(Unicode.Scalar(byte)).isHexDigit {
                position += 1
            }
            let digits = source[(start + 2)..<position].filter { $0 != UInt8(ascii: "_") }
            guard let value = Int(String(decoding: digits, as: UTF8.self), radix: radix) else { throw badNumber(start) }
            return add(.integer(value), at: start)
        }
        skipDigits()
        var isWhole = true
        if !isIndex {
            if byte(position) == UInt8(ascii: "."), isDigit(position + 1) {
                isWhole = false
                position += 1
                skipDigits()
            }
            if let mark = byte(position), mark | 0x20 == UInt8(ascii: "e") {
                let hasSign = byte(position + 1).map { $0 == Self.plus || $0 == Self.minus } ?? false
                if isDigit(position + (hasSign ? 2 : 1)) {
                    isWhole = false
                    position += hasSign ? 2 : 1
                    skipDigits()
                }
            }
        }
        let digits = source[start..<position].filter { $0 != UInt8(ascii: "_") }
        let text = String(decoding: digits, as: UTF8.self)
        if isWhole {
            guard let value = Int(text) else { throw badNumber(start) }
            add(.integer(value), at: start)
        } else {
            guard let value = Double(text) else { throw badNumber(start) }
            add(.double(value), at: start)
        }
    }

    private mutating func badNumber(_ start: Int) -> ChatTemplateError {
        error(
            "\(String(decoding: source[start..<position].prefix(40), as: UTF8.self)) is no number of 64 bits",
            line: line(at: start))
    }

    private mutating func scanString(quote: UInt8) throws {
        let start = position
        var text: [UInt8] = []
        position += 1
        while let byte = byte(position) {
            position += 1
            if byte == quote { return add(.string(Text(text)), at: start) }
            if byte == UInt8(ascii: "\\") { try scanEscape(into: &text) } else { text.append(byte) }
        }
        throw error("the quote that ends a text is missing", line: line(at: start))
    }

    /// What a backslash that has been read begins, as Python has it: one that begins nothing stays.
    private mutating func scanEscape(into text: inout [UInt8]) throws {
        guard let byte = byte(position) else { return }
        position += 1
        let simple: [UInt8: UInt8] = [
            UInt8(ascii: "a"): 7, UInt8(ascii: "b"): 8, UInt8(ascii: "t"): 9, UInt8(ascii: "n"): 10,
            UInt8(ascii: "v"): 11,
            UInt8(ascii: "f"): 12, UInt8(ascii: "r"): 13, UInt8(ascii: "\\"): 0x5C, UInt8(ascii: "'"): 0x27,
            UInt8(ascii: "\""): 0x22,
        ]
        if let value = simple[byte] { return text.append(value) }
        switch byte {
        case Self.newline: return
        case UInt8(ascii: "x"): try scanCode(digits: 2, into: &text)
        case UInt8(ascii: "u"): try scanCode(digits: 4, into: &text)
        case UInt8(ascii: "U"): try scanCode(digits: 8, into: &text)
        case UInt8(ascii: "0")...UInt8(ascii: "7"):
            position -= 1
            var value: UInt32 = 0, count = 0
            while count < 3, let digit = self.byte(position), (UInt8(ascii: "0")...UInt8(ascii: "7")).contains(digit) {
                value = value * 8 + UInt32(digit - UInt8(ascii: "0"))
                position += 1
                count += 1
            }
            text += String(Unicode.Scalar(value) ?? "\u{FFFD}").utf8
        default: text += [UInt8(ascii: "\\"), byte]
        }
    }

    private mutating func scanCode(digits: Int, into text: inout [UInt8]) throws {
        let code = source[position...].prefix(digits)
        guard code.count == digits, code.allSatisfy({ Character(Unicode.Scalar($0)).isHexDigit }),
            let value = UInt32(String(decoding: code, as: UTF8.self), radix: 16)
        else { throw error("an escape without \(digits) hexadecimal digits", line: line(at: position)) }
        position += digits
        // Half a pair of surrogates is no character.
        text += String(Unicode.Scalar(value) ?? "\u{FFFD}").utf8
    }

    /// The text of `{% raw %}` … `{% endraw %}`, where such a block begins at the position, behind `{%` and its sign.
    mutating func scanRaw(from start: Int) throws -> Bool {
        let before = position
        guard skipWord("raw"), skipRawBegin() else {
            position = before
            return false
        }
        let body = position
        while position < source.count {
            let tag = position
            guard source[tag] == UInt8(ascii: "{"), byte(tag + 1) == Self.percent else {
                position += 1
                continue
            }
            let sign = byte(tag + 2), hasSign = sign == Self.minus || sign == Self.plus
            position = tag + (hasSign ? 3 : 2)
            if skipWord("endraw"), skipEnd((Self.percent, Self.closing)) {
                let end = position, text = trimmed(body..<tag, sign: hasSign ? sign : nil, isPrint: false)
                position = body
                if !text.isEmpty { add(.data(Text(source[text])), at: body) }
                position = end
                return true
            }
            position = tag + 1
        }
        throw error("\"raw\" without \"endraw\"", line: line(at: start))
    }

    private mutating func skipRawBegin() -> Bool {
        guard byte(position) != Self.plus else { return false }
        return skipEnd((Self.percent, Self.closing), isTrimming: false)
    }

    /// Goes behind a word and the white space around it.
    private mutating func skipWord(_ word: String) -> Bool {
        position = WhiteSpace.start(of: source, in: position..<source.count)
        guard source[position...].starts(with: word.utf8) else { return false }
        position += word.utf8.count
        position = WhiteSpace.start(of: source, in: position..<source.count)
        return true
    }
}
