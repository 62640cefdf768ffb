import Foundation
import Synchronization

/// The tokenizer of a `tokenizer.json`: the components, in the order in which text passes through them.
final class TokenizerCore: TextCodec {
    let addedTokens: AddedTokens
    let normalizer: Normalizer?
    let preTokenizer: PreTokenizer
    let model: TokenModel
    let decoder: DecoderChain
    let postProcessor: PostProcessor
    let roles: TokenRoles
    /// The `normalizer` as stored, written back unchanged.
    let normalizerDocument: JSONValue

    /// Model vocabulary and added tokens together.
    let vocabulary: Vocabulary
    /// Where tokens stand for bytes and nothing else, the bytes of all tokens in order of id; token i takes
    /// `byteOffsets[i]..<byteOffsets[i + 1]`.
    private let tokenBytes: [UInt8]
    private let byteOffsets: [Int]
    /// Whether an id is a special token.
    private let specialFlags: [Bool]
    private let apart: Set<Int32>
    private let workspace = Mutex(EncodingWorkspace())

    init(
        model: TokenModel, addedTokens: AddedVocabulary, normalizer: (Normalizer, JSONValue)? = nil,
        preTokenizer: PreTokenizer, postProcessor: PostProcessor, decoder: DecoderChain, roles: TokenRoles
    ) throws {
        self.addedTokens = try AddedTokens(addedTokens.tokens, normalizer: normalizer?.0)
        self.normalizer = normalizer?.0
        normalizerDocument = normalizer?.1 ?? .null
        self.preTokenizer = preTokenizer
        self.model = model
        self.decoder = decoder
        self.postProcessor = postProcessor
        self.roles = roles
        vocabulary = addedTokens.vocabulary
        var bytes: [UInt8] = []
        var offsets = [0]
        if decoder.isByteLevel {
            for (identifier, spelling) in vocabulary.spellings.enumerated() {
                // A token with a character outside the alphabet stands for its own UTF-8, as in Hugging Face's decoder.
                if let spelling = self.addedTokens.normalizedContent(of: Int32(identifier)) ?? spelling {
                    bytes += ByteAlphabet.bytes(spelledBy: spelling) ?? spelling
                }
                offsets.append(bytes.count)
            }
        }
        tokenBytes = bytes
        byteOffsets = offsets
        specialFlags = vocabulary.spellings.indices.map { addedTokens.tokens[Int32($0)]?.special ?? false }
        apart = Set(addedTokens.tokens.filter { $0.value.standsApart }.keys)
    }

    /// A byte-level tokenizer as GPT-2's.
    convenience init(
        byteLevel model: BytePairModel, addedTokens: AddedVocabulary, addsPrefixSpace: Bool = false,
        postProcessor: PostProcessor, roles: TokenRoles
    ) throws {
        try self.init(
            model: .bytePairs(model), addedTokens: addedTokens,
            preTokenizer: .byteLevel(addsPrefixSpace: addsPrefixSpace), postProcessor: postProcessor,
            decoder: .byteLevel, roles: roles)
    }

    var vocabularySize: Int { vocabulary.size }
    var specialTokensAround: (before: [Int32], after: [Int32]) { (postProcessor.before, postProcessor.after) }
    func spelling(of identifier: Int32) -> [UInt8]? { vocabulary.spelling(of: identifier) }
    func identifier(of spelling: [UInt8]) -> Int32? { vocabulary.identifier(of: spelling) }

    func standsApart(_ identifier: Int32) -> Bool { apart.contains(identifier) }

    func isSpecial(_ identifier: Int32) -> Bool {
        specialFlags.indices.contains(Int(identifier)) && specialFlags[Int(identifier)]
    }

    func bytes(of identifier: Int32) -> [UInt8] {
        if decoder.isByteLevel { return Array(byteSlice(of: identifier)) }
        return decodedSpelling(of: identifier).map(decoder.bytes(of:)) ?? []
    }

    /// The token that the decoder starts from; nil for an id that is not in use.
    func decodedSpelling(of identifier: Int32) -> [UInt8]? {
        addedTokens.normalizedContent(of: identifier) ?? vocabulary.spelling(of: identifier)
    }

    /// The bytes of a token where tokens stand for bytes; empty for an id that is not in use.
    func byteSlice(of identifier: Int32) -> ArraySlice<UInt8> {
        guard specialFlags.indices.contains(Int(identifier)) else { return [] }
        return tokenBytes[byteOffsets[Int(identifier)]..<byteOffsets[Int(identifier) + 1]]
    }

    var kind: String {
        switch model {
        case .bytePairs: decoder.isByteLevel ? "byte-level BPE" : "BPE"
        case .scoredPieces: "SentencePiece BPE"
        case .unigram: "Unigram"
        case .wordPieces: "WordPiece"
        case .words: "WordLevel"
        }
    }

    func decodingStream(skippingSpecialTokens: Bool) -> any DecodingStream {
        decoder.isByteLevel ? ByteLevelStream(core: self) : DecoderStream(self)
    }

    /// The tokens of valid UTF-8, without those of the post-processor.
    func encode(_ text: UnsafeBufferPointer<UInt8>) throws -> [Int32] {
        // Whoever finds the shared workspace busy takes a fresh one rather than wait: only the word cache is lost.
        if let result = try workspace.withLockIfAvailable({ try encode(text, workspace: &$0) }) { return result }
        var own = EncodingWorkspace()
        return try encode(text, workspace: &own)
    }

    private func encode(_ text: UnsafeBufferPointer<UInt8>, workspace: inout EncodingWorkspace) throws -> [Int32] {
        var budget = EncodingBudget(length: text.count)
        let tokens = encode(text, workspace: &workspace, budget: &budget)
        try budget.check()
        return tokens
    }

    private func encode(
        _ text: UnsafeBufferPointer<UInt8>, workspace: inout EncodingWorkspace, budget: inout EncodingBudget
    ) -> [Int32] {
        var output: [Int32] = []
        output.reserveCapacity(text.count / 3 + 2)
        guard let normalizer else {
            encode(
                addedTokens.split(text, budget: &budget), of: text, beginsText: true, to: &output,
                workspace: &workspace, budget: &budget)
            return output
        }
        for piece in addedTokens.splitVerbatim(text, budget: &budget) where !budget.isExhausted {
            switch piece {
            case .token(let identifier): output.append(identifier)
            case .text(let range):
                var beginsText = range.lowerBound == 0
                let part = UnsafeBufferPointer(rebasing: text[range])
                let normal = normalizer.normalized(part, beginsText: &beginsText, budget: &budget)
                normal.withUnsafeBufferPointer { part in
                    encode(
                        addedTokens.splitNormalized(part, budget: &budget), of: part, beginsText: beginsText,
                        to: &output, workspace: &workspace, budget: &budget)
                }
            }
        }
        return output
    }

    private func encode(
        _ pieces: [AddedTokens.Piece], of text: UnsafeBufferPointer<UInt8>, beginsText: Bool,
        to output: inout [Int32], workspace: inout EncodingWorkspace, budget: inout EncodingBudget
    ) {
        for piece in pieces where !budget.isExhausted {
            switch piece {
            case .token(let identifier): output.append(identifier)
            case .text(let range):
                preTokenizer.forEachWord(
                    in: UnsafeBufferPointer(rebasing: text[range]), beginsText: beginsText && range.lowerBound == 0,
                    budget: &budget
                ) { word, budget in
                    if budget.isExhausted { return }
                    model.appendIdentifiers(of: word, to: &output, workspace: &workspace, budget: &budget)
                }
            }
        }
    }
}

/// The bytes of all tokens, one after the other.
private struct ByteLevelStream: DecodingStream {
    let core: TokenizerCore
    var buffer = UTF8Buffer()

    mutating func append(_ identifier: Int32, to text: inout [UInt8]) {
        buffer.append(core.byteSlice(of: identifier))
        buffer.takeComplete(to: &text)
    }

    mutating func finish(to text: inout [UInt8]) { buffer.takeAll(to: &text) }
}
