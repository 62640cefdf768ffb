extension DecodingOptions {
    /// Checks that every option is in its range.
    ///
    /// - Throws: ``GenerationError/invalidOption(name:value:requirement:)``.
    public func validate() throws(GenerationError) {
        func require(
            _ isValid: Bool, _ name: String, _ value: Any, _ requirement: String
        ) throws(GenerationError) {
            if !isValid { throw .invalidOption(name: name, value: "\(value)", requirement: requirement) }
        }
        try require(
            beams.map { (1...256).contains($0) } ?? true, "the number of beams", beams ?? 1, "between 1 and 256")
        if case .contrastive(let alpha, let candidates) = strategy {
            try require((0...1).contains(alpha), "penaltyAlpha", alpha, "between 0 (the most probable token) and 1")
            try require((2...256).contains(candidates), "topK", candidates, "between 2 and 256 in contrastive search")
            try require(answerCount == 1, "answerCount", answerCount, "1 in contrastive search, which draws nothing")
        }
        try require((1...256).contains(answerCount), "answerCount", answerCount, "between 1 and 256")
        try require(
            answerCount == 1 || strategy == .sample || answerCount <= beams ?? 1, "answerCount", answerCount,
            "at most the number of beams, unless answers are drawn at random")
        try require(stopTexts.allSatisfy { !$0.isEmpty }, "stopTexts", stopTexts, "without an empty text")
        try require(
            logProbabilities.map { (0...100).contains($0) } ?? true, "logProbabilities", logProbabilities ?? 0,
            "between 0 and 100")
        try require(maxNewTokens >= 1, "maxNewTokens", maxNewTokens, "1 or more")
        try require(maxNewTokens <= 1 << 30, "maxNewTokens", maxNewTokens, "at most \(1 << 30)")
        try require(
            (0...maxNewTokens).contains(minNewTokens), "minNewTokens", minNewTokens, "between 0 and \(maxNewTokens)")
        try require(lengthPenalty.isFinite, "lengthPenalty", lengthPenalty, "a number")
        try require(noRepeatNGramSize >= 0, "noRepeatNGramSize", noRepeatNGramSize, "0 (off) or more")
        try require(
            repetitionPenalty > 0 && repetitionPenalty.isFinite, "repetitionPenalty", repetitionPenalty,
            "greater than 0 (1 is off)")
        for (name, value) in [("presencePenalty", presencePenalty), ("frequencyPenalty", frequencyPenalty)] {
            try require((-2...2).contains(value), name, value, "between -2 and 2 (0 is off)")
        }
        for (token, bias) in logitBias.sorted(by: { $0.key < $1.key }) {
            try require(bias.isFinite, "logitBias of token \(token)", bias, "a number")
        }
        try require(
            forbiddenSequences.allSatisfy { !$0.isEmpty }, "forbiddenSequences", forbiddenSequences,
            "without an empty sequence")
        guard strategy == .sample else { return }
        try require(
            Float(temperature) > 0 && temperature.isFinite, "temperature", temperature,
            "greater than 0; use greedy search for the most probable tokens")
        try require(topK >= 0, "topK", topK, "0 (off) or more")
        try require(topP > 0 && topP <= 1, "topP", topP, "greater than 0 and at most 1 (off)")
        try require((0...1).contains(minP), "minP", minP, "between 0 (off) and 1")
    }

    private var beams: Int? { if case .beam(let width) = strategy { width } else { nil } }

    /// Checks that every token that the options name is one of the model's.
    func validate(vocabularySize: Int) throws(GenerationError) {
        let named = [
            ("endTokens", endTokens), ("stopTokens", stopTokens), ("forbiddenTokens", forbiddenTokens),
            ("logitBias", logitBias.keys.sorted().map { Int32(clamping: $0) }),
            ("forcedFirstToken", Array(forcedFirstToken.map { [$0] } ?? [])),
            ("forcedLastToken", Array(forcedLastToken.map { [$0] } ?? [])),
            ("forbiddenSequences", Array(forbiddenSequences.joined())),
        ]
        for (place, tokens) in named {
            for token in tokens where token < 0 || Int(token) >= vocabularySize {
                throw .unknownToken(token, place: place, vocabularySize: vocabularySize)
            }
        }
    }
}
