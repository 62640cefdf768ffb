import Foundation

/// Turns text into the token ids of a language model and back: byte-pair encoding over bytes (GPT-2, OPT, BART, GPT-NeoX,
/// Llama 3, Qwen 2) or characters (GPT, Llama 2, Mistral), unigram language models (T5, XLM-R, ALBERT) and word pieces
/// (BERT), with the normalisers, patterns and decoders that go with them. Ids and text equal those of Hugging Face's
/// `tokenizers`.
///
/// ```swift
/// let tokenizer = try Tokenizer(folder: URL(fileURLWithPath: "gpt2"))
/// let ids = try tokenizer.encode("Hello world")   // [15496, 995]
/// tokenizer.decode(ids)                       // "Hello world"
/// ```
///
/// Immutable, safe to share between tasks, and as cheap to copy as a reference.
public struct Tokenizer: Sendable {
    let codec: any TextCodec

    init(_ codec: any TextCodec) { self.codec = codec }

    /// The token ids of `text`.
    ///
    /// Special tokens that occur in the text, such as `<|endoftext|>`, become their one id. Takes time proportional to
    /// the length of the text (times its logarithm within one word); a tokenizer whose files ask for far more throws.
    ///
    /// - Parameter addingSpecialTokens: whether to put around the text what the tokenizer's post-processor prescribes,
    ///   for instance `</s>` in front for OPT, `<s>` and `</s>` around it for BART; nothing for GPT-2.
    /// - Throws: ``TokenizerError/tooMuchWork(component:bytes:)`` where a pattern or another part of the tokenizer goes back
    ///   and forth over the text without end, or blows it up; ``TokenizerError/notEncoded(bytes:reason:)``.
    public func encode(_ text: String, addingSpecialTokens: Bool = false) throws -> [Int32] {
        var text = text
        let tokens = try text.withUTF8 { try codec.encode($0) }
        guard addingSpecialTokens else { return tokens }
        let (before, after) = codec.specialTokensAround
        return before + tokens + after
    }

    /// The token ids of text given as UTF-8.
    ///
    /// Each maximal ill-formed subsequence is read as one U+FFFD, as Python's `errors="replace"` does.
    public func encode(bytes: some Collection<UInt8>, addingSpecialTokens: Bool = false) throws -> [Int32] {
        try encode(String(decoding: bytes, as: UTF8.self), addingSpecialTokens: addingSpecialTokens)
    }

    /// The text of token ids. Ill-formed UTF-8 becomes U+FFFD; no white space is tidied up; ids that are not in the
    /// vocabulary stand for nothing.
    public func decode(_ ids: some Sequence<Int32>, skippingSpecialTokens: Bool = false) -> String {
        var text: [UInt8] = []
        var stream = codec.decodingStream(skippingSpecialTokens: skippingSpecialTokens)
        for id in ids where !(skippingSpecialTokens && isSpecial(id)) { stream.append(id, to: &text) }
        stream.finish(to: &text)
        return String(decoding: text, as: UTF8.self)
    }

    /// The bytes that a token stands for, which need not be whole characters; empty for an id that is not in use.
    public func bytes(of id: Int32) -> [UInt8] { codec.bytes(of: id) }

    /// The kind of model, as people write it: "byte-level BPE", "Unigram", "SentencePiece Unigram".
    public var kind: String { codec.kind }

    /// One more than the largest token id.
    public var vocabularySize: Int { codec.vocabularySize }

    /// A token as the vocabulary spells it (with "Ġ" for a blank); nil for an id that is not in use.
    public func token(for id: Int32) -> String? {
        codec.spelling(of: id).map { String(decoding: $0, as: UTF8.self) }
    }

    /// The id of a token as the vocabulary spells it; nil where it is not in the vocabulary.
    public func id(of token: String) -> Int32? { codec.identifier(of: Array(token.utf8)) }

    /// Whether decoding with `skippingSpecialTokens` leaves this id out.
    public func isSpecial(_ id: Int32) -> Bool { codec.isSpecial(id) }

    /// Whether the token is looked for before a text is normalised and split, so that no text beside it can join it or is lost.
    public func standsApart(_ id: Int32) -> Bool { codec.standsApart(id) }

    /// The id that ends a text: the configured `eos_token`, else `<|endoftext|>`; nil where there is neither.
    public var endOfText: Int32? { id(ofRole: .endOfText) ?? id(of: "<|endoftext|>") }

    /// The id that begins a text (`bos_token`); nil where none is configured.
    public var beginningOfText: Int32? { id(ofRole: .beginningOfText) }

    /// The id that fills up shorter rows (`pad_token`); nil where none is configured.
    public var padding: Int32? { id(ofRole: .padding) }

    /// The id that stands for text that has no token (`unk_token`); nil where none is configured.
    public var unknown: Int32? { id(ofRole: .unknown) }

    /// The texts of special tokens by the names of their roles, as `tokenizer_config.json` has them, such as "bos_token" and
    /// "eos_token": what chat templates are told.
    public var specialTokenTexts: [String: String] {
        codec.roles.named.reduce(into: [:]) { $0[$1.key.rawValue] = String(decoding: $1.value.content, as: UTF8.self) }
    }

    private func id(ofRole role: TokenRoles.Role) -> Int32? {
        codec.roles.named[role].flatMap { codec.identifier(of: $0.content) }
    }

    /// The ids that ``encode(_:addingSpecialTokens:)`` puts before and after a text when adding special tokens.
    public var specialTokensAround: (before: [Int32], after: [Int32]) { codec.specialTokensAround }
}
