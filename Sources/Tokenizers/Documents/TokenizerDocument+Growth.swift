extension TokenizerDocument {
    /// How many times as long as a text a chain of steps may make it; a dozen harmless replacements of one character by ten
    /// would otherwise turn a word into more text than any machine holds. Published tokenizers stay below 200.
    static let greatestGrowth = 4_096

    /// How many steps a component may have, and for how much growth a decoder has a use. Published tokenizers have below 20.
    static let mostSteps = 128
    static let greatestDecodedGrowth = 64

    /// Refuses chains of so many steps that each text would take very long.
    static func requireFew(_ steps: some Collection, of reader: ComponentReader) throws {
        guard steps.count <= mostSteps else {
            throw reader.inconsistent("it has \(steps.count) steps, more than \(mostSteps)")
        }
    }

    /// Refuses chains of steps that could fill the memory.
    ///
    /// - Parameter factors: per step, how many bytes it makes of one, at most.
    static func requireBoundedGrowth(
        _ factors: [Int], of reader: ComponentReader, atMost limit: Int = TokenizerDocument.greatestGrowth
    ) throws {
        var growth = 1
        for factor in factors {
            growth *= max(1, factor)
            guard growth <= limit else {
                throw reader.inconsistent(
                    "the steps could make a text more than \(limit) times as long, and fill the memory")
            }
        }
    }
}

extension Normalizer.Step {
    /// How many bytes the step makes of one, at most. Steps that change nothing when they are done again, as normal forms
    /// and letter case, count as 1.
    var growth: Int {
        switch self {
        case .replace(let pattern, let content): pattern.growth(content)
        case .prepend(let prefix): 1 + prefix.count
        case .byteLevel: 2
        case .precompiled(let map): map.longestReplacementUsed
        case .form, .lowercase, .strip, .stripAccents, .nmt, .bert: 1
        }
    }
}

extension DecoderChain.Step {
    /// How many bytes the step makes of one, at most.
    var growth: Int {
        if case .replace(let pattern, let content) = self { pattern.growth(content) } else { 1 }
    }
}

extension TextPattern {
    /// How many bytes one becomes, at most, where `content` replaces what is found.
    fileprivate func growth(_ content: [UInt8]) -> Int {
        // A pattern that also matches nothing is found beside each character, and at the end.
        if case .literal(let literal) = self, !literal.isEmpty {
            return (content.count + literal.count - 1) / literal.count
        }
        return 1 + 2 * content.count
    }
}
