extension DecodingOptions {
    /// Reads options; those that are not named keep their defaults.
    public init(from decoder: any Decoder) throws {
        self.init()
        let values = try decoder.container(keyedBy: CodingKeys.self)
        func read<Value: Decodable>(_ key: CodingKeys, _ path: WritableKeyPath<Self, Value>) throws {
            if let value = try values.decodeIfPresent(Value.self, forKey: key) { self[keyPath: path] = value }
        }
        try read(.strategy, \.strategy)
        try read(.answerCount, \.answerCount)
        try read(.maxNewTokens, \.maxNewTokens)
        try read(.minNewTokens, \.minNewTokens)
        try read(.endTokens, \.endTokens)
        try read(.ignoresEndTokens, \.ignoresEndTokens)
        try read(.stopTokens, \.stopTokens)
        try read(.logitBias, \.logitBias)
        try read(.stopTexts, \.stopTexts)
        forcedFirstToken = try values.decodeIfPresent(Int32.self, forKey: .forcedFirstToken)
        forcedLastToken = try values.decodeIfPresent(Int32.self, forKey: .forcedLastToken)
        try read(.lengthPenalty, \.lengthPenalty)
        try read(.earlyStopping, \.earlyStopping)
        try read(.noRepeatNGramSize, \.noRepeatNGramSize)
        try read(.repetitionPenalty, \.repetitionPenalty)
        try read(.presencePenalty, \.presencePenalty)
        try read(.frequencyPenalty, \.frequencyPenalty)
        try read(.forbiddenTokens, \.forbiddenTokens)
        try read(.forbiddenSequences, \.forbiddenSequences)
        try read(.temperature, \.temperature)
        try read(.topK, \.topK)
        try read(.topP, \.topP)
        try read(.minP, \.minP)
        try read(.seed, \.seed)
        logProbabilities = try values.decodeIfPresent(Int.self, forKey: .logProbabilities)
    }
}
