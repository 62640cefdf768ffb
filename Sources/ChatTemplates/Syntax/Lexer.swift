/// Cuts a template's source into tokens, with the white space that `trim_blocks` and `lstrip_blocks` leave: the newline behind a
/// statement or comment, and blanks before one that begins its line, are not written.
struct Lexer {
    private static let opening: [UInt8: UInt8] = [
        UInt8(ascii: "("): UInt8(ascii: ")"), UInt8(ascii: "["): UInt8(ascii: "]"),
        UInt8(ascii: "{"): UInt8(ascii: "}"),
    ]
    static let minus = UInt8(ascii: "-"), plus = UInt8(ascii: "+"), percent = UInt8(ascii: "%")
    static let closing = UInt8(ascii: "}"), newline = UInt8(ascii: "\n")

    let template: String
    let source: [UInt8]
    var position = 0
    private(set) var tokens: [Token] = []
    /// Where the line number was counted up to.
    private var counted = (position: 0, line: 1)

    /// - Parameter text: The source; line ends of all kinds become newlines, of which one at the very end is dropped.
    init(_ text: String, template: String) {
        self.template = template
        var bytes: [UInt8] = [], isAfterReturn = false
        for byte in text.utf8 {
            if byte == Self.newline, isAfterReturn {
                isAfterReturn = false
                continue
            }
            isAfterReturn = byte == UInt8(ascii: "\r")
            bytes.append(isAfterReturn ? Self.newline : byte)
        }
        if bytes.last == Self.newline { bytes.removeLast() }
        source = bytes
    }

    static func tokens(of text: String, template: String) throws -> [Token] {
        var lexer = Lexer(text, template: template)
        try lexer.scan()
        return lexer.tokens
    }

    /// The line of a position; positions may only grow.
    mutating func line(at position: Int) -> Int {
        while counted.position < position {
            if source[counted.position] == Self.newline { counted.line += 1 }
            counted.position += 1
        }
        return counted.line
    }

    mutating func add(_ kind: Token.Kind, at position: Int) {
        tokens.append(Token(kind: kind, line: line(at: position)))
    }

    func error(_ reason: String, line: Int) -> ChatTemplateError {
        .syntax(template: template, line: line, reason: reason)
    }

    func byte(_ index: Int) -> UInt8? { index < source.count ? source[index] : nil }

    private mutating func scan() throws {
        while position < source.count {
            guard let tag = nextTag() else {
                add(.data(Text(source[position...])), at: position)
                break
            }
            let kind = source[tag + 1], sign = byte(tag + 2)
            let hasSign = sign == Self.minus || sign == Self.plus
            let text = trimmed(position..<tag, sign: hasSign ? sign : nil, isPrint: kind == UInt8(ascii: "{"))
            if !text.isEmpty { add(.data(Text(source[text])), at: position) }
            position = tag + (hasSign ? 3 : 2)
            switch kind {
            case UInt8(ascii: "#"): try skipComment(from: tag)
            case Self.percent:
                if try scanRaw(from: tag) { continue }
                add(.blockBegin, at: tag)
                try scanTag(from: tag, isPrint: false)
            default:
                add(.printBegin, at: tag)
                try scanTag(from: tag, isPrint: true)
            }
        }
        add(.end, at: source.count)
    }

    /// Where the next `{{`, `{%` or `{#` stands.
    private func nextTag() -> Int? {
        var index = position
        while index + 1 < source.count {
            if source[index] == UInt8(ascii: "{"), "{%#".utf8.contains(source[index + 1]) { return index }
            index += 1
        }
        return nil
    }

    /// What is written of the text before a tag.
    func trimmed(_ text: Range<Int>, sign: UInt8?, isPrint: Bool) -> Range<Int> {
        if sign == Self.minus {
            return text.lowerBound..<WhiteSpace.end(of: source, in: text)
        }
        guard sign == nil, !isPrint else { return text }
        let start = source[text].lastIndex(of: Self.newline).map { $0 + 1 } ?? text.lowerBound
        // Behind a tag on the same line the blanks stay.
        let beginsLine = start > text.lowerBound || start == 0 || source[start - 1] == Self.newline
        guard beginsLine, WhiteSpace.end(of: source, in: start..<text.upperBound) == start else { return text }
        return text.lowerBound..<start
    }

    /// Goes behind what ends a statement or comment at the position: `-` takes all white space behind it, `+` nothing, and without a
    /// sign one newline goes.
    mutating func skipEnd(_ mark: (UInt8, UInt8), isTrimming: Bool = true) -> Bool {
        let sign = byte(position), hasSign = sign == Self.minus || (sign == Self.plus && isTrimming)
        let start = position + (hasSign ? 1 : 0)
        guard byte(start) == mark.0, byte(start + 1) == mark.1 else { return false }
        position = start + 2
        if sign == Self.minus {
            position = WhiteSpace.start(of: source, in: position..<source.count)
        } else if !hasSign, isTrimming, byte(position) == Self.newline {
            position += 1
        }
        return true
    }

    private mutating func skipComment(from start: Int) throws {
        while position < source.count {
            if skipEnd((UInt8(ascii: "#"), Self.closing)) { return }
            position += 1
        }
        throw error("a comment that never ends; \"#}\" is missing", line: line(at: start))
    }

    /// The tokens of a statement or of an expression that is printed, to its end.
    private mutating func scanTag(from start: Int, isPrint: Bool) throws {
        var open: [(closing: UInt8, position: Int)] = []
        while let byte = byte(position) {
            if open.isEmpty {
                let here = position
                if isPrint ? skipPrintEnd() : skipEnd((Self.percent, Self.closing)) {
                    return add(isPrint ? .printEnd : .blockEnd, at: here)
                }
            }
            let blanks = WhiteSpace.start(of: source, in: position..<source.count)
            if blanks > position {
                position = blanks
                continue
            }
            if let closing = Self.opening[byte] {
                open.append((closing, position))
            } else if byte == UInt8(ascii: ")") || byte == UInt8(ascii: "]") || byte == Self.closing {
                guard open.popLast()?.closing == byte else {
                    throw error("\"\(Character(Unicode.Scalar(byte)))\" closes nothing", line: line(at: position))
                }
            }
            try scanToken(byte)
        }
        throw error(
            isPrint ? "\"{{\" without \"}}\"" : "\"{%\" without \"%}\"", line: min(counted.line, line(at: start)))
    }

    private mutating func skipPrintEnd() -> Bool { skipEnd((Self.closing, Self.closing), isTrimming: false) }
}
