extension TokenizerDocument {
    /// The `model`, whose type is told by its members in files older than version 0.13 of the library.
    func modelReader() throws -> ComponentReader {
        guard let reader = try component("model") else {
            throw TokenizerError.inconsistent(file: file, component: "model", reason: "it is missing")
        }
        return reader
    }

    private func type(of reader: ComponentReader) -> String {
        if !reader.type.isEmpty { return reader.type }
        if reader.value["merges"] != nil { return "BPE" }
        if reader.value["unk_id"] != nil { return "Unigram" }
        return reader.value["continuing_subword_prefix"] != nil ? "WordPiece" : "WordLevel"
    }

    /// Whether this is a byte-pair model whose first units are nothing but the characters of a word.
    func startsFromSingleCharacters(_ reader: ComponentReader) throws -> Bool {
        guard type(of: reader) == "BPE" else { return false }
        let affixes = try ["continuing_subword_prefix", "end_of_word_suffix"].compactMap { try reader.string($0) }
        return try affixes.allSatisfy(\.isEmpty) && !reader.flag("byte_fallback", default: false)
    }

    func model(_ reader: ComponentReader, worksOnBytes: Bool) throws -> TokenModel {
        switch type(of: reader) {
        case "BPE": return .bytePairs(try bytePairModel(reader, worksOnBytes: worksOnBytes))
        case "Unigram": return .unigram(try unigramModel(reader))
        case "WordPiece":
            try reader.allowOnly([
                "type", "unk_token", "continuing_subword_prefix", "max_input_chars_per_word", "vocab",
            ])
            return .wordPieces(
                WordPieceModel(
                    vocabulary: try vocabulary(reader), unknownToken: try reader.requiredString("unk_token"),
                    continuingPrefix: try reader.shortString("continuing_subword_prefix"),
                    longestWord: try reader.count("max_input_chars_per_word", default: 100)))
        case "WordLevel":
            try reader.allowOnly(["type", "vocab", "unk_token"])
            return .words(
                WordLevelModel(
                    vocabulary: try vocabulary(reader), unknownToken: try reader.requiredString("unk_token")))
        default: throw reader.unsupportedType
        }
    }

    private func vocabulary(_ reader: ComponentReader) throws -> Vocabulary {
        try Vocabulary(reader.value["vocab"], file: file, component: "model.vocab")
    }

    private func bytePairModel(_ reader: ComponentReader, worksOnBytes: Bool) throws -> BytePairModel {
        try reader.allowOnly([
            "type", "dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix", "fuse_unk",
            "byte_fallback", "ignore_merges", "vocab", "merges",
        ])
        if let dropout = reader.value["dropout"], !dropout.isNull, dropout != .number(0) {
            throw reader.unsupported("dropout", dropout)
        }
        let vocabulary = try vocabulary(reader)
        var units = BytePairModel.Units.bytes
        if !worksOnBytes {
            func affix(_ name: String) throws -> [UInt8] {
                // Each character gets it, and may become a token for each of its bytes.
                try reader.string(name) == nil ? [] : reader.shortString(name, atMost: 16)
            }
            units = .characters(
                CharacterUnits(
                    vocabulary: vocabulary, continuingPrefix: try affix("continuing_subword_prefix"),
                    endSuffix: try affix("end_of_word_suffix"),
                    fallsBackToBytes: try reader.flag("byte_fallback", default: false)))
        }
        var unknown: Int32?
        if let token = try reader.string("unk_token"), !token.isEmpty {
            guard let identifier = vocabulary.identifier(of: token) else {
                throw reader.inconsistent("the unk_token is not in the vocabulary")
            }
            unknown = identifier
        }
        return try BytePairModel(
            vocabulary: vocabulary, merges: try merges(reader, vocabulary: vocabulary), units: units, unknown: unknown,
            fusesUnknown: try reader.flag("fuse_unk", default: false),
            ignoresMerges: try reader.flag("ignore_merges", default: false), file: file)
    }

    /// Each merge is "left right" or `["left", "right"]`.
    private func merges(_ reader: ComponentReader, vocabulary: Vocabulary) throws -> [BytePairModel.Merge] {
        var merges: [BytePairModel.Merge] = []
        for (rank, value) in try reader.list("merges").enumerated() {
            let halves: [[UInt8]]
            switch value {
            case .string(let line):
                if rank == 0 && line.starts(with: "#version".utf8) { continue }
                halves = line.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false).map(Array.init)
            case .array(let elements):
                halves = elements.compactMap { if case .string(let half) = $0 { half } else { nil } }
            default: halves = []
            }
            guard halves.count == 2, let left = vocabulary.identifier(of: halves[0]),
                let right = vocabulary.identifier(of: halves[1])
            else { throw reader.inconsistent("merge \(rank) is not two tokens of the vocabulary") }
            merges.append(.init(left: left, right: right))
        }
        return merges
    }

    /// The vocabulary is a list of tokens with their scores, in order of id.
    private func unigramModel(_ reader: ComponentReader) throws -> UnigramModel {
        try reader.allowOnly(["type", "unk_id", "vocab", "byte_fallback"])
        var vocabulary = Vocabulary()
        var scores: [Double] = []
        for (index, entry) in try reader.list("vocab").enumerated() {
            guard let pair = entry.array, pair.count == 2, case .string(let token) = pair[0],
                case .number(let score) = pair[1]
            else { throw reader.inconsistent("entry \(index) of the vocabulary is not a token with its score") }
            vocabulary.append(token)
            scores.append(score)
        }
        var unknown: Int32?
        if let value = reader.value["unk_id"], !value.isNull {
            guard let identifier = value.identifier, scores.indices.contains(Int(identifier)) else {
                throw reader.inconsistent("the unk_id is not an id of the vocabulary")
            }
            unknown = identifier
        }
        return UnigramModel(
            vocabulary: vocabulary, scores: scores, unknown: unknown,
            fallsBackToBytes: try reader.flag("byte_fallback", default: false))
    }
}
