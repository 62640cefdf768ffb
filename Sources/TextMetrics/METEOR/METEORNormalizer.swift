/// Words as METEOR's option `-norm` makes them: the Moses tokenizer's rules with METEOR's changes, then lower case.
///
/// `METEORNormalizer().words(of: "It's a well-known U.S. pub...")` is `["it", "'s", "a", "well", "known", "us", "pub", "..."]`.
///
/// The original is a row of replacements over the whole line; each pass below is one of them, and like them it goes from left to
/// right and never looks twice at a character that it has already matched: "a,,b" becomes "a , ,b" in one pass.
struct METEORNormalizer: Sendable {
    private typealias Scalar = Unicode.Scalar
    private typealias Line = [Scalar]

    /// Words that keep their stop.
    var abbreviations = METEORAbbreviations.own

    /// The words of a line.
    func words(of text: String) -> [String] {
        var pieces: [(word: Line, isDots: Bool)] = []
        for (line, dots) in Self.parts(of: text) {
            let spaced = Self.spaceApostrophes(Self.spaceQuotesAndDashes(Self.spaceCommas(line)))
            for word in spaced.split(whereSeparator: Self.isSeparator) { pieces.append((Array(word), false)) }
            if dots > 0 { pieces.append((Array(repeating: ".", count: dots), true)) }
        }
        var words: [String] = []
        words.reserveCapacity(pieces.count)
        for (index, piece) in pieces.enumerated() {
            if piece.isDots || piece.word.count < 2 || piece.word.last != "." {
                if !Self.isSpace(piece.word) { words.append(Self.lowercased(piece.word)) }
                continue
            }
            let next = index + 1 < pieces.count && !pieces[index + 1].isDots ? pieces[index + 1].word.first : nil
            let before = piece.word.dropLast()
            if before.contains("."), before.contains(where: Self.isLetter) {
                words.append(Self.lowercased(piece.word.filter { $0 != "." }))
            } else if abbreviations.keepsStop(Self.text(before), before: next) {
                words.append(Self.lowercased(piece.word))
            } else {
                words.append(Self.lowercased(Array(before)))
                words.append(".")
            }
        }
        return words
    }

    /// The words of a line that is only put in lower case and split at white space, as without `-norm`.
    static func plainWords(of text: String) -> [String] {
        Array(text.unicodeScalars).split(whereSeparator: isSeparator).map { lowercased(Array($0)) }
    }

    /// The line in white space, every character that is neither word nor handled later alone, cut where two or more dots stand.
    private static func parts(of text: String) -> [(line: Line, dots: Int)] {
        var parts: [(Line, Int)] = []
        var line: Line = [" "]
        var dots = 0
        func closeDots() {
            guard dots > 0 else { return }
            if dots == 1 {
                line.append(".")
            } else {
                parts.append((line + [" "], dots))
                line = [" "]
            }
            dots = 0
        }
        for scalar in text.unicodeScalars {
            if scalar == "." {
                dots += 1
                continue
            }
            closeDots()
            switch scalar {
            case "'", "`", ",", "-", "\u{2018}", "\u{2019}", " ", "\t", "\n", "\u{0B}", "\u{0C}", "\r":
                line.append(scalar)
            default:
                if isWordCharacter(scalar) {
                    line.append(scalar)
                } else {
                    line.append(" ")
                    line.append(scalar)
                    line.append(" ")
                }
            }
        }
        closeDots()
        parts.append((line + [" "], 0))
        return parts
    }

    /// Commas stand alone unless they are inside of a number.
    private static func spaceCommas(_ line: Line) -> Line {
        guard line.contains(",") else { return line }
        let alone: Line = [" ", ",", " "]
        var result = replace(line, { !isDigit($0) }, ",", { !isDigit($0) }, by: alone)
        result = replace(result, isDigit, ",", { !isDigit($0) }, by: alone)
        return replace(result, { !isDigit($0) }, ",", isDigit, by: alone)
    }

    /// Single quotes become ', double ones ", dashes -; then hyphens inside of words become spaces.
    private static func spaceQuotesAndDashes(_ line: Line) -> Line {
        var result: Line = []
        result.reserveCapacity(line.count)
        for scalar in line {
            switch scalar {
            case "`", "\u{2018}", "\u{2019}": result.append("'")
            case "\u{201C}", "\u{201D}": result += [" ", "\"", " "]
            case "\u{2013}": result.append("-")
            default: result.append(scalar)
            }
        }
        result = replacePairs(of: "'", in: result, by: [" ", "\"", " "])
        result = replacePairs(of: "-", in: result, by: ["-"])
        return replace(result, { isWordCharacter($0) || $0 == "." }, "-", isWordCharacter, by: [" "])
    }

    /// Clitics are cut off with their apostrophe; other apostrophes stand alone.
    private static func spaceApostrophes(_ line: Line) -> Line {
        guard line.contains("'") else { return line }
        let alone: Line = [" ", "'", " "], clitic: Line = [" ", "'"]
        var result = replace(line, { !isLetter($0) }, "'", { !isLetter($0) }, by: alone)
        result = replace(result, { !isWordCharacter($0) }, "'", isLetter, by: alone)
        result = replace(result, isLetter, "'", { !isLetter($0) }, by: alone)
        result = replace(result, isLetter, "'", isLetter, by: clitic)
        return replace(result, isDigit, "'", { $0 == "s" }, by: clitic)
    }

    /// Replaces a character between two of some kinds; the neighbours stay, and are not looked at again.
    private static func replace(
        _ line: Line, _ before: (Scalar) -> Bool, _ middle: Scalar, _ after: (Scalar) -> Bool, by new: Line
    ) -> Line {
        guard line.contains(middle) else { return line }
        var result: Line = []
        result.reserveCapacity(line.count + 8)
        var index = 0
        while index < line.count {
            if index + 2 < line.count, line[index + 1] == middle, before(line[index]), after(line[index + 2]) {
                result.append(line[index])
                result += new
                result.append(line[index + 2])
                index += 3
            } else {
                result.append(line[index])
                index += 1
            }
        }
        return result
    }

    private static func replacePairs(of scalar: Scalar, in line: Line, by new: Line) -> Line {
        guard line.contains(scalar) else { return line }
        var result: Line = []
        result.reserveCapacity(line.count)
        var index = 0
        while index < line.count {
            if line[index] == scalar, index + 1 < line.count, line[index + 1] == scalar {
                result += new
                index += 2
            } else {
                result.append(line[index])
                index += 1
            }
        }
        return result
    }

    private static func text(_ word: some Sequence<Scalar>) -> String {
        var view = String.UnicodeScalarView()
        view.append(contentsOf: word)
        return String(view)
    }

    private static func lowercased(_ word: Line) -> String {
        guard word.allSatisfy(\.isASCII) else { return text(word).lowercasedWithFinalSigma }
        return String(decoding: word.lazy.map { UInt8(truncatingIfNeeded: $0.value).asciiLowercased }, as: UTF8.self)
    }

    private static func isDigit(_ scalar: Scalar) -> Bool { ("0"..."9").contains(scalar) }

    /// Letters of Western Europe and Cyrillic; others count as symbols.
    private static func isLetter(_ scalar: Scalar) -> Bool {
        switch scalar.value {
        case 0x41...0x5A, 0x61...0x7A, 0xC0...0xD6, 0xD8...0xF6, 0xF8...0x17E, 0x400...0x527, 0xA640...0xA66E,
            0xA67E...0xA697, 0x1D00...0x1D7F:
            true
        default: false
        }
    }

    private static func isWordCharacter(_ scalar: Scalar) -> Bool { isDigit(scalar) || isLetter(scalar) }

    /// What Java's `StringTokenizer` splits at.
    private static func isSeparator(_ scalar: Scalar) -> Bool {
        switch scalar {
        case " ", "\t", "\n", "\r", "\u{0C}": true
        default: false
        }
    }

    /// Whether a word is one of Unicode's spaces, which stand alone until the end.
    private static func isSpace(_ word: Line) -> Bool {
        guard word.count == 1, let scalar = word.first else { return false }
        switch scalar.value {
        case 0xA0, 0x2000...0x200A, 0x202F, 0x205F, 0x3000: return true
        default: return false
        }
    }
}
