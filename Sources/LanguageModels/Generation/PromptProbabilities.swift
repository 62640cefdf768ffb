import Tensors

extension CausalModel {
    /// How probable each token of a text is, given those before it: what is told of a prompt that is repeated before its answer.
    ///
    /// The text is read in parts, between which other work may use the compute thread: its scores, [tokens × vocabulary], would be a
    /// megabyte for each token of a large vocabulary. No part has one to three tokens unless the text has, so that the bits are those of the
    /// text read in one go.
    ///
    /// - Parameters:
    ///   - tokens: At least one, of a decoder-only model; within its positions.
    ///   - starts: What the text comes after: prefixes in a row.
    ///   - best: How many of the most probable tokens are told.
    /// - Returns: As many as tokens; nil for the first, which nothing predicts.
    /// - Throws: ``GenerationError/notFinite(index:)``; `CancellationError` where the task is cancelled.
    package func probabilities(
        ofPrompt tokens: [Int32], after starts: [InitialKeyValues] = [], best: Int
    ) async throws -> [TokenLogProbability?] {
        precondition(startToken == nil && !tokens.isEmpty, "a text of a decoder-only model")
        let part = 128
        let cache = KVCache(
            shape: shape, sequences: [.init(after: starts.compactMap(\.decoder))], keepsTokens: true)
        var result: [TokenLogProbability?] = [nil], read = 0
        while read < tokens.count {
            let left = tokens.count - read, count = left < part + 4 ? left : part
            let batch = TokenBatch([Array(tokens[read..<read + count])], wanting: [count])
            let scores = head(hiddenStates(batch, cache: cache, dropout: nil)), size = shape.vocabularySize
            scores.withMutableValues { buffer in
                guard let base = buffer.baseAddress else { return }
                for (row, token) in tokens[(read + 1)...].prefix(count).enumerated() {
                    let distribution = Distribution(base + row * size, vocabularySize: size, best: best)
                    result.append(distribution.choosing(token))
                }
            }
            read += count
            await Compute.yield()
            try Task.checkCancellation()
        }
        guard result.allSatisfy({ $0?.logProbability.isFinite ?? true }) else {
            throw GenerationError.notFinite(index: 0)
        }
        return result
    }
}
