/// The tokens of NIST's mteval-13a as the E2E challenge script cuts them.
///
/// ASCII punctuation and symbols stand alone, except that `.` and `,` stay inside numbers, and `-` is cut off only after a
/// digit; apostrophes stay where they are, as does everything outside ASCII. Then white space separates.
///
/// `MTEvalTokenizer().tokens(of: "It's £20-25, i.e. cheap.")` is
/// `["It's", "£20", "-", "25", ",", "i", ".", "e", ".", "cheap", "."]`.
public struct MTEvalTokenizer: Sendable {
    /// Creates the tokenizer.
    public init() {}

    /// The tokens of `text`, in its own case; one empty token if there is none (as the script has it).
    public func tokens(of text: String) -> [String] {
        var bytes = Array(text.utf8)
        if bytes.contains(where: { $0 == 0x3C || $0 == 0x26 || $0 == 0x0A }) { bytes = unescaped(bytes) }
        bytes = [0x20] + bytes + [0x20]
        bytes = spacingSymbols(bytes)
        bytes = spacingStopsAfterNonDigits(bytes)
        bytes = spacingStopsBeforeNonDigits(bytes)
        bytes = spacingDashesAfterDigits(bytes)
        let words = split(bytes)
        return words.isEmpty ? [""] : words
    }

    /// The tokens as BLEU and NIST compare them.
    func lowercasedTokens(of text: String) -> [Token] {
        tokens(of: text).map { Token($0.lowercasedWithFinalSigma) }
    }

    /// Undoes SGML escapes and joins hyphenated lines.
    private func unescaped(_ bytes: [UInt8]) -> [UInt8] {
        let replacements = [
            ("<skipped>", ""), ("-\n", ""), ("\n", " "), ("&quot;", "\""), ("&amp;", "&"), ("&lt;", "<"), ("&gt;", ">"),
        ]
        return replacements.reduce(bytes) { bytes, pair in
            bytes.replacing(Array(pair.0.utf8), with: Array(pair.1.utf8))
        }
    }

    /// Every ASCII symbol but `'`, `,`, `-` and `.` between spaces.
    private func spacingSymbols(_ bytes: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count * 2)
        for byte in bytes {
            switch byte {
            case 0x20...0x26, 0x28...0x2B, 0x2F, 0x3A...0x40, 0x5B...0x60, 0x7B...0x7E:
                result.append(0x20)
                result.append(byte)
                result.append(0x20)
            default: result.append(byte)
            }
        }
        return result
    }

    /// `x.` becomes `x . ` and `x,` becomes `x , ` unless x is a digit. The pair is consumed: of `...` after a letter the
    /// first stop goes with the letter, the third with the second.
    private func spacingStopsAfterNonDigits(_ bytes: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count * 2)
        var index = 0
        while index < bytes.count {
            result.append(bytes[index])
            if index + 1 < bytes.count, !bytes[index].isASCIIDigit, bytes[index + 1].isStopOrComma {
                result.append(0x20)
                result.append(bytes[index + 1])
                result.append(0x20)
                index += 1
            }
            index += 1
        }
        return result
    }

    /// `.x` becomes ` . x` unless x is a digit; the pair is consumed.
    private func spacingStopsBeforeNonDigits(_ bytes: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count * 2)
        var index = 0
        while index < bytes.count {
            if bytes[index].isStopOrComma, index + 1 < bytes.count, !bytes[index + 1].isASCIIDigit {
                result.append(0x20)
                result.append(bytes[index])
                result.append(0x20)
                result.append(bytes[index + 1])
                index += 2
            } else {
                result.append(bytes[index])
                index += 1
            }
        }
        return result
    }

    /// `5-` becomes `5 - `.
    private func spacingDashesAfterDigits(_ bytes: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count * 2)
        for (index, byte) in bytes.enumerated() {
            if byte == 0x2D, index > 0, bytes[index - 1].isASCIIDigit {
                result.append(0x20)
                result.append(byte)
                result.append(0x20)
            } else {
                result.append(byte)
            }
        }
        return result
    }

    private func split(_ bytes: [UInt8]) -> [String] {
        if bytes.allSatisfy({ $0 < 0x80 }) {
            return bytes.split { $0.isASCIIWhitespace || (0x1C...0x1F).contains($0) }
                .map { String(decoding: $0, as: UTF8.self) }
        }
        return String(decoding: bytes, as: UTF8.self).pythonWords
    }
}

extension UInt8 {
    fileprivate var isStopOrComma: Bool { self == 0x2E || self == 0x2C }
}
