/// Tokens of a SentencePiece model, with the special tokens and the blanks as transformers' slow `T5Tokenizer` and
/// `LlamaTokenizer` have them: `spiece.model` and `tokenizer.model` files with what lies beside them.
final class SentencePieceCodec: TextCodec {
    /// What the tokenizer's files and class prescribe.
    struct Rules: Sendable {
        /// Whether white space around a decoded stretch of text goes, as with T5.
        var stripsDecodedText: Bool
        /// The behaviour of transformers before 4.31: the model itself puts a blank before every stretch of text.
        var legacy = true
        var addsPrefixSpace = true
    }

    /// How a token takes part in decoding.
    enum Kind: UInt8 {
        case unused
        /// Of the model.
        case piece
        /// Special: stands for itself, within a stretch of text.
        case special
        /// Added: stands for itself, between stretches of text.
        case separate
    }

    static let spaceSymbol = Array("\u{2581}".utf8)

    let rules: Rules
    let roles: TokenRoles
    let specialTokensAround: (before: [Int32], after: [Int32])
    let vocabulary: Vocabulary
    let file: SentencePieceFile
    let kinds: [Kind]
    private let specials: Set<Int32>
    private let apart: Set<Int32>
    private let model: SentencePieceModel
    private let splitter: AddedTokenSplitter
    private let sources: [(name: String, contents: [UInt8])]
    /// The spelling of the unknown token and the number of pieces it is cut into, for text that begins with a blank.
    private let guardText: [UInt8]
    private let guardCount: Int

    /// - Parameters:
    ///   - bytes: the model file.
    ///   - added: the added tokens over the vocabulary of the model.
    ///   - sources: the files as they were read.
    init(
        bytes: [UInt8], file: SentencePieceFile, added: AddedVocabulary, roles: TokenRoles, rules: Rules,
        specialTokensAround: (before: [Int32], after: [Int32]), sources: [(name: String, contents: [UInt8])]
    ) throws {
        self.file = file
        self.rules = rules
        self.roles = roles
        self.specialTokensAround = specialTokensAround
        self.sources = sources
        vocabulary = added.vocabulary
        splitter = AddedTokenSplitter(added.tokens)
        // A message appended to a protocol buffer is merged into it: normalizer_spec { add_dummy_prefix: false }.
        model = try SentencePieceModel(rules.legacy ? bytes : bytes + [0x1A, 2, 0x18, 0], file: added.file)

        let vocabulary = added.vocabulary
        let specials = Set(roles.all.compactMap { vocabulary.identifier(of: $0.content) })
        let others = Set(roles.others.compactMap { vocabulary.identifier(of: $0.content) })
        self.specials = specials
        apart = Set(added.tokens.filter { $0.value.standsApart }.keys)
        kinds = vocabulary.spellings.indices.map { index in
            let identifier = Int32(index)
            if vocabulary.spellings[index] == nil { return .unused }
            let isSeparate =
                added.tokens[identifier] != nil && !specials.contains(identifier)
                || others.contains(identifier) && index >= file.pieces.count
            return isSeparate ? .separate : specials.contains(identifier) ? .special : .piece
        }
        guardText = roles.named[.unknown]?.content ?? []
        guardCount = try guardText.withUnsafeBufferPointer { [model] in try model.pieces(of: $0).count }
    }

    var vocabularySize: Int { vocabulary.size }
    func spelling(of identifier: Int32) -> [UInt8]? { vocabulary.spelling(of: identifier) }
    func identifier(of spelling: [UInt8]) -> Int32? { vocabulary.identifier(of: spelling) }
    func isSpecial(_ identifier: Int32) -> Bool { specials.contains(identifier) }
    func standsApart(_ identifier: Int32) -> Bool { apart.contains(identifier) }
    func files() -> [(name: String, contents: [UInt8])] { sources }
    func decodingStream(skippingSpecialTokens: Bool) -> any DecodingStream {
        SentencePieceStream(self, skippingSpecialTokens: skippingSpecialTokens)
    }

    var kind: String { "SentencePiece" }

    func kind(of identifier: Int32) -> Kind {
        kinds.indices.contains(Int(identifier)) ? kinds[Int(identifier)] : .unused
    }

    func bytes(of identifier: Int32) -> [UInt8] {
        let spelling = spelling(of: identifier) ?? []
        guard kind(of: identifier) == .piece else { return spelling }
        let piece = file.pieces[Int(identifier)]
        switch piece.type {
        case .byte: return SentencePieceFile.byte(spelledBy: spelling).map { [$0] } ?? []
        case .control: return []
        case .unknown: return file.unknownSurface
        case .normal, .userDefined, .unused: return Self.blanks(in: spelling[...])
        }
    }

    /// A spelling with blanks for the symbol of a blank.
    static func blanks(in spelling: some RandomAccessCollection<UInt8>) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(spelling.count)
        var rest = spelling[...]
        while let first = rest.first {
            if first == spaceSymbol[0], rest.starts(with: spaceSymbol) {
                bytes.append(UInt8(ascii: " "))
                rest = rest.dropFirst(spaceSymbol.count)
            } else {
                bytes.append(first)
                rest = rest.dropFirst()
            }
        }
        return bytes
    }
}

extension SentencePieceCodec {
    func encode(_ text: UnsafeBufferPointer<UInt8>) throws -> [Int32] {
        if rules.legacy {
            var identifiers: [Int32] = []
            try splitter.split(text) { text in
                append(try model.pieces(of: text)[...], to: &identifiers)
            } token: { identifier in
                identifiers.append(identifier)
            }
            return identifiers
        }
        if text.isEmpty { return [] }
        return try encodeWithoutDummyPrefix(text)
    }

    /// The text begins with a blank, the stretches of text after special tokens do not.
    private func encodeWithoutDummyPrefix(_ text: UnsafeBufferPointer<UInt8>) throws -> [Int32] {
        var prepared = rules.addsPrefixSpace ? Self.spaceSymbol : []
        prepared += Self.blanks(in: text[...])
        var pieces: [SentencePieceModel.Piece] = []
        try prepared.withUnsafeBufferPointer { prepared in
            try splitter.split(prepared) { text in
                pieces += try self.piecesKeepingBlank(of: text)
            } token: { identifier in
                pieces.append(.init(identifier: identifier))
            }
        }
        var result = pieces[...]
        // The blank in front goes where a special token follows it.
        if result.count > 1, isSpaceSymbol(result[0]), result[1].surface == nil, isSpecial(result[1].identifier) {
            result = result.dropFirst()
        }
        var identifiers: [Int32] = []
        append(result, to: &identifiers)
        return identifiers
    }

    /// The library drops blanks in front of a text; behind the unknown token's spelling they stay.
    private func piecesKeepingBlank(of text: UnsafeBufferPointer<UInt8>) throws -> [SentencePieceModel.Piece] {
        guard text.first == UInt8(ascii: " ") || text.starts(with: Self.spaceSymbol) else {
            return try model.pieces(of: text)
        }
        let pieces = try (guardText + text).withUnsafeBufferPointer { try model.pieces(of: $0) }
        return pieces.count >= guardCount ? Array(pieces[guardCount...]) : pieces
    }

    private func isSpaceSymbol(_ piece: SentencePieceModel.Piece) -> Bool {
        (piece.surface ?? vocabulary.spelling(of: piece.identifier)) == Self.spaceSymbol
    }

    /// Unknown text that spells a token is that token: transformers looks pieces up by their spelling.
    private func append(_ pieces: ArraySlice<SentencePieceModel.Piece>, to identifiers: inout [Int32]) {
        identifiers.reserveCapacity(identifiers.count + pieces.count)
        for piece in pieces {
            let known = piece.surface.flatMap { vocabulary.identifier(of: $0) }
            identifiers.append(known ?? piece.identifier)
        }
    }
}
