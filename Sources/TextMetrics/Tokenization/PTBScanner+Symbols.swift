/// Quotation marks, brackets, punctuation, currency, smileys and everything else.
extension PTBScanner {
    // MARK: - Quotation marks and what an apostrophe can begin

    func matchQuotes(_ start: Int, _ best: inout Match) {
        let mark = apostrophe(start)
        let rest = start + mark
        if mark > 0 {
            best.offer(mark, .quote, .quote)
            let clitic = clitic(start)
            if clitic > 0 {
                best.offer(clitic, .clitic, .quote)
                let next = start + clitic
                if next < text.count, !text[next].isASCIILetter {
                    best.offer(clitic, ahead: 1, .cliticBeforeNonLetter, .quote)
                }
            }
            if matches("n", rest) { best.offer(mark + 1 + apostrophe(rest + 1), .apostropheWord) }
            for word: StaticString in ["em", "till", "til", "cause"] where matches(word, rest) {
                best.offer(mark + word.utf8CodeUnitCount, .apostropheWord)
            }
            if (0x32...0x39).contains(at(rest)), matches("0s", rest + 1) { best.offer(mark + 3, .apostropheWord) }
            if at(rest).isASCIIDigit, at(rest + 1).isASCIIDigit, at(rest + 2).isSpace || at(rest + 2).isNewline {
                best.offer(mark + 2, ahead: 1, .yearOrFile)
            }
        }
        if text[start] == 0x27 {
            if matches("'twas", start) { best.offer(2, ahead: 3, .assimilation) }
            if matches("'tis", start) { best.offer(2, ahead: 2, .assimilation) }
            let second = at(start + 2)
            if at(start + 1).isASCIILetter, start + 2 < text.count, ![0x20, 0x09, 0x0A, 0x0D, 0xA0].contains(second) {
                best.offer(1, ahead: 2, .openingQuote, .text("`"))
            }
            if at(start + 1) == 0x27 { best.offer(2, .quote, .quote) }
        }
        let end = run(start, limit: 2) { $0.isTypographicQuote }
        best.offer(end - start, .quote, .quote)
    }

    // MARK: - Everything else

    func matchSymbols(_ start: Int, _ best: inout Match) {
        let unit = text[start]
        switch unit {
        case 0x22: best.offer(1, .symbol, .text("''"))
        case 0x23: best.offer(run(start) { $0 == 0x23 } - start, .symbol)
        case 0x40: best.offer(run(start) { $0 == 0x40 } - start, .symbol)
        case 0x5F: best.offer(run(start) { $0 == 0x5F } - start, .symbol)
        case 0x2A: best.offer(run(start) { $0 == 0x2A } - start, .symbol)
        case 0x21, 0x3F: best.offer(run(start) { $0 == 0x21 || $0 == 0x3F } - start, .symbol)
        case 0x24, 0x2F, 0x3B, 0x3001: best.offer(1, .symbol)
        case 0x2C, 0x3A: best.offer(1, .plain)
        case 0x26: matchEntity(start, &best)
        case 0x28: best.offer(1, .symbol, .text("-lrb-"))
        case 0x29: best.offer(1, .symbol, .text("-rrb-"))
        case 0x5B: best.offer(1, .symbol, .text("-lsb-"))
        case 0x5D: best.offer(1, .symbol, .text("-rsb-"))
        case 0x7B: best.offer(1, .symbol, .text("-lcb-"))
        case 0x7D: best.offer(1, .symbol, .text("-rcb-"))
        case 0x2D: matchHyphens(start, &best)
        case 0x2E: matchStops(start, &best)
        case 0x85, 0x2026: best.offer(1, .symbol, .text("..."))
        case 0x96, 0x97, 0x2013...0x2015: best.offer(1, .symbol, .text("--"))
        case 0x3C, 0x3E:
            best.offer(1, .plain)
            if at(start + 1) == unit { best.offer(2, .symbol) }
            if let end = tagEnd(start) { best.offer(end - start, .assimilation, .spaced) }
        case 0x5C:
            best.offer(1, .symbol)
            var end = start
            while end - start < 6, at(end) == 0x5C, at(end + 1) == 0x2A { end += 2 }
            best.offer(end - start, .symbol)
        default: matchRareSymbol(start, &best)
        }
        matchSmiley(start, &best)
    }

    private func matchHyphens(_ start: Int, _ best: inout Match) {
        let length = run(start) { $0 == 0x2D } - start
        best.offer(length, .symbol, length == 3 || length == 4 ? .text("--") : .raw)
        for bracket: StaticString in ["-rrb-", "-lrb-", "-rcb-", "-lcb-", "-rsb-", "-lsb-"]
        where matches(bracket, start) {
            best.offer(5, .special)
        }
    }

    /// One stop, three to five of them, or three to five with spaces between.
    private func matchStops(_ start: Int, _ best: inout Match) {
        best.offer(1, .symbol)
        let length = run(start, limit: 5) { $0 == 0x2E } - start
        if length >= 3 { best.offer(length, .symbol, .text("...")) }
        var (end, stops) = (start, 1)
        while stops < 5, at(end + 1) == 0x20 || at(end + 1) == 0xA0, at(end + 2) == 0x2E {
            end += 2
            stops += 1
        }
        if stops >= 3 { best.offer(end + 1 - start, .symbol, .text("...")) }
    }

    private func matchEntity(_ start: Int, _ best: inout Match) {
        best.offer(1, .symbol)
        let entities: [(StaticString, Form)] = [
            ("&amp;", .text("&")), ("&lt;", .text("<")), ("&gt;", .text(">")), ("&quot;", .text("''")),
            ("&nbsp;", .nothing), ("&mdash;", .text("--")), ("&ndash;", .text("--")), ("&md;", .text("--")),
        ]
        for (entity, form) in entities where matches(entity, start) {
            best.offer(entity.utf8CodeUnitCount, .special, form)
        }
    }

    private func matchRareSymbol(_ start: Int, _ best: inout Match) {
        let unit = text[start]
        if let name = currencyName(unit) {
            best.offer(1, .currency, name.isEmpty ? .raw : .text(name))
        } else if let fraction = vulgarFraction(unit) {
            best.offer(1, .fraction, fraction.isEmpty ? .raw : .text(fraction))
        } else if unit.isMiscellaneousSymbol {
            best.offer(1, .symbol)
        }
        let sign = [0x207A, 0x207B, 0x208A, 0x208B].contains(unit) ? 1 : 0
        let raised = run(start + sign) { $0.isSuperscriptDigit }
        let lowered = run(start + sign) { (0x2080...0x2089).contains($0) }
        if max(raised, lowered) > start + sign { best.offer(max(raised, lowered) - start, .number) }
    }

    /// The Treebank writes pounds as # and most other currencies as $; empty where the sign stays.
    private func currencyName(_ unit: UInt16) -> String? {
        switch unit {
        case 0xA2: "cents"
        case 0xA3: "#"
        case 0x80, 0xA4, 0x20A0, 0x20AC: "$"
        case 0xA5, 0x060B, 0x0E3F, 0x20A4, 0xFFE0, 0xFFE1, 0xFFE5, 0xFFE6: ""
        default: nil
        }
    }

    private func vulgarFraction(_ unit: UInt16) -> String? {
        switch unit {
        case 0xBC: "1/4"
        case 0xBD: "1/2"
        case 0xBE: "3/4"
        case 0x2153: "1/3"
        case 0x2154: "2/3"
        case 0x2155...0x215E: ""
        default: nil
        }
    }

    // MARK: - Tags and smileys

    /// `<name attribute="value">`, `</name>`, `<!…>`.
    func tagEnd(_ start: Int) -> Int? {
        guard at(start) == 0x3C else { return nil }
        var end = start + 1
        func isNamePart(_ unit: UInt16) -> Bool {
            unit.isASCIIAlphanumeric || unit == 0x5F || unit == 0x3A || unit == 0x2E || unit == 0x2D
        }
        if at(end) == 0x21 || at(end) == 0x3F {
            guard at(end + 1).isASCIILetter || at(end + 1) == 0x2D else { return nil }
            end = run(end + 2) { $0 != 0x3E && $0 != 0x0A && $0 != 0x0D }
            return at(end) == 0x3E ? end + 1 : nil
        }
        let closing = at(end) == 0x2F
        if closing { end += 1 }
        guard at(end).isASCIILetter else { return nil }
        end = run(end, isNamePart)
        while !closing {
            let name = run(end) { $0 == 0x20 }
            guard name > end, at(name).isASCIILetter else { break }
            end = run(name, isNamePart)
            let equals = run(end) { $0 == 0x20 }
            let quote = run(equals + 1) { $0 == 0x20 }
            if at(equals) == 0x3D, at(quote) == 0x22 || at(quote) == 0x27 {
                let close = run(quote + 1) { $0 != at(quote) }
                guard close < text.count else { return nil }
                end = close + 1
            }
        }
        end = run(end) { $0 == 0x20 }
        if !closing, at(end) == 0x2F { end = run(end + 1) { $0 == 0x20 } }
        return at(end) == 0x3E ? end + 1 : nil
    }

    private func matchSmiley(_ start: Int, _ best: inout Match) {
        // :-) and its kin, unless a letter or digit follows.
        var end = start
        if at(end) == 0x3C || at(end) == 0x3E { end += 1 }
        if at(end) == 0x3A || at(end) == 0x3B || at(end) == 0x3D {
            end += 1
            for nose in [1, 0] where nose == 0 || [0x2D, 0x6F, 0x2A, 0x27].contains(at(end)) {
                let mouth = end + nose
                if [0x28, 0x29, 0x44, 0x50, 0x64, 0x70, 0x4F, 0x5C, 0x7B, 0x40, 0x7C, 0x5B, 0x5D].contains(at(mouth)),
                    mouth + 1 < text.count, !text[mouth + 1].isASCIIAlphanumeric
                {
                    best.offer(mouth + 1 - start, ahead: 1, .smiley, .spaced)
                }
            }
        }
        // ^_^ and (^_^)
        if at(start).isEye, at(start + 1) == 0x5F, at(start + 2).isEye { best.offer(3, .smiley, .spaced) }
        if at(start) == 0x28, at(start + 1).isEye {
            let nose = [0x5F, 0x2E, 0x2D].contains(at(start + 2)) && at(start + 3).isEye ? 1 : 0
            if at(start + 2 + nose).isEye, at(start + 3 + nose) == 0x29 { best.offer(4 + nose, .smiley, .spaced) }
        }
    }
}

extension UInt16 {
    /// An eye of a smiley such as ^_^.
    fileprivate var isEye: Bool { [0x2D, 0x5E, 0x78, 0x3D, 0x7E, 0x3C, 0x3E, 0x27].contains(self) }
}
