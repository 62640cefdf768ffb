/// What a ``Tokenizer`` is made of: one implementation per family of tokenizer files.
///
/// Text is UTF-8 in bytes, so that only equal bytes are equal; tokens are spelt as their file spells them.
protocol TextCodec: Sendable {
    /// The kind of model, as people write it: "byte-level BPE".
    var kind: String { get }
    /// One more than the largest token id.
    var vocabularySize: Int { get }
    /// Which tokens end, begin and fill up texts.
    var roles: TokenRoles { get }
    /// The ids put around a text when special tokens are asked for.
    var specialTokensAround: (before: [Int32], after: [Int32]) { get }

    /// The tokens of valid UTF-8, without ``specialTokensAround``; special tokens spelt out in the text are found.
    /// - Throws: ``TokenizerError/tooMuchWork(component:bytes:)``, ``TokenizerError/notEncoded(bytes:reason:)``.
    func encode(_ text: UnsafeBufferPointer<UInt8>) throws -> [Int32]
    /// A decoder for one sequence of ids.
    ///
    /// - Parameter skippingSpecialTokens: Whether the caller appends no special tokens: nothing need be held back for them.
    func decodingStream(skippingSpecialTokens: Bool) -> any DecodingStream
    /// The bytes that a token stands for in the middle of a text, which need not be whole characters; empty for an id
    /// that is not in use.
    func bytes(of identifier: Int32) -> [UInt8]
    /// The token as its file spells it; nil for an id that is not in use.
    func spelling(of identifier: Int32) -> [UInt8]?
    /// The id of a token as its file spells it; nil where there is none.
    func identifier(of spelling: [UInt8]) -> Int32?
    /// Whether the token is looked for before a text is normalised and split, and takes nothing of what is beside it.
    func standsApart(_ identifier: Int32) -> Bool
    /// Whether decoding may skip this id.
    func isSpecial(_ identifier: Int32) -> Bool
    /// What ``Tokenizer/write(to:)`` writes: names within the folder and contents.
    func files() -> [(name: String, contents: [UInt8])]
}

/// Turns ids into text, one at a time.
protocol DecodingStream: Sendable {
    /// Takes the next id (ids that are not in use stand for nothing), and appends to `text` the bytes that are now
    /// certain: whole characters that no later id can change.
    mutating func append(_ identifier: Int32, to text: inout [UInt8])
    /// Appends what was held back, U+FFFD for what never became a character, and starts over.
    mutating func finish(to text: inout [UInt8])
}
