import Tensors

extension CausalModel {
    /// How probable each token of a text is, given those before it: what is told of a prompt that is repeated before its answer.
    ///
    /// - Parameters:
    ///   - tokens: At least one, of a decoder-only model; within its positions.
    ///   - starts: What the text comes after: prefixes in a row.
    ///   - best: How many of the most probable tokens are told.
    /// - Returns: As many as tokens; nil for the first, which nothing predicts.
    /// - Throws: ``GenerationError/notFinite(index:)``.
    package func probabilities(
        ofPrompt tokens: [Int32], after starts: [InitialKeyValues] = [], best: Int
    ) throws(GenerationError) -> [TokenLogProbability?] {
        precondition(startToken == nil && !tokens.isEmpty, "a text of a decoder-only model")
        let cache = KVCache(
            shape: shape, sequences: [.init(after: starts.compactMap(\.decoder))], keepsTokens: false)
        let hidden = hiddenStates(TokenBatch([tokens], wanting: [tokens.count]), cache: cache, dropout: nil)
        let scores = head(hidden), size = shape.vocabularySize
        var result: [TokenLogProbability?] = [nil]
        scores.withMutableValues { buffer in
            guard let base = buffer.baseAddress else { return }
            for (row, token) in tokens.dropFirst().enumerated() {
                let distribution = Distribution(base + row * size, vocabularySize: size, best: best)
                result.append(distribution.choosing(token))
            }
        }
        guard result.allSatisfy({ $0?.logProbability.isFinite ?? true }) else { throw .notFinite(index: 0) }
        return result
    }
}
