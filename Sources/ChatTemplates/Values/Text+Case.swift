extension Text {
    var uppercased: Text { mapped { $0.properties.uppercaseMapping } }
    var lowercased: Text { mapped { $0.properties.lowercaseMapping } }

    private func mapped(_ change: (Unicode.Scalar) -> String) -> Text {
        var result = ""
        for scalar in string.unicodeScalars { result += change(scalar) }
        return Text(result)
    }

    /// The first character as a title has it, the others small.
    var capitalized: Text {
        var isFirst = true
        return mapped {
            defer { isFirst = false }
            return isFirst ? $0.properties.titlecaseMapping : $0.properties.lowercaseMapping
        }
    }

    /// Each letter that follows none as a title has it, the others small: Python's `str.title`.
    var titled: Text {
        var isInWord = false
        return mapped { scalar in
            defer { isInWord = scalar.properties.isCased }
            return isInWord ? scalar.properties.lowercaseMapping : scalar.properties.titlecaseMapping
        }
    }

    /// What the filter `title` makes of it: words begin behind blanks, hyphens and opening brackets.
    var titledByWords: Text {
        var isFirst = true
        return mapped { scalar in
            if scalar.properties.isWhitespace || "-({[<".unicodeScalars.contains(scalar) {
                isFirst = true
                return String(scalar)
            }
            defer { isFirst = false }
            return isFirst ? scalar.properties.uppercaseMapping : scalar.properties.lowercaseMapping
        }
    }

    /// Whether it has letters, and all of them are small, or large.
    func isAll(upper: Bool) -> Bool {
        var hasLetter = false
        for scalar in string.unicodeScalars {
            let properties = scalar.properties
            if upper ? properties.isLowercase : properties.isUppercase { return false }
            hasLetter = hasLetter || properties.isLowercase || properties.isUppercase
        }
        return hasLetter
    }
}
