import Foundation

extension UInt8 {
    /// Space, tab, line feed, vertical tab, form feed or carriage return: what Perl's `split` separates bytes at.
    var isASCIIWhitespace: Bool { self == 0x20 || (0x09...0x0D).contains(self) }

    /// 0 to 9.
    var isASCIIDigit: Bool { (0x30...0x39).contains(self) }

    /// The byte, with A to Z changed to a to z.
    var asciiLowercased: UInt8 { (0x41...0x5A).contains(self) ? self + 0x20 : self }
}

extension Unicode.Scalar {
    /// Whether Python's `str.split()` and `\s` take the character for white space.
    var isPythonWhitespace: Bool {
        switch value {
        case 0x09...0x0D, 0x1C...0x20, 0x85, 0xA0, 0x1680, 0x2000...0x200A, 0x2028, 0x2029, 0x202F, 0x205F, 0x3000: true
        default: false
        }
    }

    /// Whether Python's `\w` matches the character: a letter, a number or the underscore, but no combining mark.
    var isPythonWordCharacter: Bool {
        if value < 0x80 {
            return value == 0x5F || (0x30...0x39).contains(value) || (0x41...0x5A).contains(value)
                || (0x61...0x7A).contains(value)
        }
        return switch properties.generalCategory {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter, .decimalNumber,
            .letterNumber, .otherNumber:
            true
        default: false
        }
    }
}

extension String {
    /// The text between white space, as Python's `str.split()` gives it.
    var pythonWords: [String] {
        unicodeScalars.split(whereSeparator: \.isPythonWhitespace).map { String($0) }
    }

    /// The text without white space at both ends, as Python's `str.strip()` gives it.
    package var pythonStripped: String {
        let scalars = unicodeScalars
        guard let first = scalars.firstIndex(where: { !$0.isPythonWhitespace }),
            let last = scalars.lastIndex(where: { !$0.isPythonWhitespace })
        else { return "" }
        return String(scalars[first...last])
    }

    /// The text in lower case as Python's `str.lower()` and Java's `toLowerCase` give it: `lowercased()`, but a sigma at
    /// the end of a word becomes ς.
    var lowercasedWithFinalSigma: String {
        let lower = lowercased()
        guard unicodeScalars.contains("\u{03A3}") else { return lower }
        let scalars = Array(unicodeScalars)
        var result = String.UnicodeScalarView()
        for (index, scalar) in scalars.enumerated() {
            if scalar == "\u{03A3}" {
                let before = scalars[..<index].last { !$0.properties.isCaseIgnorable }?.properties.isCased ?? false
                let after =
                    scalars[(index + 1)...].first { !$0.properties.isCaseIgnorable }?.properties.isCased ?? false
                result.append(before && !after ? "\u{03C2}" : "\u{03C3}")
            } else {
                result.append(contentsOf: scalar.properties.lowercaseMapping.unicodeScalars)
            }
        }
        return String(result)
    }
}
