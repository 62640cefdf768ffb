/// What a GGUF file says of its tokenizer, under keys that begin with `tokenizer.ggml.`, as found: nothing is checked before
/// ``Tokenizer/init(gguf:file:)`` does it.
///
/// ```swift
/// var vocabulary = GGUFVocabulary(model: "gpt2")
/// vocabulary.pre = "smollm"
/// vocabulary.tokens = tokens
/// vocabulary.types = types
/// vocabulary.merges = merges
/// let tokenizer = try Tokenizer(gguf: vocabulary, file: "model.gguf")
/// ```
///
/// Source: GGUF specification, "Tokenizer"; where it is silent, what llama.cpp does.
public struct GGUFVocabulary: Sendable {
    /// `model`: the family. "gpt2" is byte-level BPE, "llama" BPE of SentencePiece, "t5" its unigram model.
    public var model: String
    /// `pre`: by which name llama.cpp knows the pattern that cuts text into words; for "gpt2" only. Nil and "default" stand
    /// for the pattern by which files were read that say nothing, whatever their model was trained with.
    public var pre: String?
    /// `tokens`: the spellings in order of id, UTF-8. Those of "gpt2" are in GPT-2's alphabet of bytes ("Ġ" for a blank),
    /// those of "llama" and "t5" have U+2581 for a blank; special tokens are spelt as they are.
    public var tokens: [[UInt8]] = []
    /// `scores`: one for each token. Of "llama" the pair of neighbours that makes the token of the greatest is merged first, of
    /// "t5" they are log-probabilities.
    public var scores: [Float]?
    /// `token_type`: one for each token. 1 normal, 2 unknown, 3 control, 4 user-defined, 5 unused, 6 byte; 0 counts as 1.
    /// Nil where all are normal.
    public var types: [Int32]?
    /// `merges`: of "gpt2", "left right" each, in order of precedence.
    public var merges: [[UInt8]]?
    /// `bos_token_id`: the id that begins a text. Nil, here and below, where the key is absent.
    public var beginToken: Int?
    /// `eos_token_id`: the id that ends a text.
    public var endToken: Int?
    /// `unknown_token_id`.
    public var unknownToken: Int?
    /// `padding_token_id`.
    public var paddingToken: Int?
    /// `eot_token_id`: the id that ends a turn of a conversation.
    public var endOfTurnToken: Int?
    /// `eom_token_id`: the id that ends a message, such as a call of a tool.
    public var endOfMessageToken: Int?
    /// `add_bos_token`: whether ``beginToken`` goes before a text. Where nil: yes for "llama" and the patterns of the
    /// families of Llama 3 and of Mistral's Tekken, else no.
    public var addsBeginToken: Bool?
    /// `add_eos_token`: whether ``endToken`` goes behind a text. Where nil: yes for "t5", else no.
    public var addsEndToken: Bool?
    /// `add_space_prefix`: of "llama" and "t5", whether a blank goes before each stretch of text. Where nil: yes.
    public var addsSpacePrefix: Bool?
    /// `remove_extra_whitespaces`: of "t5", whether blanks in a row are one, and none at the ends. Where nil: no.
    public var removesExtraWhitespace: Bool?
    /// `precompiled_charsmap`: SentencePiece's compiled rules of replacement.
    public var precompiledMap: [UInt8]?

    /// A vocabulary without tokens.
    public init(model: String) { self.model = model }
}

extension GGUFVocabulary {
    /// How a token takes part, under the numbers of the file.
    enum TokenType: Int32 {
        case undefined, normal, unknown, control, userDefined, unused, byte
    }

    /// Nil for an id or a number that there is not.
    func type(of identifier: Int) -> TokenType? {
        guard tokens.indices.contains(identifier) else { return nil }
        guard let types else { return .normal }
        return types.indices.contains(identifier) ? TokenType(rawValue: types[identifier]) : nil
    }

    /// The id under a key; where the key is absent, `usual`, unless that is a token like any other: "," has the id 11 that
    /// llama.cpp takes where a file of "gpt2" says nothing.
    func identifier(_ found: Int?, usually usual: Int) -> Int? {
        if let found { return found }
        switch type(of: usual) {
        case .control, .unknown: return usual
        case .normal where types == nil && model == "llama": return usual
        default: return nil
        }
    }

    var beginIdentifier: Int? { model == "t5" ? beginToken : identifier(beginToken, usually: model == "gpt2" ? 11 : 1) }
    var endIdentifier: Int? {
        switch model {
        case "gpt2": identifier(endToken, usually: 11)
        case "t5": identifier(endToken, usually: 1)
        default: identifier(endToken, usually: 2)
        }
    }
    /// Bytes are never unknown.
    var unknownIdentifier: Int? {
        switch model {
        case "llama": identifier(unknownToken, usually: 0)
        case "t5": identifier(unknownToken, usually: 2)
        default: unknownToken
        }
    }
    var paddingIdentifier: Int? { model == "t5" ? identifier(paddingToken, usually: 0) : paddingToken }
}

extension GGUFVocabulary {
    /// Spellings at which llama.cpp ends a generation wherever they are special tokens.
    private static let endSpellings = [
        "<|im_end|>", "<|eot_id|>", "<end_of_turn>", "<|end|>", "<|endoftext|>", "<|eom_id|>", "<|end_of_text|>",
        "<eos>",
        "<EOT>", "<end_of_utterance>", "<|return|>", "<|call|>", "<｜end▁of▁sentence｜>",
    ]

    /// The ids at which a generation ends: `eos_token_id`, `eot_token_id` and `eom_token_id`, and the special tokens that
    /// are spelt as the end of a text or a turn usually is (`<|im_end|>`, `<|eot_id|>`, `<end_of_turn>`, `<|end|>`,
    /// `<|endoftext|>` and others), because files often leave out the keys. In this order, each once; ids that are not in
    /// the vocabulary are left out.
    ///
    /// Where there are `<|return|>` and `<|call|>`, as with gpt-oss, `<|end|>` ends no more than a part of an answer.
    public func endTokens() -> [Int32] {
        var found: [Int] = []
        func add(_ identifier: Int?) {
            guard let identifier, tokens.indices.contains(identifier), !found.contains(identifier) else { return }
            found.append(identifier)
        }
        add(endIdentifier)
        add(endOfTurnToken)
        add(endOfMessageToken)
        let wanted = Dictionary(
            Self.endSpellings.enumerated().map { (Array($1.utf8), $0) }, uniquingKeysWith: { first, _ in first })
        var special: [Int: Int] = [:]
        if let types {
            for (identifier, type) in zip(tokens.indices, types)
            where type == TokenType.control.rawValue || type == TokenType.userDefined.rawValue {
                if let place = wanted[tokens[identifier]] { special[place] = identifier }
            }
        }
        func has(_ spelling: String) -> Bool { wanted[Array(spelling.utf8)].map { special[$0] != nil } ?? false }
        if has("<|return|>"), has("<|call|>"), let end = wanted[Array("<|end|>".utf8)] { special[end] = nil }
        for place in Self.endSpellings.indices { add(special[place]) }
        return found.compactMap(Int32.init(exactly:))
    }
}
