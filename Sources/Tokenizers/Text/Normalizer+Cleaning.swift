/// The `BertNormalizer`.
struct BertCleaning: Sendable {
    /// Removes control characters and makes every white space a blank.
    var cleansText = true
    /// Puts blanks around Chinese characters.
    var separatesChinese = true
    var stripsAccents = true
    var lowercases = true

    func normalized(_ text: UnsafeBufferPointer<UInt8>) -> (text: [UInt8]?, keepsBeginning: Bool) {
        var current = Array(text)
        var keepsBeginning = true
        if cleansText {
            let (cleaned, keeps) = Normalizer.filtered(text) { scalar, classes in
                if scalar == 0x09 || scalar == 0x0A || scalar == 0x0D { return true }
                return scalar != 0 && scalar != 0xFFFD && classes & CharacterClasses.controlBit == 0
            }
            keepsBeginning = keeps
            current = (cleaned ?? current).withUnsafeBufferPointer { text in
                Normalizer.mapped(text) { scalar, classes, output in
                    let isSpace = classes & CharacterClasses.classBits == CharacterClasses.space
                    output.appendUTF8(isSpace ? 0x20 : scalar)
                }
            }
        }
        if separatesChinese {
            current = current.withUnsafeBufferPointer { text in
                Normalizer.mapped(text) { scalar, _, output in
                    let isChinese = Self.isChinese(scalar)
                    if isChinese { output.append(0x20) }
                    output.appendUTF8(scalar)
                    if isChinese { output.append(0x20) }
                }
            }
        }
        if stripsAccents {
            current = current.withUnsafeBufferPointer {
                NormalForm.nfd.isInert($0) ? current : NormalForm.nfd.normalized($0)
            }
            let (stripped, keeps) = current.withUnsafeBufferPointer { text in
                Normalizer.filtered(text) { $1 & CharacterClasses.nonspacingBit == 0 }
            }
            if !keeps { keepsBeginning = false }
            current = stripped ?? current
        }
        if lowercases {
            current = current.withUnsafeBufferPointer { text in
                Normalizer.mapped(text) { LetterCase.appendLower($0, to: &$2) }
            }
        }
        return (current, keepsBeginning)
    }

    private static func isChinese(_ scalar: Int) -> Bool {
        switch scalar {
        case 0x4E00...0x9FFF, 0x3400...0x4DBF, 0x20000...0x2A6DF, 0x2A700...0x2B73F, 0x2B740...0x2B81F,
            0x2B920...0x2CEAF, 0xF900...0xFAFF, 0x2F800...0x2FA1F:
            true
        default: false
        }
    }
}

/// The `Nmt` normaliser: removes some control characters and makes others, and some signs, blanks.
enum Nmt {
    static func normalized(_ text: UnsafeBufferPointer<UInt8>) -> (text: [UInt8]?, keepsBeginning: Bool) {
        let (filtered, keepsBeginning) = Normalizer.filtered(text) { scalar, _ in
            switch scalar {
            case 0x01...0x08, 0x0B, 0x0E...0x1F, 0x7F, 0x8F, 0x9F: false
            default: true
            }
        }
        let output = (filtered ?? []).withUnsafeBufferPointer { text in
            Normalizer.mapped(text) { scalar, _, output in
                switch scalar {
                case 0x09, 0x0A, 0x0C, 0x0D, 0x1680, 0x200B...0x200F, 0x2028, 0x2029, 0x2581, 0xFEFF, 0xFFFD:
                    output.append(0x20)
                default: output.appendUTF8(scalar)
                }
            }
        }
        return (output, keepsBeginning)
    }
}
