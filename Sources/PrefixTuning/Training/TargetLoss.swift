import LanguageModels
import Tensors

/// The loss of a batch of examples: cross-entropy of the target tokens only, given everything before them.
@Compute enum TargetLoss {
    /// Σ weight · loss over the target tokens, recorded where a tape asks for it.
    ///
    /// - Parameters:
    ///   - examples: Token sequences; the tokens from `targetStart` on are targets. Those of an encoder–decoder model
    ///     have a source.
    ///   - start: What every sequence attends to first: the prefix, shared by all.
    ///   - weight: Of each target token.
    ///   - recomputation: What is computed twice.
    /// - Returns: The loss, and each target's own, example after example, in nats.
    static func evaluate(
        _ examples: [TokenizedExample], model: any CausalModel, start: InitialKeyValues?, weight: Float,
        dropout: Dropout? = nil, recomputation: Recomputation? = nil
    ) -> (loss: Tensor, perTarget: [Float]) {
        // The last token is predicted, never read.
        let batch = TokenBatch(examples.map { Array($0.tokens.dropLast()) })
        let cache = KVCache(
            shape: model.shape,
            sequences: sequences(
                examples, model: model, start: start, dropout: dropout, recomputation: recomputation),
            keepsTokens: false, recomputation: recomputation)
        let hidden = model.hiddenStates(batch, cache: cache, dropout: dropout)
        var predictors: [Int32] = [], targets: [Int32] = []
        for (example, range) in zip(examples, batch.ranges) {
            for index in example.targetStart..<example.tokens.count {
                predictors.append(Int32(range.lowerBound + index - 1))
                targets.append(example.tokens[index])
            }
        }
        let (loss, perRow) = crossEntropy(
            hidden.rows(at: predictors), head: model.head, targets: targets,
            weights: [Float](repeating: weight, count: targets.count))
        return (loss, perRow)
    }

    /// What each example's decoder starts from: what all start from, and its own source where there is an encoder.
    private static func sequences(
        _ examples: [TokenizedExample], model: any CausalModel, start: InitialKeyValues?, dropout: Dropout?,
        recomputation: Recomputation?
    ) -> [KVCache.Sequence] {
        guard let model = model as? any EncoderDecoderModel else {
            return examples.map { _ in KVCache.Sequence(after: start?.decoder) }
        }
        let sources = model.encode(
            TokenBatch(examples.map(\.source)), after: examples.map { _ in start?.encoder }, dropout: dropout,
            recomputation: recomputation)
        return sources.map { source in
            KVCache.Sequence(after: start?.decoder, reading: [start?.cross, source].compactMap(\.self))
        }
    }

    /// Parts of a batch of at most so many tokens each, or one example.
    static func passes(_ examples: [TokenizedExample], tokensPerPass: Int) -> [[TokenizedExample]] {
        var passes: [[TokenizedExample]] = [], tokens = 0
        for example in examples {
            if passes.isEmpty || tokens + example.length > tokensPerPass {
                passes.append([])
                tokens = 0
            }
            passes[passes.count - 1].append(example)
            tokens += example.length
        }
        return passes
    }
}
