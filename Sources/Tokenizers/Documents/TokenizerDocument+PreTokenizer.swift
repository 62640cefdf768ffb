extension TokenizerDocument {
    /// Reads the `pre_tokenizer`, whose `Sequence`s may be nested; no steps where there is none.
    func preTokenizerSteps() throws -> [PreTokenizer.Step] {
        guard let reader = try component("pre_tokenizer") else { return [] }
        let steps = try reader.parts(listedAs: "pretokenizers").flatMap(steps)
        try Self.requireFew(steps, of: reader)
        return steps
    }

    private func steps(_ reader: ComponentReader) throws -> [PreTokenizer.Step] {
        func split(_ pattern: TextPattern, _ behavior: SplitBehavior) -> [PreTokenizer.Step] {
            [.split(pattern, behavior, inverted: false)]
        }
        let punctuation = TextPattern.characters(bits: CharacterClasses.punctuationBit)
        switch reader.type {
        case "ByteLevel":
            try reader.allowOnly(["type", "add_prefix_space", "trim_offsets", "use_regex"])
            let prefix: [PreTokenizer.Step] = try reader.flag("add_prefix_space") ? [.prefixSpaces] : []
            let words = try reader.flag("use_regex", default: true) ? split(.words(.gpt2), .isolated) : []
            return prefix + words + [.spelling]
        case "Metaspace": return [.metaspace(try metaspace(reader))]
        case "Whitespace": return [.split(.wordsAndSigns, .removed, inverted: true)]
        case "WhitespaceSplit": return split(.whiteSpace, .removed)
        case "BertPreTokenizer": return split(.whiteSpace, .removed) + split(punctuation, .isolated)
        case "Punctuation":
            try reader.allowOnly(["type", "behavior"])
            return split(punctuation, try behavior(reader, default: .isolated))
        case "Digits":
            try reader.allowOnly(["type", "individual_digits"])
            return split(
                .characters(bits: CharacterClasses.numericBit),
                try reader.flag("individual_digits") ? .isolated : .contiguous)
        case "CharDelimiterSplit", "Delimiter":
            try reader.allowOnly(["type", "delimiter"])
            return split(.literal(try reader.character("delimiter")), .removed)
        case "Split":
            try reader.allowOnly(["type", "pattern", "behavior", "invert"])
            return [
                .split(try reader.pattern(), try behavior(reader), inverted: try reader.flag("invert", default: false))
            ]
        default: throw reader.unsupportedType
        }
    }

    private func behavior(_ reader: ComponentReader, default fallback: SplitBehavior? = nil) throws -> SplitBehavior {
        guard let name = try reader.string("behavior") else {
            guard let fallback else { throw reader.inconsistent("behavior is missing") }
            return fallback
        }
        guard let behavior = SplitBehavior(rawValue: String(decoding: name, as: UTF8.self)) else {
            throw reader.unsupported("behavior", .string(name))
        }
        return behavior
    }

    /// Reads a `Metaspace` pre-tokenizer or decoder.
    func metaspace(_ reader: ComponentReader) throws -> Metaspace {
        try reader.allowOnly(["type", "replacement", "add_prefix_space", "prepend_scheme", "split", "str_rep"])
        var result = Metaspace(
            replacement: try reader.character("replacement"), splits: try reader.flag("split", default: true))
        if let name = try reader.string("prepend_scheme") {
            guard let scheme = Metaspace.Scheme(rawValue: String(decoding: name, as: UTF8.self)) else {
                throw reader.unsupported("prepend_scheme", .string(name))
            }
            result.scheme = scheme
        }
        // Files from before there were schemes say only this.
        if try !reader.flag("add_prefix_space", default: true) {
            guard reader.value["prepend_scheme"] == nil || result.scheme == .never else {
                throw reader.inconsistent("add_prefix_space does not match prepend_scheme")
            }
            result.scheme = .never
        }
        return result
    }
}
