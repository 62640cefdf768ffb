import LanguageModels
import Tensors

/// The loss of a batch of examples: cross-entropy of the target tokens only, given everything before them.
@Compute enum TargetLoss {
    /// A sequence of a pass.
    struct Row {
        /// The tokens from `targetStart` on are targets, but for those that do not count. An example of an encoder–decoder model has a source.
        let example: TokenizedExample
        /// What it attends to first: a prefix, which any number of rows may share.
        let start: InitialKeyValues?
        /// Of each of its target tokens in the loss.
        let weight: Float
    }

    /// Σ weight · loss over the target tokens of examples that all start alike; see ``evaluate(_:model:dropout:recomputation:)``.
    static func evaluate(
        _ examples: [TokenizedExample], model: any CausalModel, start: InitialKeyValues?, weight: Float,
        dropout: Dropout? = nil, recomputation: Recomputation? = nil
    ) -> (loss: Tensor, perTarget: [Float]) {
        evaluate(
            examples.map { Row(example: $0, start: start, weight: weight) }, model: model, dropout: dropout,
            recomputation: recomputation)
    }

    /// Σ weight · loss over the target tokens, recorded where a tape asks for it.
    ///
    /// - Parameters:
    ///   - rows: Sequences; those that share a start should follow each other.
    ///   - recomputation: What is computed twice.
    /// - Returns: The loss, and each target's own, example after example, in nats.
    static func evaluate(
        _ rows: [Row], model: any CausalModel, dropout: Dropout? = nil, recomputation: Recomputation? = nil
    ) -> (loss: Tensor, perTarget: [Float]) {
        let begun = model.begin(
            rows.map { Array($0.example.tokens.prefix($0.example.targetStart)) }, about: rows.map(\.example.source),
            after: rows.map(\.start), dropout: dropout, recomputation: recomputation)
        // The last token is predicted, never read.
        let batch = TokenBatch(
            zip(rows, begun).map { Array($0.example.tokens[$1.read...].dropLast()) },
            wanting: rows.map { $0.example.tokens.count - $0.example.targetStart })
        let cache = KVCache(
            shape: model.shape, sequences: begun.map(\.sequence), keepsTokens: false, recomputation: recomputation,
            dropout: dropout)
        let hidden = model.hiddenStates(batch, cache: cache, dropout: dropout)
        let (loss, perRow) = crossEntropy(
            hidden, head: model.head, targets: rows.flatMap { $0.example.tokens[$0.example.targetStart...] },
            weights: rows.flatMap { row in
                let count = row.example.tokens.count - row.example.targetStart
                guard let isCounted = row.example.isCounted else { return Array(repeating: row.weight, count: count) }
                return isCounted.map { $0 ? row.weight : 0 }
            })
        return (loss, counted(perRow, of: rows))
    }

    /// The losses of the tokens that count.
    private static func counted(_ losses: [Float], of rows: [Row]) -> [Float] {
        guard rows.contains(where: { $0.example.isCounted != nil }) else { return losses }
        var counted: [Float] = [], rest = losses[...]
        for row in rows {
            let own = rest.prefix(row.example.tokens.count - row.example.targetStart)
            rest = rest.dropFirst(own.count)
            counted += row.example.isCounted.map { zip(own, $0).filter(\.1).map(\.0) } ?? Array(own)
        }
        return counted
    }

    /// Parts of a batch of at most so many tokens each, virtual ones included, or one example.
    static func passes(
        _ examples: [TokenizedExample], after start: InitialKeyValues? = nil, tokensPerPass: Int
    ) -> [[TokenizedExample]] {
        parts(examples, tokensPerPass: tokensPerPass) { $0.length + (start?.rowsPerText ?? 0) }
    }

    /// The same for rows.
    static func passes(_ rows: [Row], tokensPerPass: Int) -> [[Row]] {
        parts(rows, tokensPerPass: tokensPerPass) { $0.example.length + ($0.start?.rowsPerText ?? 0) }
    }

    private static func parts<Item>(
        _ items: [Item], tokensPerPass: Int, length: (Item) -> Int
    ) -> [[Item]] {
        let lengths = items.map(length)
        // The lowest limit that makes no more passes makes them even: what a pass needs in memory is least.
        var (limit, tooLow) = (min(tokensPerPass, lengths.reduce(0, +)), (lengths.max() ?? 0) - 1)
        let most = ranges(lengths, limit: limit).count
        while limit - tooLow > 1 {
            let middle = (limit + tooLow) / 2
            if ranges(lengths, limit: middle).count > most { tooLow = middle } else { limit = middle }
        }
        return ranges(lengths, limit: limit).map { Array(items[$0]) }
    }

    /// Neighbours whose lengths add up to `limit` at most, or one alone.
    private static func ranges(_ lengths: [Int], limit: Int) -> [Range<Int>] {
        var ranges: [Range<Int>] = [], first = 0, tokens = 0
        for (index, length) in lengths.enumerated() {
            if index > first, tokens + length > limit {
                ranges.append(first..<index)
                (first, tokens) = (index, 0)
            }
            tokens += length
        }
        if first < lengths.count { ranges.append(first..<lengths.count) }
        return ranges
    }
}
