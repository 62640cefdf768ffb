import LanguageModels

extension SamplingFields {
    /// How the engine chooses the answers to a prompt.
    ///
    /// - Parameters:
    ///   - model: Its conventions say what ends an answer.
    ///   - maxTokens: The longest answer; at least 1.
    ///   - logprobs: How many most probable tokens are told; nil for none.
    ///   - prompt: The number of the prompt within its request: each has draws of its own.
    /// - Throws: ``ServingError`` where a combination means nothing.
    func options(
        for model: ServedModel, maxTokens: Int, logprobs: Int?, prompt: Int
    ) throws(ServingError) -> DecodingOptions {
        let answers = max(bestOf ?? count, count)
        var options = DecodingOptions(.greedy, maxNewTokens: max(1, maxTokens))
        if usesBeams {
            options.strategy = .beam(width: max(answers, 1))
            options.answerCount = count
            options.lengthPenalty = lengthPenalty
        } else if temperature > 0 {
            options.strategy = .sample
            options.answerCount = answers
            options.temperature = temperature
            options.topK = topK
            options.topP = topP
            options.minP = minP
        }
        options.endTokens = model.model.conventions.endTokens
        options.ignoresEndTokens = ignoresEnd
        options.stopTokens = stopTokens
        options.stopTexts = stops
        options.minNewTokens = min(minTokens, options.maxNewTokens)
        options.presencePenalty = presencePenalty
        options.frequencyPenalty = frequencyPenalty
        options.repetitionPenalty = repetitionPenalty
        // The best of several are compared by their probability.
        options.logProbabilities = logprobs ?? (answers > count && !usesBeams ? 0 : nil)
        options.seed = (seed ?? UInt64.random(in: 0...UInt64.max)) &+ UInt64(prompt) &* 0x9e37_79b9_7f4a_7c15
        for (token, bias) in logitBias { options.logitBias[Int(token)] = Double(bias) }
        do throws(GenerationError) {
            try options.validate()
        } catch {
            throw .outOfRange(field: "the sampling parameters", value: "not valid", range: "\(error)")
        }
        return options
    }

    /// Whether all answers of a prompt are the same, so that it is answered once.
    var repeatsOneAnswer: Bool { temperature == 0 && !usesBeams }
}
