/// Text on its way through the pre-tokenizers: bytes and the pieces into which they are cut so far.
struct PieceBuffer {
    /// Valid UTF-8, as is each piece.
    private(set) var bytes: [UInt8]
    /// Not empty, in order, without overlap; what is between was removed.
    private(set) var pieces: [Range<Int>]
    /// Whether the first byte stands for the beginning of the text that is encoded.
    private let beginsText: Bool

    init(_ text: UnsafeBufferPointer<UInt8>, beginsText: Bool) {
        bytes = Array(text)
        pieces = text.isEmpty ? [] : [0..<text.count]
        self.beginsText = beginsText
    }

    /// Cuts each piece at the matches of a pattern.
    mutating func split(
        at pattern: TextPattern, _ behavior: SplitBehavior, inverted: Bool = false, budget: inout EncodingBudget
    ) {
        var result: [Range<Int>] = []
        result.reserveCapacity(pieces.count * 2)
        bytes.withUnsafeBufferPointer { bytes in
            for piece in pieces {
                let text = UnsafeBufferPointer(rebasing: bytes[piece])
                var parts: [SplitBehavior.Part] = []
                var end = 0
                pattern.forEachMatch(in: text, budget: &budget) { match in
                    if end < match.lowerBound {
                        parts.append(.init(start: end, end: match.lowerBound, isMatch: inverted))
                    }
                    parts.append(.init(start: match.lowerBound, end: match.upperBound, isMatch: !inverted))
                    end = match.upperBound
                }
                if end < text.count { parts.append(.init(start: end, end: text.count, isMatch: inverted)) }
                for part in behavior.pieces(of: parts) where part.start < part.end {
                    result.append(piece.lowerBound + part.start..<piece.lowerBound + part.end)
                }
            }
        }
        pieces = result
    }

    /// Puts a blank before each piece that does not start with one.
    mutating func addPrefixSpaces() {
        rewrite { piece, _, output in
            if piece.first != 0x20 { output.append(0x20) }
            output += piece
        }
    }

    /// Spells each byte as ``ByteAlphabet`` does.
    mutating func spellBytes() {
        let spellings = ByteAlphabet.spellings
        rewrite { piece, _, output in
            for byte in piece { output += spellings[Int(byte)] }
        }
    }

    /// Writes blanks as another character, `metaspace`, puts one in front where `scheme` says so, and cuts before each.
    mutating func markSpaces(with metaspace: Metaspace) {
        let mark = metaspace.replacement
        rewrite { piece, beginsText, output in
            let startsWithMark = piece.first == 0x20 || piece.starts(with: mark)
            switch metaspace.scheme {
            case .always where !startsWithMark: output += mark
            case .first where !startsWithMark && beginsText: output += mark
            default: break
            }
            for byte in piece {
                if byte == 0x20 { output += mark } else { output.append(byte) }
            }
        }
        guard metaspace.splits, let lead = mark.first else { return }
        var result: [Range<Int>] = []
        result.reserveCapacity(pieces.count)
        bytes.withUnsafeBufferPointer { bytes in
            for piece in pieces {
                var start = piece.lowerBound
                var position = start
                while position < piece.upperBound {
                    if bytes[position] == lead, position > start,
                        mark.elementsEqual(bytes[position..<min(position + mark.count, piece.upperBound)])
                    {
                        result.append(start..<position)
                        start = position
                    }
                    position += 1
                }
                result.append(start..<piece.upperBound)
            }
        }
        pieces = result
    }

    /// Replaces the text of each piece by what `body` appends to its last argument; pieces without text vanish. The
    /// second argument says whether the piece stands at the very beginning of the text.
    private mutating func rewrite(_ body: (UnsafeBufferPointer<UInt8>, Bool, inout [UInt8]) -> Void) {
        var output: [UInt8] = []
        output.reserveCapacity(bytes.count + bytes.count / 4 + pieces.count * 3)
        var result: [Range<Int>] = []
        result.reserveCapacity(pieces.count)
        bytes.withUnsafeBufferPointer { bytes in
            for piece in pieces {
                let start = output.count
                body(UnsafeBufferPointer(rebasing: bytes[piece]), beginsText && piece.lowerBound == 0, &output)
                if output.count > start { result.append(start..<output.count) }
            }
        }
        // The first piece left may have lost its place at the beginning to one that was removed.
        if let first = pieces.first, first.lowerBound > 0 {
            output.insert(0x20, at: 0)
            result = result.map { $0.lowerBound + 1..<$0.upperBound + 1 }
        }
        bytes = output
        pieces = result
    }
}

/// The `Metaspace` pre-tokenizer.
struct Metaspace: Sendable {
    enum Scheme: String, Sendable { case always, first, never }
    /// Usually "▁" (U+2581).
    var replacement: [UInt8] = [0xE2, 0x96, 0x81]
    /// Which pieces get one in front, unless they have it.
    var scheme = Scheme.always
    /// Whether the text is cut before each.
    var splits = true
}
