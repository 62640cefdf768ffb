import LanguageModels
import Tensors

/// The loss of a batch of examples: cross-entropy of the target tokens only, given everything before them.
@Compute enum TargetLoss {
    /// Σ weight · loss over the target tokens, recorded where a tape asks for it.
    ///
    /// - Parameters:
    ///   - examples: Token sequences; the tokens from `targetStart` on are targets.
    ///   - start: What every sequence attends to first: the prefix, shared by all.
    ///   - weight: Of each target token.
    /// - Returns: The loss, and each target's own, example after example, in nats.
    static func evaluate(
        _ examples: [TokenizedExample], model: any CausalModel, start: KeyValues?, weight: Float,
        dropout: Dropout? = nil
    ) -> (loss: Tensor, perTarget: [Float]) {
        let batch = TokenBatch(examples.map(\.tokens))
        let cache = KVCache(
            shape: model.shape, sequences: examples.map { _ in .init(after: start) }, keepsTokens: false)
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

    /// Parts of a batch of at most so many tokens each, or one example.
    static func passes(_ examples: [TokenizedExample], tokensPerPass: Int) -> [[TokenizedExample]] {
        var passes: [[TokenizedExample]] = [], tokens = 0
        for example in examples {
            if passes.isEmpty || tokens + example.tokens.count > tokensPerPass {
                passes.append([])
                tokens = 0
            }
            passes[passes.count - 1].append(example)
            tokens += example.tokens.count
        }
        return passes
    }
}
