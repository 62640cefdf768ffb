/// Character classes of the Treebank tokenizer, on UTF-16 units: like the original it knows no characters beyond the Basic
/// Multilingual Plane (emoji vanish).
extension UInt16 {
    /// A to Z, a to z.
    var isASCIILetter: Bool { (0x61...0x7A).contains(self | 0x20) && self < 0x80 }

    /// 0 to 9.
    var isASCIIDigit: Bool { (0x30...0x39).contains(self) }

    /// ASCII letter or digit.
    var isASCIIAlphanumeric: Bool { isASCIILetter || isASCIIDigit }

    /// A letter of any script.
    var isLetter: Bool {
        if self < 0x80 { return isASCIILetter }
        return switch category {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: true
        default: false
        }
    }

    /// What words are made of: letters, combining marks, the soft hyphen.
    var isWordLetter: Bool {
        if self < 0x80 { return isASCIILetter }
        if self == 0xAD || (0x02C2...0x02FF).contains(self) || self == 0x0384 || self == 0x0385 { return true }
        return switch category {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: true
        case .nonspacingMark, .spacingMark: self < 0x0D49 || (0x0E30...0x0ECD).contains(self)
        default: false
        }
    }

    /// A decimal digit of any script.
    var isDecimalDigit: Bool { self < 0x80 ? isASCIIDigit : category == .decimalNumber }

    /// The digits of numbers.
    var isDigit: Bool { isDecimalDigit }

    private var category: Unicode.GeneralCategory? { Unicode.Scalar(self)?.properties.generalCategory }

    /// White space within a line.
    var isSpace: Bool {
        self == 0x20 || self == 0x09 || self == 0xA0 || (0x2000...0x200A).contains(self) || self == 0x3000
    }

    /// Any line break.
    var isNewline: Bool {
        (0x0A...0x0D).contains(self) || self == 0x2028 || self == 0x2029
    }

    /// What separates tokens and leaves nothing behind (the line feed apart).
    var isIgnorable: Bool {
        isSpace || isNewline || self == 0 || self == 0x7F || self == 0x200B || self == 0x200E || self == 0x200F
            || self == 0xFEFF
    }

    /// `,`, `;`, `:` or the ideographic comma.
    var isClauseMark: Bool { self == 0x2C || self == 0x3B || self == 0x3A || self == 0x3001 }

    /// What joins the parts of a compound.
    var isHyphenOrUnderscore: Bool {
        self == 0x2D || self == 0x5F || self == 0x058A || self == 0x2010 || self == 0x2011
    }

    /// a, e, i, o or u.
    var isLowercaseASCIIVowel: Bool { [0x61, 0x65, 0x69, 0x6F, 0x75].contains(self) }

    /// A vowel or y in either case.
    var isASCIIVowelOrY: Bool { self < 0x80 && ((self | 0x20).isLowercaseASCIIVowel || self | 0x20 == 0x79) }

    /// A quotation mark other than the ASCII ones, or the backquote.
    var isTypographicQuote: Bool {
        switch self {
        case 0x60, 0x91...0x94, 0xAB, 0xBB, 0x2018...0x201F, 0x2039, 0x203A: true
        default: false
        }
    }

    /// An apostrophe or a quotation mark.
    var isApostropheOrQuote: Bool { self == 0x27 || isTypographicQuote }

    /// The mark as the Treebank writes it (`` ` ``, `'`, doubled for double quotes); anything else as it is.
    var asciiQuote: [UInt16] {
        switch self {
        case 0x91, 0x2018, 0x201B, 0x2039: [0x60]
        case 0x92, 0x2019, 0x203A: [0x27]
        case 0x93, 0x201C, 0xAB: [0x60, 0x60]
        case 0x94, 0x201D, 0xBB: [0x27, 0x27]
        default: [self]
        }
    }

    /// ⁰ to ⁹.
    var isSuperscriptDigit: Bool {
        self == 0x2070 || self == 0xB9 || self == 0xB2 || self == 0xB3 || (0x2074...0x2079).contains(self)
    }

    /// Symbols that are tokens of their own; every other symbol vanishes.
    var isMiscellaneousSymbol: Bool {
        switch self {
        case 0x25, 0x2B, 0x3D, 0x5E, 0x7C, 0x7E, 0xA1, 0xA6...0xA9, 0xAC, 0xAE...0xB4, 0xB5...0xBA, 0xBF, 0xD7, 0xF7:
            true
        case 0x037E, 0x0387, 0x0589, 0x05BE, 0x05C0, 0x05C3, 0x05C6, 0x05F3, 0x05F4, 0x0600...0x0603, 0x0606...0x060A:
            true
        case 0x060C, 0x0614, 0x061B, 0x061E, 0x061F, 0x066A, 0x066D, 0x06D4, 0x0700...0x070D, 0x07F6...0x07F8, 0x0964:
            true
        case 0x0965, 0x0E4F, 0x1FBD, 0x2016, 0x2017, 0x2020...0x2023, 0x2030...0x2038, 0x203B, 0x203E...0x2042: true
        case 0x2044, 0x207A...0x207F, 0x208A...0x208E, 0x2100...0x214F, 0x2190...0x2BFF, 0x3002, 0x3012, 0x30FB: true
        case 0xFF01...0xFF0F, 0xFF1A...0xFF20, 0xFF3B...0xFF40, 0xFF5B...0xFF65: true
        default: false
        }
    }
}
