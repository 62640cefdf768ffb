/// Snowball's English stemmer ("Porter2", snowballstem.org/algorithms/english) as of 2014, which METEOR stems with.
///
/// Not ``PorterStemmer``: the rules differ, and words may hold any character; what is no vowel counts as a consonant. Like the
/// Java original it counts in UTF-16 units.
struct EnglishStemmer: Sendable {
    typealias Unit = UInt16

    private static let whole = table(
        "skis ski skies sky dying die lying lie tying tie idly idl gently gentl ugly ugli early earli only onli singly singl",
        "sky sky news news howe howe atlas atlas cosmos cosmos bias bias andes andes")
    private static let wholeAfterPlural = Set(
        units("inning outing canning herring earring proceed exceed succeed"))
    private static let longBeginnings = units("gener commun arsen")
    private static let doubles = units("bb dd ff gg mm nn pp rr tt")
    /// From the longest to the shortest, as all lists of endings here: the first that matches is the only one.
    private static let genitives = units("'s' 's '")
    private static let verbal = units("eedly ingly edly eed ing ed")
    private static let step2 = rules(
        "ational ate tional tion enci ence anci ance abli able entli ent izer ize ization ize ation ate ator ate alism al aliti al",
        "alli al fulness ful ousli ous ousness ous iveness ive iviti ive biliti ble bli ble ogi og fulli ful lessli less li -"
    )
    private static let step3 = rules(
        "tional tion ational ate alize al icate ic iciti ic ical ic ful - ness - ative -")
    private static let step4 = rules(
        "al - ance - ence - er - ic - able - ible - ant - ement - ment - ent - ism - ate - iti - ous - ive - ize - ion -"
    )

    /// The stem of a word in lower case.
    func stem(_ word: String) -> String {
        let letters = Array(word.utf16)
        if let known = Self.whole[letters] { return String(decoding: known, as: UTF16.self) }
        guard letters.count > 2 else { return word }
        var state = Word(letters)
        state.removeGenitive()
        state.step1a()
        if !Self.wholeAfterPlural.contains(state.letters) {
            state.step1b()
            state.step1c()
            state.replace(Self.step2) { rule, word in
                switch rule {
                case "li": word.precedes(2, anyOf: "cdeghkmnrt") && word.begins(2, word.region1)
                case "ogi": word.precedes(3, anyOf: "l") && word.begins(3, word.region1)
                default: word.begins(rule.utf16.count, word.region1)
                }
            }
            state.replace(Self.step3) { rule, word in
                word.begins(rule.utf16.count, word.region1) && (rule != "ative" || word.begins(5, word.region2))
            }
            state.replace(Self.step4) { rule, word in
                word.begins(rule.utf16.count, word.region2) && (rule != "ion" || word.precedes(3, anyOf: "st"))
            }
            state.step5()
        }
        return String(decoding: state.letters.map { $0 == Word.consonantY ? Word.y : $0 }, as: UTF16.self)
    }

    private static func units(_ words: String) -> [[Unit]] { words.split(separator: " ").map { Array($0.utf16) } }

    private static func table(_ lines: String...) -> [[Unit]: [Unit]] {
        let words = units(lines.joined(separator: " "))
        let pairs = stride(from: 0, to: words.count, by: 2).map { (words[$0], words[$0 + 1]) }
        return Dictionary(uniqueKeysWithValues: pairs)
    }

    /// An ending and what takes its place.
    private struct Rule: Sendable {
        let name: String
        let ending: [Unit]
        let replacement: [Unit]
    }

    private static func rules(_ lines: String...) -> [Rule] {
        let words = lines.joined(separator: " ").split(separator: " ").map { String($0) }
        return stride(from: 0, to: words.count, by: 2).map { index in
            let replacement = words[index + 1] == "-" ? "" : words[index + 1]
            return Rule(name: words[index], ending: Array(words[index].utf16), replacement: Array(replacement.utf16))
        }.sorted { $0.ending.count > $1.ending.count }
    }

    /// A word on its way to its stem.
    private struct Word {
        static let y = Unit(UInt8(ascii: "y"))
        /// A y that begins the word or follows a vowel.
        static let consonantY = Unit(UInt8(ascii: "Y"))

        var letters: [Unit]
        /// Where what follows the first consonant after a vowel begins (R1), and the same once more in there (R2).
        private(set) var region1: Int
        private(set) var region2: Int

        init(_ word: [Unit]) {
            letters = word.first == Unit(UInt8(ascii: "'")) ? Array(word.dropFirst()) : word
            for index in letters.indices where letters[index] == Self.y {
                if index == 0 || Self.isVowel(letters[index - 1]) { letters[index] = Self.consonantY }
            }
            region1 = letters.count
            region2 = letters.count
            region1 = longBeginnings.first { letters.starts(with: $0) }?.count ?? region(from: 0)
            region2 = region(from: region1)
        }

        static func isVowel(_ letter: Unit) -> Bool {
            switch UInt8(exactly: letter) {
            case UInt8(ascii: "a"), UInt8(ascii: "e"), UInt8(ascii: "i"), UInt8(ascii: "o"), UInt8(ascii: "u"),
                UInt8(ascii: "y"):
                true
            default: false
            }
        }

        private func region(from start: Int) -> Int {
            guard let vowel = letters[start...].firstIndex(where: Self.isVowel),
                let consonant = letters[vowel...].firstIndex(where: { !Self.isVowel($0) })
            else { return letters.count }
            return consonant + 1
        }

        func ends(_ ending: [Unit]) -> Bool {
            letters.count >= ending.count && letters.suffix(ending.count) == ending[...]
        }

        /// Whether the last `count` letters lie in a region.
        func begins(_ count: Int, _ region: Int) -> Bool { letters.count - count >= region }

        /// Whether one of some letters stands before the last `count`.
        func precedes(_ count: Int, anyOf set: String) -> Bool {
            letters.count > count && set.utf16.contains(letters[letters.count - count - 1])
        }

        /// Whether the word without its last `dropped` letters ends in a short syllable.
        private func endsShort(dropping dropped: Int = 0) -> Bool {
            let stem = letters.dropLast(dropped)
            let kinds = stem.suffix(3).map(Self.isVowel)
            if stem.count == 2 { return kinds == [true, false] }
            return kinds == [false, true, false] && stem.last.map { !"wxY".utf16.contains($0) } == true
        }

        mutating func removeGenitive() {
            if let ending = genitives.first(where: ends) { letters.removeLast(ending.count) }
        }

        mutating func step1a() {
            if ends(Array("sses".utf16)) {
                letters.removeLast(2)
            } else if ends(Array("ied".utf16)) || ends(Array("ies".utf16)) {
                letters.removeLast(letters.count > 4 ? 2 : 1)
            } else if ends(Array("s".utf16)), !ends(Array("ss".utf16)), !ends(Array("us".utf16)),
                letters.dropLast(2).contains(where: Self.isVowel)
            {
                letters.removeLast()
            }
        }

        mutating func step1b() {
            guard let ending = verbal.first(where: ends) else { return }
            if ending.starts(with: "ee".utf16) {
                if begins(ending.count, region1) { letters.removeLast(ending.count - 2) }
                return
            }
            guard letters.dropLast(ending.count).contains(where: Self.isVowel) else { return }
            letters.removeLast(ending.count)
            // What is left gets back what the ending took.
            if ["at", "bl", "iz"].contains(where: { ends(Array($0.utf16)) }) {
                letters += "e".utf16
            } else if doubles.contains(where: ends) {
                letters.removeLast()
            } else if letters.count == region1, endsShort() {
                letters += "e".utf16
            }
        }

        mutating func step1c() {
            guard let last = letters.last, last == Self.y || last == Self.consonantY, letters.count > 2,
                !Self.isVowel(letters[letters.count - 2])
            else { return }
            letters[letters.count - 1] = Unit(UInt8(ascii: "i"))
        }

        /// Replaces the longest ending that matches, if it may be.
        mutating func replace(_ rules: [Rule], if allowed: (String, Word) -> Bool) {
            guard let rule = rules.first(where: { ends($0.ending) }), allowed(rule.name, self) else { return }
            letters.removeLast(rule.ending.count)
            letters += rule.replacement
        }

        mutating func step5() {
            if ends(Array("e".utf16)) {
                let removable = begins(1, region2) || (begins(1, region1) && !endsShort(dropping: 1))
                if removable { letters.removeLast() }
            } else if ends(Array("l".utf16)), begins(1, region2), precedes(1, anyOf: "l") {
                letters.removeLast()
            }
        }
    }
}
