import Foundation
import Synchronization

/// What a ``Tokenizer`` shares between its copies: the components, in the order in which text passes through them.
final class TokenizerCore: TextCodec {
    let addedTokens: AddedTokens
    let preTokenizer: ByteLevel
    let model: BytePairModel
    let postProcessor: PostProcessor
    let roles: TokenRoles

    /// Model vocabulary and added tokens together.
    let vocabulary: Vocabulary
    /// The bytes of all tokens in order of id; token i takes `byteOffsets[i]..<byteOffsets[i + 1]`.
    let tokenBytes: [UInt8]
    let byteOffsets: [Int]
    /// Whether an id is a special token.
    private let specialFlags: [Bool]
    private let workspace = Mutex(EncodingWorkspace())

    init(
        model: BytePairModel, addedTokens: AddedVocabulary, preTokenizer: ByteLevel, postProcessor: PostProcessor,
        roles: TokenRoles
    ) {
        self.addedTokens = AddedTokens(addedTokens.tokens)
        self.preTokenizer = preTokenizer
        self.model = model
        self.postProcessor = postProcessor
        self.roles = roles
        vocabulary = addedTokens.vocabulary
        var bytes: [UInt8] = []
        var offsets = [0]
        for spelling in vocabulary.spellings {
            // A token with a character outside the alphabet stands for its own UTF-8, as in Hugging Face's decoder.
            if let spelling { bytes += ByteAlphabet.bytes(spelledBy: spelling) ?? spelling }
            offsets.append(bytes.count)
        }
        tokenBytes = bytes
        byteOffsets = offsets
        specialFlags = vocabulary.spellings.indices.map { addedTokens.tokens[Int32($0)]?.special ?? false }
    }

    var vocabularySize: Int { vocabulary.size }
    var specialTokensAround: (before: [Int32], after: [Int32]) { (postProcessor.before, postProcessor.after) }
    func spelling(of identifier: Int32) -> [UInt8]? { vocabulary.spelling(of: identifier) }
    func identifier(of spelling: [UInt8]) -> Int32? { vocabulary.identifier(of: spelling) }
    func bytes(of identifier: Int32) -> [UInt8] { Array(byteSlice(of: identifier)) }

    func isSpecial(_ identifier: Int32) -> Bool {
        specialFlags.indices.contains(Int(identifier)) && specialFlags[Int(identifier)]
    }

    /// The bytes of a token; empty for an id that is not in use.
    func byteSlice(of identifier: Int32) -> ArraySlice<UInt8> {
        guard specialFlags.indices.contains(Int(identifier)) else { return [] }
        return tokenBytes[byteOffsets[Int(identifier)]..<byteOffsets[Int(identifier) + 1]]
    }

    func decodingStream() -> any DecodingStream { ByteLevelStream(core: self) }

    /// The tokens of valid UTF-8, without those of the post-processor.
    func encode(_ text: UnsafeBufferPointer<UInt8>) -> [Int32] {
        // Whoever finds the shared workspace busy takes a fresh one rather than wait: only the word cache is lost.
        if let result = workspace.withLockIfAvailable({ encode(text, workspace: &$0) }) { return result }
        var own = EncodingWorkspace()
        return encode(text, workspace: &own)
    }

    private func encode(_ text: UnsafeBufferPointer<UInt8>, workspace: inout EncodingWorkspace) -> [Int32] {
        var output: [Int32] = []
        output.reserveCapacity(text.count / 3 + 2)
        for piece in addedTokens.split(text) {
            switch piece {
            case .token(let identifier): output.append(identifier)
            case .text(let range):
                if preTokenizer.addsPrefixSpace && text[range.lowerBound] != 0x20 {
                    ([0x20] + text[range]).withUnsafeBufferPointer {
                        encode(piece: $0, to: &output, workspace: &workspace)
                    }
                } else {
                    encode(piece: UnsafeBufferPointer(rebasing: text[range]), to: &output, workspace: &workspace)
                }
            }
        }
        return output
    }

    private func encode(
        piece: UnsafeBufferPointer<UInt8>, to output: inout [Int32], workspace: inout EncodingWorkspace
    ) {
        guard preTokenizer.usesPattern else {
            return model.appendIdentifiers(of: piece, to: &output, workspace: &workspace)
        }
        CharacterClasses.table.withUnsafeBufferPointer { classes in
            let scanner = WordScanner(text: piece, classes: classes)
            var start = 0
            while start < piece.count {
                let end = scanner.end(ofWordAt: start)
                let word = UnsafeBufferPointer(rebasing: piece[start..<end])
                model.appendIdentifiers(of: word, to: &output, workspace: &workspace)
                start = end
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
