/// Compositional names: most are never repeated, so that a model can only reproduce them by copying from its context.
extension SeededRandom {
    /// One invented syllable such as "bra", "kel", "shoon".
    mutating func syllable() -> String {
        var text = pick(SyntheticLexicon.onsets)
        text += pick(SyntheticLexicon.vowels)
        if chance(0.45) { text += pick(SyntheticLexicon.codas) }
        return text
    }

    /// An invented word of two or three syllables with a capital letter, such as "Brakelto".
    mutating func inventedWord() -> String {
        var text = syllable()
        for _ in 0..<(chance(0.3) ? 2 : 1) { text += syllable() }
        return SeededRandom.capitalized(text)
    }

    /// A person: a real or invented first name with an invented or real surname.
    mutating func person() -> String {
        let first = chance(0.7) ? pick(SyntheticLexicon.firstNames) : inventedWord()
        let last = chance(0.7) ? inventedWord() : SeededRandom.capitalized(pick(SyntheticLexicon.nouns))
        return first + " " + last
    }

    /// A town: an invented stem, often with a usual ending ("Kelford"), sometimes two words ("North Bralin").
    mutating func town() -> String {
        switch below(10) {
        case 0..<5: SeededRandom.capitalized(syllable()) + pick(SyntheticLexicon.placeEndings)
        case 5..<9: inventedWord()
        default:
            pick(["North", "South", "East", "West", "New", "Old", "Upper", "Lower", "Port", "Saint"]) + " "
                + inventedWord()
        }
    }

    /// A name for anything else: "The Golden Otter", "Brakel Lantern", "Storm of Kelford", "X-417", …
    mutating func properName() -> String {
        switch below(14) {
        case 0, 1:
            return "The " + SeededRandom.capitalized(pick(SyntheticLexicon.adjectives)) + " "
                + SeededRandom.capitalized(pick(SyntheticLexicon.nouns))
        case 2, 3:
            return SeededRandom.capitalized(pick(SyntheticLexicon.adjectives)) + " "
                + SeededRandom.capitalized(pick(SyntheticLexicon.nouns))
        case 4, 5: return inventedWord() + " " + SeededRandom.capitalized(pick(SyntheticLexicon.nouns))
        case 6: return inventedWord() + " " + pick(SyntheticLexicon.businessNouns)
        case 7:
            return SeededRandom.capitalized(pick(SyntheticLexicon.nouns)) + " and "
                + SeededRandom.capitalized(pick(SyntheticLexicon.nouns))
        case 8: return SeededRandom.capitalized(pick(SyntheticLexicon.nouns)) + " of " + town()
        case 9: return inventedWord() + " " + inventedWord()
        case 10:
            return pick(SyntheticLexicon.firstNames) + "'s " + SeededRandom.capitalized(pick(SyntheticLexicon.nouns))
        default: return inventedWord()
        }
    }

    /// One to three lower-case words, now and then invented: a value without any pattern to guess from.
    mutating func freePhrase() -> String {
        switch below(5) {
        case 0: pick(SyntheticLexicon.nouns)
        case 1: pick(SyntheticLexicon.adjectives)
        case 2: syllable() + syllable()
        case 3: pick(SyntheticLexicon.adjectives) + " " + pick(SyntheticLexicon.nouns)
        default: pick(SyntheticLexicon.nouns) + " " + pick(SyntheticLexicon.nouns)
        }
    }

    /// The text with its first letter in upper case (ASCII).
    static func capitalized(_ text: String) -> String {
        guard let first = text.utf8.first, first >= 97, first <= 122 else { return text }
        var bytes = Array(text.utf8)
        bytes[0] = first - 32
        return String(decoding: bytes, as: UTF8.self)
    }
}
