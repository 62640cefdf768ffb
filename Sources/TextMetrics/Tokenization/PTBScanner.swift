/// Cuts text into Penn Treebank tokens: at each place all rules are tried, the longest match wins (what a rule looks ahead at
/// counts as matched), and of equally long ones the earlier ``Rule``.
struct PTBScanner {
    enum Piece {
        case token(String)
        case lineBreak
    }

    /// The rules that can match equally long, in order of precedence; all others are `plain`.
    enum Rule: Int {
        case assimilation, wordBeforeClitic, stemBeforeNot, word, apostropheWord, cliticBeforeNonLetter, number,
            fraction
        case special, currency, letterBeforeSentence, abbreviation, yearOrFile, phone, smiley, plain, openingQuote,
            clitic
        case quote, symbol
    }

    /// How the matched characters become a token.
    enum Form {
        /// As they are.
        case raw
        /// Without soft hyphens, which only break lines.
        case word
        /// Spaces become no-break spaces, brackets their names.
        case spaced
        /// `&amp;` becomes `&`.
        case ampersand
        /// Typographic quotation marks become ASCII ones.
        case quote
        /// Something else altogether.
        case text(String)
        /// No token.
        case nothing
    }

    struct Match {
        /// Characters matched, those looked ahead at included.
        var total = 0
        /// Characters consumed.
        var length = 0
        var rule = Rule.symbol
        var form = Form.nothing

        mutating func offer(_ length: Int, ahead: Int = 0, _ rule: Rule, _ form: Form = .raw) {
            let candidate = length + ahead
            guard length > 0, candidate > total || (candidate == total && rule.rawValue < self.rule.rawValue) else {
                return
            }
            self = Match(total: candidate, length: length, rule: rule, form: form)
        }
    }

    let text: UnsafeBufferPointer<UInt16>
    private(set) var position = 0

    init(text: UnsafeBufferPointer<UInt16>) {
        self.text = text
    }

    /// The UTF-16 unit at `index`, 0 beyond the end.
    func at(_ index: Int) -> UInt16 { index < text.count ? text[index] : 0 }

    /// The next token or line break, nil at the end.
    mutating func next() -> Piece? {
        while position < text.count {
            let start = position
            let unit = text[start]
            if unit == 0x0A {
                position += 1
                return .lineBreak
            }
            if unit.isIgnorable {
                position += 1
                continue
            }
            if let end = plainWordEnd(start) {
                position = end
                return .token(string(start, end))
            }
            let match = bestMatch(start)
            position = start + max(1, match.length)
            if let token = token(match, start) { return .token(token) }
        }
        return nil
    }

    /// The end of a run of ASCII letters that no rule can lengthen or cut, the common case: it is followed by white space
    /// or by a comma and white space.
    private func plainWordEnd(_ start: Int) -> Int? {
        var end = start
        while end < text.count, text[end].isASCIILetter { end += 1 }
        guard end > start, end < text.count else { return nil }
        let follows = text[end] == 0x20 || text[end] == 0x0A || (text[end] == 0x2C && at(end + 1) == 0x20)
        return follows && !isAssimilation(start, end) ? end : nil
    }

    private func bestMatch(_ start: Int) -> Match {
        var best = Match()
        let unit = text[start]
        if unit.isWordLetter || unit.isDigit {
            matchWords(start, &best)
        }
        if unit.isDigit || [0x2B, 0x2C, 0x2D, 0x2E, 0x3A, 0x28, 0xAD].contains(unit) {
            matchNumbers(start, &best)
        }
        if unit.isApostropheOrQuote || unit == 0x26 {
            matchQuotes(start, &best)
        }
        matchAddresses(start, &best)
        matchSymbols(start, &best)
        return best
    }

    private func token(_ match: Match, _ start: Int) -> String? {
        let end = start + match.length
        switch match.form {
        case .nothing: return nil
        case .text(let text): return text
        case .raw: return string(start, end)
        case .word:
            guard text[start..<end].contains(0xAD) else { return string(start, end) }
            let kept = text[start..<end].filter { $0 != 0xAD }
            return kept.isEmpty ? "-" : String(decoding: kept, as: UTF16.self).lowercasedWithFinalSigma
        case .spaced:
            return string(start, end).replacing(" ", with: "\u{A0}").replacing("(", with: "-lrb-")
                .replacing(")", with: "-rrb-")
        case .ampersand: return string(start, end).replacing("&amp;", with: "&")
        case .quote:
            let units = text[start..<end].flatMap { $0.asciiQuote }
            return String(decoding: units, as: UTF16.self).replacing("&apos;", with: "'").lowercased()
        }
    }

    /// The characters from `start` to `end` in lower case.
    private func string(_ start: Int, _ end: Int) -> String {
        let slice = text[start..<end]
        if slice.allSatisfy({ $0 < 0x80 }) {
            return String(unsafeUninitializedCapacity: end - start) { bytes in
                for (index, unit) in slice.enumerated() {
                    bytes[index] = UInt8(truncatingIfNeeded: unit).asciiLowercased
                }
                return end - start
            }
        }
        return String(decoding: slice, as: UTF16.self).lowercasedWithFinalSigma
    }

    // MARK: - Small readers that several rules share

    /// The end of the run of units from `start` that satisfy `condition`.
    func run(_ start: Int, limit: Int = .max, _ condition: (UInt16) -> Bool) -> Int {
        var end = start
        while end < text.count, end - start < limit, condition(text[end]) { end += 1 }
        return end
    }

    /// Whether `literal` (lower-case ASCII) stands at `start`, in any case.
    func matches(_ literal: StaticString, _ start: Int) -> Bool {
        guard start + literal.utf8CodeUnitCount <= text.count else { return false }
        for index in 0..<literal.utf8CodeUnitCount {
            let unit = text[start + index]
            let lower = (0x41...0x5A).contains(unit) ? unit + 0x20 : unit
            if lower != UInt16(literal.utf8Start[index]) { return false }
        }
        return true
    }

    /// The length of an apostrophe at `start`: 1, 6 for `&apos;`, 0 for none.
    func apostrophe(_ start: Int) -> Int {
        let unit = at(start)
        if unit == 0x27 || unit == 0x2019 || unit == 0x92 { return 1 }
        return unit == 0x26 && matches("&apos;", start) ? 6 : 0
    }

    /// Like ``apostrophe(_:)``, but backquotes and opening marks count too, as people type them inside words.
    func looseApostrophe(_ start: Int) -> Int {
        let unit = at(start)
        if unit == 0x60 || unit == 0x91 || unit == 0x2018 || unit == 0x201B { return 1 }
        return apostrophe(start)
    }

    /// The length of 's, 'm, 'd, 're, 've or 'll at `start`, 0 for none.
    func clitic(_ start: Int) -> Int {
        let mark = apostrophe(start)
        guard mark > 0 else { return 0 }
        let rest = start + mark
        if matches("re", rest) || matches("ve", rest) || matches("ll", rest) { return mark + 2 }
        return matches("s", rest) || matches("m", rest) || matches("d", rest) ? mark + 1 : 0
    }

    /// The letters between `start` and `end` in lower case.
    func lowercased(_ start: Int, _ end: Int) -> String { string(start, end) }

    private func isAssimilation(_ start: Int, _ end: Int) -> Bool {
        switch end - start {
        case 5:
            matches("gonna", start) || matches("gotta", start) || matches("lemme", start) || matches("gimme", start)
                || matches("wanna", start)
        case 6: matches("cannot", start)
        default: false
        }
    }
}
