/// Decodes the tokens of a ``SentencePieceCodec`` as transformers' slow tokenizers do.
///
/// Three layers: added tokens stand between stretches of text, with a blank on each side; within a stretch, special
/// tokens stand between runs of pieces; a run is decoded by SentencePiece's rules. Text is held back where a blank in
/// front of it depends on what follows: transformers puts a blank before a run that ends with a special token.
struct SentencePieceStream: DecodingStream {
    private let codec: SentencePieceCodec
    /// Whether anything precedes this stretch, and is to be set off by a blank.
    private var hasParts = false
    /// Of this stretch: tokens, whether it gave text, whether a special token was in it and was the last.
    private var count = 0
    private var hasText = false
    private var hadSpecial = false
    private var lastIsSpecial = false
    private var run: SentencePieceRun
    /// The text of a run that may yet get a blank in front.
    private var held: [UInt8] = []
    /// White space that is dropped if the stretch ends here.
    private var whiteSpace: [UInt8] = []

    /// Whether no special token will come.
    private let skippingSpecialTokens: Bool

    init(_ codec: SentencePieceCodec, skippingSpecialTokens: Bool) {
        self.codec = codec
        self.skippingSpecialTokens = skippingSpecialTokens
        run = SentencePieceRun(codec)
    }

    mutating func append(_ identifier: Int32, to text: inout [UInt8]) {
        switch codec.kind(of: identifier) {
        case .unused: break
        case .piece: appendPiece(identifier, to: &text)
        case .special: appendSpecial(identifier, to: &text)
        case .separate:
            endRun(to: &text)
            if hasText { hasParts = true }
            if hasParts { text.append(UInt8(ascii: " ")) }
            text += codec.vocabulary.spelling(of: identifier) ?? []
            self = SentencePieceStream(codec, skippingSpecialTokens: skippingSpecialTokens)
            hasParts = true
        }
    }

    mutating func finish(to text: inout [UInt8]) {
        endRun(to: &text)
        if count > 0 && !hasText && hasParts { text.append(UInt8(ascii: " ")) }
        self = SentencePieceStream(codec, skippingSpecialTokens: skippingSpecialTokens)
    }

    /// Whether a run that ends with a special token gets a blank in front that would be seen.
    private var holdsBack: Bool {
        !skippingSpecialTokens && (codec.rules.stripsDecodedText ? hadSpecial : codec.rules.legacy)
    }

    private mutating func appendPiece(_ identifier: Int32, to text: inout [UInt8]) {
        var spelling = codec.file.pieces[Int(identifier)].spelling[...]
        var type: SentencePieceFile.PieceType? = codec.file.pieces[Int(identifier)].type
        let startsWithBlank = spelling.starts(with: SentencePieceCodec.spaceSymbol)
        if codec.rules.addsPrefixSpace {
            if count == 0 && startsWithBlank {
                // What is left is looked up again, and need not be a piece.
                spelling = spelling.dropFirst(SentencePieceCodec.spaceSymbol.count)
                let left = codec.vocabulary.identifier(of: Array(spelling))
                type = left.flatMap {
                    codec.file.pieces.indices.contains(Int($0)) ? codec.file.pieces[Int($0)].type : nil
                }
            } else if count == 1 && lastIsSpecial && !startsWithBlank && !codec.rules.stripsDecodedText {
                emit([UInt8(ascii: " ")], to: &text)
            }
        }
        var decoded: [UInt8] = []
        run.append(spelling, type, to: &decoded)
        if holdsBack { held += decoded } else { emit(decoded, to: &text) }
        count += 1
        lastIsSpecial = false
    }

    private mutating func appendSpecial(_ identifier: Int32, to text: inout [UInt8]) {
        if holdsBack && count > 0 && !lastIsSpecial { emit([UInt8(ascii: " ")], to: &text) }
        endRun(to: &text)
        emit(codec.vocabulary.spelling(of: identifier) ?? [], to: &text)
        run = SentencePieceRun(codec)
        count += 1
        hadSpecial = true
        lastIsSpecial = true
    }

    private mutating func endRun(to text: inout [UInt8]) {
        run.finish(to: &held)
        emit(held, to: &text)
        held.removeAll()
    }

    /// Puts out text of this stretch, less the white space around it where that goes.
    private mutating func emit(_ bytes: [UInt8], to text: inout [UInt8]) {
        var bytes = bytes
        if codec.rules.stripsDecodedText {
            bytes = whiteSpace + (hasText ? bytes : PythonWhiteSpace.trimmingStart(of: bytes))
            let kept = PythonWhiteSpace.trimmingEnd(of: bytes)
            whiteSpace = Array(bytes[kept.count...])
            bytes = kept
        }
        if bytes.isEmpty { return }
        if !hasText && hasParts { text.append(UInt8(ascii: " ")) }
        hasText = true
        text += bytes
    }
}

/// A run of pieces, decoded as `SentencePieceProcessor::Decode` does.
private struct SentencePieceRun {
    private let unknownSurface: [UInt8]
    /// Whether the blank that encoding put in front goes, and whether further ones go with it.
    private let dropsBlank: Bool
    private let dropsMoreBlanks: Bool
    /// Bytes of byte pieces that are no whole character yet.
    private var bytes: [UInt8] = []
    private var hasText = false
    private var hasDroppedBlank = false

    init(_ codec: SentencePieceCodec) {
        unknownSurface = codec.file.unknownSurface
        dropsMoreBlanks = codec.file.removesExtraWhiteSpace
        dropsBlank = dropsMoreBlanks || (codec.file.addsDummyPrefix && codec.rules.legacy)
    }

    /// - Parameter type: nil where the model has no such piece.
    mutating func append(
        _ spelling: ArraySlice<UInt8>, _ type: SentencePieceFile.PieceType?, to text: inout [UInt8]
    ) {
        if type == .byte, let byte = SentencePieceFile.byte(spelledBy: Array(spelling)) {
            bytes.append(byte)
            return takeCharacters(to: &text)
        }
        finish(to: &text)
        let decoded: [UInt8]
        switch type {
        case .control: decoded = []
        case .unknown: decoded = unknownSurface
        case nil: decoded = Array(spelling)
        case .normal, .userDefined, .unused, .byte:
            let blank = SentencePieceCodec.spaceSymbol
            if dropsBlank && !hasText && !hasDroppedBlank && spelling.starts(with: blank) {
                hasDroppedBlank = !dropsMoreBlanks
                decoded = SentencePieceCodec.blanks(in: spelling.dropFirst(blank.count))
            } else {
                decoded = SentencePieceCodec.blanks(in: spelling)
            }
        }
        hasText = hasText || !decoded.isEmpty
        text += decoded
    }

    /// Bytes that never became a character become one U+FFFD each.
    mutating func finish(to text: inout [UInt8]) { takeCharacters(isLast: true, to: &text) }

    private mutating func takeCharacters(isLast: Bool = false, to text: inout [UInt8]) {
        while let lead = bytes.first {
            let length = lead & 0xE0 == 0xC0 ? 2 : lead & 0xF0 == 0xE0 ? 3 : lead & 0xF8 == 0xF0 ? 4 : 1
            if bytes.count < length && !isLast && bytes.dropFirst().allSatisfy({ $0 & 0xC0 == 0x80 }) { return }
            hasText = true
            if bytes.count >= length, String(validating: bytes.prefix(length), as: UTF8.self) != nil {
                text += bytes.prefix(length)
                bytes.removeFirst(length)
            } else {
                text += "\u{FFFD}".utf8
                bytes.removeFirst()
            }
        }
    }
}
