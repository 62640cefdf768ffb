/// Words, hyphenated compounds, clitics, abbreviations and acronyms.
extension PTBScanner {
    func matchWords(_ start: Int, _ best: inout Match) {
        if text[start].isWordLetter {
            matchPlainWord(start, &best)
            matchApostropheWord(start, &best)
            matchAbbreviation(start, &best)
        }
        matchCompound(start, &best)
    }

    // MARK: - One word

    private func matchPlainWord(_ start: Int, _ best: inout Match) {
        let end = wordEnd(start)
        best.offer(end - start, .word, .word)
        let clitic = clitic(end)
        if clitic > 0 { best.offer(end - start, ahead: clitic, .wordBeforeClitic, .word) }
        if at(end) == 0x2E, at(end + 1).isClauseMark { best.offer(end + 1 - start, ahead: 1, .yearOrFile, .word) }

        if matches("cannot", start) { best.offer(3, ahead: 3, .assimilation) }
        for literal: StaticString in ["gonna", "gotta", "lemme", "gimme", "wanna"] where matches(literal, start) {
            best.offer(3, ahead: 2, .assimilation)
        }
        if matches("c++", start) { best.offer(3, .assimilation) }
        if matches("c#", start) || matches("f#", start) { best.offer(2, .assimilation) }

        // "do|n't": the stem ends in another letter than n.
        let letters = run(start) { $0.isASCIILetter || $0 == 0xAD }
        let mark = looseApostrophe(letters)
        if mark > 0, at(letters + mark) | 0x20 == 0x74, letters > start, text[letters - 1] | 0x20 == 0x6E {
            let end = letters + mark + 1
            let last = text[start..<letters - 1].last { $0 != 0xAD } ?? 0x6E
            if last | 0x20 != 0x6E {
                best.offer(letters - 1 - start, ahead: end - letters + 1, .stemBeforeNot, .word)
            }
            if letters - start == 1 {
                best.offer(end - start, .clitic, .quote)
                if end < text.count, !text[end].isASCIILetter {
                    best.offer(end - start, ahead: 1, .cliticBeforeNonLetter, .quote)
                }
            }
        }
    }

    /// Letters and digits after a letter; `.`, `!` or `?` directly before a letter does not end the word.
    private func wordEnd(_ start: Int) -> Int {
        var end = run(start) { $0.isWordLetter || $0.isDigit }
        while at(end) == 0x2E || at(end) == 0x21 || at(end) == 0x3F, at(end + 1).isWordLetter {
            end = run(end + 1) { $0.isWordLetter || $0.isDigit }
        }
        return end
    }

    // MARK: - Words with an apostrophe that stay whole

    private func matchApostropheWord(_ start: Int, _ best: inout Match) {
        let first = text[start]
        let mark = looseApostrophe(start + 1)
        if mark > 0 {
            let strict = apostrophe(start + 1) > 0
            let rest = start + 1 + mark
            let end = run(rest) { $0.isLetter }
            // O'Neill, D'Arcy; n't is kept for "n't" itself.
            let canLead =
                (0x41...0x48).contains(first) || (0x4A...0x58).contains(first) || first == 0x5A || first == 0x6E
            if canLead, end - rest >= 2 { best.offer(end - start, .apostropheWord) }
            if strict, [0x6C, 0x64, 0x6A].contains(first | 0x20), first < 0x80 {
                best.offer(1 + mark, .apostropheWord)
            }
            if strict, first | 0x20 == 0x79, end > rest { best.offer(1 + mark, ahead: 1, .apostropheWord) }
            if first | 0x20 == 0x6F, at(rest) | 0x20 == 0x6F { best.offer(1 + mark + 1, .apostropheWord) }
        }
        // Shi'ite, Hawai'ian: a vowel before the apostrophe, a vowel or a capital after it.
        let letters = run(start) { $0.isLetter }
        let inner = looseApostrophe(letters)
        if inner > 0, letters - start >= 2, text[letters - 1].isASCIIVowelOrY {
            let rest = letters + inner
            if at(rest).isLowercaseASCIIVowel || (0x41...0x5A).contains(at(rest)) {
                best.offer(run(rest + 1) { $0.isLetter } - start, .apostropheWord)
            }
        }
        for literal: StaticString in [
            "nor'easter", "c'mon", "e'er", "s'mores", "ev'ry", "li'l", "nat'l", "cont'd", "cont'd.",
        ]
        where matches(literal, start) {
            best.offer(literal.utf8CodeUnitCount, .apostropheWord)
        }
        for literal: StaticString in ["dunkin", "somethin", "ol"] where matches(literal, start) {
            let mark = apostrophe(start + literal.utf8CodeUnitCount)
            if mark > 0 { best.offer(literal.utf8CodeUnitCount + mark, .apostropheWord) }
        }
        for (head, tail): (StaticString, StaticString) in [("cap", "n"), ("c", "est")] where matches(head, start) {
            let middle = start + head.utf8CodeUnitCount
            let mark = apostrophe(middle)
            if mark > 0, matches(tail, middle + mark) {
                best.offer(middle + mark + tail.utf8CodeUnitCount - start, .special)
            }
        }
    }

    // MARK: - Compounds

    private func matchCompound(_ start: Int, _ best: inout Match) {
        // Words and numbers joined by hyphens or underscores, French articles allowed: mid-20s, coup-d'état.
        if let thing = compoundEnd(start) {
            best.offer(thing - start, .plain)
            if at(thing) == 0x2E, at(thing + 1).isClauseMark { best.offer(thing + 1 - start, ahead: 1, .plain) }
        }
        guard text[start].isASCIIAlphanumeric else { return }
        if let end = listCompoundEnd(start) {
            best.offer(end - start, .plain, .word)
            if at(end) == 0x2E, at(end + 1).isClauseMark { best.offer(end + 1 - start, ahead: 1, .plain, .word) }
        }
        // either/or, at most twice.
        var end = slashPartEnd(start)
        for _ in 0..<2 {
            let slash = at(end) == 0x2F ? 1 : (at(end) == 0x5C && at(end + 1) == 0x2F ? 2 : 0)
            guard slash > 0, at(end + slash).isASCIIAlphanumeric else { break }
            end = slashPartEnd(end + slash)
            best.offer(end - start, .special)
        }
        matchInitials(start, &best)
        for literal: StaticString in ["c.d.s", "pro-", "anti-", "s&p-500", "s&ls"] where matches(literal, start) {
            best.offer(literal.utf8CodeUnitCount, .special)
        }
        for literal: StaticString in ["s&amp;p-500", "s&amp;ls"] where matches(literal, start) {
            best.offer(literal.utf8CodeUnitCount, .special, .ampersand)
        }
    }

    /// AT&T, US$.
    private func matchInitials(_ start: Int, _ best: inout Match) {
        func isCapital(_ unit: UInt16) -> Bool { (0x41...0x5A).contains(unit) }
        var end = run(start, isCapital)
        guard end > start else { return }
        if at(end) == 0x24 { best.offer(end + 1 - start, .special) }
        while at(end) == 0x26 || at(end) == 0x2B {
            let next = end + (matches("&amp;", end) ? 5 : 1)
            guard isCapital(at(next)) else { break }
            end = run(next, isCapital)
            best.offer(end - start, .plain, .ampersand)
            if at(end) == 0x2E, at(end + 1).isClauseMark { best.offer(end + 1 - start, ahead: 1, .plain, .ampersand) }
        }
    }

    private func compoundEnd(_ start: Int) -> Int? {
        guard var end = compoundPartEnd(start) else { return nil }
        while at(end).isHyphenOrUnderscore, let next = compoundPartEnd(end + 1) { end = next }
        return end
    }

    private func compoundPartEnd(_ start: Int) -> Int? {
        let plain = run(start) { $0.isLetter || $0.isDigit }
        if plain == start + 1, [0x64, 0x6C, 0x6F].contains(text[start] | 0x20), text[start] < 0x80 {
            let mark = looseApostrophe(plain)
            // The article takes one letter, the word at least one more.
            if mark > 0 {
                let end = run(plain + mark) { $0.isLetter || $0.isDigit }
                if end - plain - mark >= 2 { return end }
            }
        }
        return plain > start ? plain : nil
    }

    /// ASCII compounds whose first part may contain stops and commas ("10.30-11", "cheap,family-friendly").
    private func listCompoundEnd(_ start: Int) -> Int? {
        var end = run(start + 1) { $0.isASCIIAlphanumeric || $0 == 0x2E || $0 == 0x2C || $0 == 0xAD }
        var found: Int?
        while at(end) == 0x2D {
            let part = end + 1
            let plain = run(part) { $0.isASCIIAlphanumeric || $0 == 0xAD }
            if let acronym = acronymEnd(part), acronym - part >= 4 {
                end = acronym
            } else if plain > part {
                end = plain
            } else {
                break
            }
            found = end
        }
        return found
    }

    /// One side of a slash: letters and digits, with at most two hyphenated words of letters.
    private func slashPartEnd(_ start: Int) -> Int {
        var end = run(start) { $0.isASCIIAlphanumeric }
        for _ in 0..<2 where at(end) == 0x2D {
            let next = run(end + 1) { $0.isASCIILetter }
            if next == end + 1 { break }
            end = next
        }
        return end
    }

    // MARK: - Abbreviations

    private func matchAbbreviation(_ start: Int, _ best: inout Match) {
        if let end = acronymEnd(start) {
            best.offer(end - start, .abbreviation)
            // "B. The": a single letter before a new sentence is not an abbreviation.
            if let ahead = sentenceOpener(end) {
                best.offer(
                    end - start == 2 ? 1 : end - start, ahead: ahead - end + (end - start == 2 ? 1 : 0),
                    .letterBeforeSentence)
            }
        }
        let letters = run(start, limit: 8) { $0.isASCIILetter }
        guard letters > start, at(letters) == 0x2E else { return }
        let end = letters + 1
        let word = lowercased(start, letters)
        let capital = (0x41...0x5A).contains(text[start])
        if PTBAbbreviations.beforeLowercase.contains(word) || (capital && PTBAbbreviations.ifCapitalized.contains(word))
        {
            best.offer(end - start, ahead: text.count - end >= 2 ? 2 : 0, .abbreviation)
        }
        if PTBAbbreviations.beforeNames.contains(word) || (capital && word == "miss") {
            best.offer(end - start, .abbreviation)
        }
        if PTBAbbreviations.beforeNumbers.contains(word) {
            let space = at(end).isSpace || at(end).isNewline ? 1 : 0
            if at(end + space).isDecimalDigit { best.offer(end - start, ahead: space + 1, .abbreviation) }
        }
        if word == "ed" || word == "ph", at(end) | 0x20 == 0x64, at(end + 1) == 0x2E {
            let end = end + 2
            best.offer(end - start, ahead: text.count - end >= 2 ? 2 : 0, .abbreviation)
        }
    }

    /// The end of single letters each followed by a stop ("e.g.", "J."), nil if there is none.
    private func acronymEnd(_ start: Int) -> Int? {
        guard at(start).isASCIILetter else { return nil }
        var (letter, end): (Int, Int?) = (start, nil)
        while at(letter + 1) == 0x2E {
            end = letter + 2
            guard at(letter + 2).isASCIILetter else { break }
            letter += 2
        }
        return end
    }

    /// If white space, a capitalised word that often opens a sentence (or a tag) and white space follow: where that ends.
    private func sentenceOpener(_ start: Int) -> Int? {
        let word = run(start) { $0.isSpace || $0.isNewline }
        guard word > start else { return nil }
        if let end = tagEnd(word) { return at(end).isSpace || at(end).isNewline ? end + 1 : nil }
        guard (0x41...0x5A).contains(at(word)) else { return nil }
        var end = run(word) { $0.isASCIILetter }
        let opener = lowercased(word, end)
        if opener == "mr" || opener == "ms" {
            guard at(end) == 0x2E else { return nil }
            end += 1
        } else if !PTBAbbreviations.sentenceOpeners.contains(opener) {
            return nil
        }
        return at(end).isSpace || at(end).isNewline ? end + 1 : nil
    }
}
