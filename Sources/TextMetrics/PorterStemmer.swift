/// Porter's suffix stripping (Program 14(3), 1980) with the extensions of NLTK, which `rouge_score` stems with.
///
/// Words are ASCII: small letters and digits, and a digit counts as a consonant. The extensions are a list of irregular
/// forms, -ies and -ied in words of four letters, -y after a consonant, -alli, -fulli and -logi.
struct PorterStemmer: Sendable {
    private typealias Condition = @Sendable (ArraySlice<UInt8>) -> Bool

    /// "Where a word ends in `suffix`, the stem before it decides": the first rule that matches is the only one.
    private struct Rule: Sendable {
        let suffix: [UInt8]
        let replacement: [UInt8]
        let condition: Condition

        init(_ suffix: String, _ replacement: String = "", if condition: @escaping Condition = { _ in true }) {
            self.suffix = Array(suffix.utf8)
            self.replacement = Array(replacement.utf8)
            self.condition = condition
        }
    }

    private static let irregular: [[UInt8]: [UInt8]] = {
        let forms = [
            "sky": "sky", "skies": "sky", "dying": "die", "lying": "lie", "tying": "tie", "news": "news",
            "innings": "inning", "inning": "inning", "outings": "outing", "outing": "outing", "cannings": "canning",
            "canning": "canning", "howe": "howe", "proceed": "proceed", "exceed": "exceed", "succeed": "succeed",
        ]
        return Dictionary(uniqueKeysWithValues: forms.map { (Array($0.utf8), Array($1.utf8)) })
    }()

    private static let plurals = [Rule("sses", "ss"), Rule("ies", "i"), Rule("ss", "ss"), Rule("s")]

    private static let doubleSuffixes: [Rule] = {
        let rules = [
            ("ational", "ate"), ("tional", "tion"), ("enci", "ence"), ("anci", "ance"), ("izer", "ize"),
            ("bli", "ble"), ("alli", "al"), ("entli", "ent"), ("eli", "e"), ("ousli", "ous"), ("ization", "ize"),
            ("ation", "ate"), ("ator", "ate"), ("alism", "al"), ("iveness", "ive"), ("fulness", "ful"),
            ("ousness", "ous"), ("aliti", "al"), ("iviti", "ive"), ("biliti", "ble"), ("fulli", "ful"),
        ].map { Rule($0, $1) { measure($0) > 0 } }
        // The l that stays counts as part of the stem.
        return rules + [Rule("logi", "log") { measure($0 + [UInt8(ascii: "l")]) > 0 }]
    }()

    private static let adjectives = [
        ("icate", "ic"), ("ative", ""), ("alize", "al"), ("iciti", "ic"), ("ical", "ic"), ("ful", ""), ("ness", ""),
    ].map { Rule($0, $1) { measure($0) > 0 } }

    private static let endings: [Rule] = [
        "al", "ance", "ence", "er", "ic", "able", "ible", "ant", "ement", "ment", "ent", "ion", "ou", "ism", "ate",
        "iti", "ous", "ive", "ize",
    ].map { suffix in
        Rule(suffix) { measure($0) > 1 && (suffix != "ion" || $0.last.map(isST) == true) }
    }

    /// The stem of a word of small ASCII letters and digits.
    func stem(_ word: [UInt8]) -> [UInt8] {
        if let form = Self.irregular[word] { return form }
        guard word.count > 2 else { return word }
        var stem = Self.step1a(word)
        stem = Self.step1b(stem)
        if let before = Self.beginning(of: stem, before: "y"), before.count > 1, Self.consonants(before).last == true {
            stem = before + Array("i".utf8)
        }
        stem = Self.step2(stem)
        stem = Self.apply(Self.adjectives, to: stem)
        stem = Self.apply(Self.endings, to: stem)
        if let before = Self.beginning(of: stem, before: "e") {
            let measure = Self.measure(before)
            if measure > 1 || (measure == 1 && !Self.endsShort(before)) { stem = Array(before) }
        }
        if Self.beginning(of: stem, before: "ll") != nil, Self.measure(stem.dropLast()) > 1 { stem.removeLast() }
        return stem
    }

    private static func step1a(_ word: [UInt8]) -> [UInt8] {
        if word.count == 4, let before = beginning(of: word, before: "ies") { return before + Array("ie".utf8) }
        return apply(plurals, to: word)
    }

    private static func step1b(_ word: [UInt8]) -> [UInt8] {
        if let before = beginning(of: word, before: "ied") {
            return before + Array((word.count == 4 ? "ie" : "i").utf8)
        }
        if let before = beginning(of: word, before: "eed") {
            return measure(before) > 0 ? before + Array("ee".utf8) : word
        }
        let shortened = ["ed", "ing"].lazy.compactMap { beginning(of: word, before: $0) }.first {
            consonants($0).contains(false)
        }
        guard let shortened, let last = shortened.last else { return word }
        // What is left gets back what the ending took: -at, -bl and -iz an e, a doubled consonant one of the two.
        if ["at", "bl", "iz"].contains(where: { beginning(of: Array(shortened), before: $0) != nil }) {
            return shortened + Array("e".utf8)
        }
        if shortened.dropLast().last == last, consonants(shortened).last == true {
            return Array("lsz".utf8.contains(last) ? shortened : shortened.dropLast())
        }
        return measure(shortened) == 1 && endsShort(shortened) ? shortened + Array("e".utf8) : Array(shortened)
    }

    private static func step2(_ word: [UInt8]) -> [UInt8] {
        if let before = beginning(of: word, before: "alli"), measure(before) > 0 {
            return step2(before + Array("al".utf8))
        }
        return apply(doubleSuffixes, to: word)
    }

    /// What stands before a suffix; nil where the word does not end in it.
    private static func beginning(of word: [UInt8], before suffix: String) -> ArraySlice<UInt8>? {
        let ending = suffix.utf8
        return word.count >= ending.count && word.suffix(ending.count).elementsEqual(ending)
            ? word.dropLast(ending.count) : nil
    }

    private static func apply(_ rules: [Rule], to word: [UInt8]) -> [UInt8] {
        for rule in rules where word.count >= rule.suffix.count && word.suffix(rule.suffix.count) == rule.suffix[...] {
            let stem = word.dropLast(rule.suffix.count)
            return rule.condition(stem) ? stem + rule.replacement : word
        }
        return word
    }

    /// Which letters are consonants: all but a, e, i, o, u, and y after a consonant.
    private static func consonants(_ word: ArraySlice<UInt8>) -> [Bool] {
        var flags: [Bool] = []
        flags.reserveCapacity(word.count)
        for letter in word {
            flags.append(letter == UInt8(ascii: "y") ? flags.last != true : !"aeiou".utf8.contains(letter))
        }
        return flags
    }

    /// Porter's m: how often a vowel is followed by a consonant.
    private static func measure(_ stem: ArraySlice<UInt8>) -> Int {
        let flags = consonants(stem)
        return zip(flags, flags.dropFirst()).count { !$0 && $1 }
    }

    /// Porter's *o: consonant, vowel, consonant other than w, x and y; or, an extension, a vowel and a consonant alone.
    private static func endsShort(_ stem: ArraySlice<UInt8>) -> Bool {
        let flags = consonants(stem)
        if flags == [false, true] { return true }
        return flags.suffix(3) == [true, false, true] && stem.last.map { !"wxy".utf8.contains($0) } == true
    }

    @Sendable private static func isST(_ letter: UInt8) -> Bool {
        letter == UInt8(ascii: "s") || letter == UInt8(ascii: "t")
    }
}
