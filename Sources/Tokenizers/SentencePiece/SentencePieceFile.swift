/// What a `.model` file of sentencepiece holds: a protocol buffer of pieces and settings.
///
/// Read here for the pieces themselves, and because the library trusts its files: what could make it stop the process
/// or read outside its memory is refused before the library sees it.
struct SentencePieceFile: Sendable {
    /// As `ModelProto.SentencePiece.Type` numbers them.
    enum PieceType: UInt64, Sendable {
        case normal = 1
        case unknown = 2
        case control = 3
        case userDefined = 4
        case unused = 5
        case byte = 6
    }

    struct Piece: Sendable {
        var spelling: [UInt8] = []
        var type = PieceType.normal
    }

    /// The library descends one call per byte when it builds its tables, so that long pieces overflow the stack (a piece of
    /// 300 kB ends the process); and at every place of a text it may walk along the longest piece. Published models stay
    /// below 100 bytes.
    private static let longestPiece = 256
    /// Of all pieces together, in bytes; models of 256,000 pieces have 3 MB.
    private static let mostPieceBytes = 1 << 26

    /// In order of id.
    private(set) var pieces: [Piece] = []
    /// What stands for the unknown piece in decoded text.
    private(set) var unknownSurface = Array(" \u{2047} ".utf8)
    private(set) var addsDummyPrefix = true
    private(set) var removesExtraWhiteSpace = true
    private var usesByteFallback = false
    private var rules: ArraySlice<UInt8> = []

    /// - Throws: ``TokenizerError/malformed(file:place:reason:)`` for a damaged file,
    ///   ``TokenizerError/unsupported(file:component:value:)`` for rules that rewrite decoded text.
    init(_ bytes: [UInt8], file: String) throws {
        do {
            try ProtobufReader.forEachField(of: bytes[...]) { field in
                switch field.number {
                case 1: pieces.append(try Self.piece(field.message()))
                case 2: try readTrainer(field.message())
                case 3: try readNormalizer(field.message())
                case 5: try Self.refuseRules(of: field.message(), file: file)
                default: break
                }
            }
            try check()
            if !rules.isEmpty { try CharacterRules.check(rules) }
        } catch let damage as ProtobufReader.Damage {
            throw TokenizerError.malformed(
                file: file, place: "byte \(damage.offset)", reason: "not a SentencePiece model: \(damage.reason)")
        }
    }

    private static func piece(_ message: ArraySlice<UInt8>) throws -> Piece {
        var piece = Piece()
        try ProtobufReader.forEachField(of: message) { field in
            switch field.number {
            case 1: piece.spelling = Array(try field.message())
            case 2:
                if Float(bitPattern: try field.fixed32()).isNaN {
                    throw field.damage("the score of a piece is no number")
                }
            case 3:
                guard let type = PieceType(rawValue: try field.integer()) else {
                    throw field.damage("unknown type of a piece")
                }
                piece.type = type
            default: break
            }
        }
        // The library cuts pieces at a zero byte, and then finds them twice.
        guard piece.spelling.count <= longestPiece else {
            throw ProtobufReader.Damage(
                offset: message.startIndex,
                reason: "a piece has \(piece.spelling.count) bytes, more than \(longestPiece)")
        }
        if piece.spelling.isEmpty || piece.spelling.contains(0) || !isUTF8(piece.spelling) {
            throw ProtobufReader.Damage(offset: message.startIndex, reason: "a piece is empty or no text")
        }
        return piece
    }

    private mutating func readTrainer(_ message: ArraySlice<UInt8>) throws {
        try ProtobufReader.forEachField(of: message) { field in
            switch field.number {
            case 3:
                if !(1...4).contains(try field.integer()) { throw field.damage("unknown type of model") }
            case 35: usesByteFallback = try field.integer() != 0
            case 44: unknownSurface = Array(try field.message())
            default: break
            }
        }
    }

    private mutating func readNormalizer(_ message: ArraySlice<UInt8>) throws {
        try ProtobufReader.forEachField(of: message) { field in
            switch field.number {
            case 2: rules = try field.message()
            case 3: addsDummyPrefix = try field.integer() != 0
            case 4: removesExtraWhiteSpace = try field.integer() != 0
            default: break
            }
        }
    }

    /// Decoding happens here, not in the library, token by token; such rules would need whole texts.
    private static func refuseRules(of message: ArraySlice<UInt8>, file: String) throws {
        try ProtobufReader.forEachField(of: message) { field in
            if field.number == 2, try !field.message().isEmpty {
                throw TokenizerError.unsupported(file: file, component: "denormalizer_spec", value: "with rules")
            }
        }
    }

    private func check() throws {
        let whole = ProtobufReader.Damage(offset: 0, reason: "")
        guard pieces.count(where: { $0.type == .unknown }) == 1 else { throw whole.because("not one unknown piece") }
        guard pieces.reduce(0, { $0 + $1.spelling.count }) <= Self.mostPieceBytes else {
            throw whole.because("its pieces have more than \(Self.mostPieceBytes) bytes together")
        }
        guard pieces.contains(where: { $0.type == .normal }) else { throw whole.because("no pieces") }
        let byteCount = Set(pieces.filter { $0.type == .byte }.map(\.spelling)).count
        guard byteCount == (usesByteFallback ? 256 : 0) else { throw whole.because("the byte pieces are incomplete") }
        for piece in pieces where piece.type == .byte && Self.byte(spelledBy: piece.spelling) == nil {
            throw whole.because("a byte piece does not name a byte")
        }
        // The library has room for 64 user-defined symbols that begin alike, and does not check it.
        var nested: [[UInt8]] = []
        let symbols = pieces.filter { $0.type == .userDefined }.map(\.spelling)
        for symbol in symbols.sorted(by: { $0.lexicographicallyPrecedes($1) }) {
            while let last = nested.last, !symbol.starts(with: last) { nested.removeLast() }
            nested.append(symbol)
            guard nested.count <= 64 else { throw whole.because("too many user-defined symbols that begin alike") }
        }
    }

    /// The byte of a piece such as "<0x0A>"; nil for another spelling.
    static func byte(spelledBy spelling: [UInt8]) -> UInt8? {
        let text = String(decoding: spelling, as: UTF8.self)
        guard spelling.count == 6, text.hasPrefix("<0x"), text.hasSuffix(">"), text == text.uppercasedDigits else {
            return nil
        }
        return UInt8(text.dropFirst(3).dropLast(), radix: 16)
    }

    private static func isUTF8(_ bytes: [UInt8]) -> Bool { String(validating: bytes, as: UTF8.self) != nil }
}

extension String {
    /// "<0xab>" as "<0xAB>", the one spelling that sentencepiece knows.
    fileprivate var uppercasedDigits: String { "<0x" + dropFirst(3).uppercased() }
}
