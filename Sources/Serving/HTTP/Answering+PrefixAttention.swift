import LanguageModels
import PrefixTuning

extension ResolvedModel {
    /// That attention to the prefixes can be measured.
    ///
    /// - Throws: ``ServingError/unsupported(field:value:advice:)`` where there is none, or it stands within the text.
    func checkMeasured(by model: ServedModel) throws(ServingError) {
        let advice =
            if model.startToken != nil {
                "this model's encoder reads the prompt; prefixtune attention shows the shares of all its attentions"
            } else if prefixes.isEmpty {
                "ask for a prefix by its name; the model itself has none"
            } else if prefixes.contains(where: \.standsWithinText) {
                "an infix stands within the text and not before it"
            } else {
                nil as String?
            }
        if let advice { throw .unsupported(field: "prefix_attention", value: "true", advice: advice) }
    }
}

extension ServingServer {
    /// What `prefix_attention` asks for, for one answer: the answer is read once more.
    ///
    /// - Returns: As many as tokens; nil where it was not asked for.
    func prefixAttention(_ answering: Answering, _ prompt: Int, _ answer: ChoiceText) async throws -> [Float]? {
        guard answering.sampling.measuresPrefix else { return nil }
        guard !answer.tokens.isEmpty else { return [] }
        let prompt = answering.prompts[prompt]
        // A token is predicted from the one before it.
        let shares = try await engine.prefixAttention(
            prompt + answer.tokens.dropLast(), after: answering.model.prefixes, from: prompt.count - 1,
            model: model.model)
        return shares.map(Float.init)
    }
}
