import Foundation

extension String {
    /// The text in ASCII: letters lose their accents, typographic punctuation becomes plain.
    ///
    /// Follows the conventions of the `unidecode` package that the WebNLG scripts use, for Latin, Greek and Cyrillic
    /// letters, punctuation and currency; letters of other scripts (which the package romanises) are left out.
    public var foldedToASCII: String {
        if utf8.allSatisfy({ $0 < 0x80 }) { return self }
        var result = ""
        for scalar in unicodeScalars { result += scalar.foldedToASCII }
        return result
    }
}

extension Unicode.Scalar {
    fileprivate var foldedToASCII: String {
        if isASCII { return String(self) }
        if let known = Self.foldings[self] { return known }
        let parts = String(self).decomposedStringWithCompatibilityMapping.unicodeScalars
        guard parts.count > 1 || parts.first != self else { return "" }
        return parts.map { $0.isASCII ? String($0) : Self.foldings[$0] ?? "" }.joined()
    }

    /// What decomposition does not give.
    private static let foldings: [Unicode.Scalar: String] = {
        let letters = [
            "Æ": "AE", "æ": "ae", "Ø": "O", "ø": "o", "ß": "ss", "Đ": "D", "đ": "d", "Ð": "D", "ð": "d", "Þ": "Th",
            "þ": "th",
            "Ħ": "H", "ħ": "h", "ı": "i", "ĸ": "k", "Ł": "L", "ł": "l", "Ŋ": "NG", "ŋ": "ng", "Œ": "OE", "œ": "oe",
            "Ŧ": "T",
            "ŧ": "t", "Ə": "@", "ə": "@", "Ɓ": "B", "ƒ": "f", "Ơ": "O", "ơ": "o", "Ư": "U", "ư": "u", "ẞ": "Ss",
        ]
        let symbols = [
            "\u{A0}": " ", "¡": "!", "¢": "C/", "£": "PS", "¤": "$?", "¥": "Y=", "¦": "|", "§": "SS", "¨": "\"",
            "©": "(c)",
            "«": "<<", "¬": "!", "\u{AD}": "", "®": "(r)", "¯": "-", "°": "deg", "±": "+-", "²": "2", "³": "3",
            "´": "'",
            "µ": "u", "¶": "P", "·": "*", "¸": ",", "¹": "1", "»": ">>", "¼": " 1/4", "½": " 1/2", "¾": " 3/4",
            "¿": "?",
            "×": "x", "÷": "/", "‐": "-", "‑": "-", "‒": "-", "–": "-", "—": "--", "―": "--", "‘": "'", "’": "'",
            "‚": ",",
            "‛": "'", "“": "\"", "”": "\"", "„": ",,", "‟": "\"", "†": "+", "‡": "++", "•": "*", "…": "...", "‹": "<",
            "›": ">", "⁄": "/", "€": "EUR", "™": "(tm)", "′": "'", "″": "''", "‰": "%0", "‖": "||", "ŉ": "'n", "Ŀ": "L",
            "ŀ": "l", "Ξ": "Ks", "‧": ".", "−": "-",
        ]
        let greek = [
            "α": "a", "β": "b", "γ": "g", "δ": "d", "ε": "e", "ζ": "z", "η": "e", "θ": "th", "ι": "i", "κ": "k",
            "λ": "l", "μ": "m",
            "ν": "n", "ξ": "x", "ο": "o", "π": "p", "ρ": "r", "ς": "s", "σ": "s", "τ": "t", "υ": "u", "φ": "ph",
            "χ": "kh",
            "ψ": "ps", "ω": "o",
        ]
        let cyrillic = [
            "а": "a", "б": "b", "в": "v", "г": "g", "д": "d", "е": "e", "ж": "zh", "з": "z", "и": "i", "й": "i",
            "к": "k", "л": "l",
            "м": "m", "н": "n", "о": "o", "п": "p", "р": "r", "с": "s", "т": "t", "у": "u", "ф": "f", "х": "kh",
            "ц": "ts",
            "ч": "ch", "ш": "sh", "щ": "shch", "ъ": "'", "ы": "y", "ь": "'", "э": "e", "ю": "iu", "я": "ia", "ё": "io",
            "і": "i", "ї": "yi", "є": "ie", "ґ": "g", "ђ": "dj", "ѕ": "dz", "ј": "j", "љ": "lj", "њ": "nj", "ћ": "tsh",
            "џ": "dzh", "ѓ": "gj", "ќ": "kj",
        ]
        var table: [Unicode.Scalar: String] = [:]
        for (key, value) in greek.merging(cyrillic, uniquingKeysWith: { first, _ in first }) {
            for scalar in key.unicodeScalars { table[scalar] = value }
            // Capitals: Θ is Th.
            for scalar in key.uppercased().unicodeScalars {
                table[scalar] = value.prefix(1).uppercased() + value.dropFirst()
            }
        }
        for (key, value) in letters.merging(symbols, uniquingKeysWith: { first, _ in first }) {
            for scalar in key.unicodeScalars { table[scalar] = value }
        }
        return table
    }()
}
