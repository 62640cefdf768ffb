import Tensors

/// Positions behind a prompt that hold no tokens: the model reads embeddings there, and what follows attends to the keys and
/// values that it computes for them, moved by given ones.
///
/// Infix-tuning (Li & Liang 2021, section 7.3) trains both. No model knows of them: prompt and embeddings pass through it
/// as tokens do, and their keys and values, with those of the virtual positions moved, are then the initial content of the
/// cache for the text that follows. So the virtual positions themselves see each other unmoved, as in the authors' code,
/// where a first pass gives a history, to which the trained part is added.
public struct VirtualTokens {
    /// What is read in place of tokens [n × width of the token table].
    public let embeddings: Tensor
    /// What is added to their keys and values, as the cache holds them (after a rotary embedding): [n × 2·L·keyWidth], in
    /// the layout of a prefix.
    public let shift: Tensor

    /// Virtual tokens of a decoder-only model.
    public init(embeddings: Tensor, shift: Tensor) {
        precondition(embeddings.rows == shift.rows, "\(embeddings.shape) embeddings moved by \(shift.shape)")
        self.embeddings = embeddings
        self.shift = shift
    }

    /// n.
    public var count: Int { embeddings.rows }
}

extension CausalModel {
    /// Where sequences of a decoder-only model stand that begin with some prompts.
    ///
    /// - Parameters:
    ///   - prompts: At least one token each.
    ///   - starts: What comes before and behind each prompt.
    /// - Returns: For each prompt its sequence, and how many of its tokens have been read already: all but the last, which
    ///   the answer is predicted from, where virtual tokens stand before that one; else none.
    public func begin(
        _ prompts: [[Int32]], after starts: [InitialKeyValues?]
    ) -> [(sequence: KVCache.Sequence, read: Int)] {
        let split = prompts.indices.filter { starts[$0]?.afterPrompt != nil }
        let histories = histories(
            split.map { Array(prompts[$0].dropLast()) }, then: split.compactMap { starts[$0]?.afterPrompt },
            after: split.map { starts[$0]?.decoder })
        let history = Dictionary(uniqueKeysWithValues: zip(split, histories))
        return prompts.indices.map { index in
            let own = history[index]
            return (
                KVCache.Sequence(after: starts[index]?.decoder, then: own), own == nil ? 0 : prompts[index].count - 1
            )
        }
    }

    /// Keys and values of texts and of the virtual tokens behind them, those of the latter moved.
    private func histories(
        _ texts: [[Int32]], then endings: [VirtualTokens], after starts: [KeyValues?]
    ) -> [KeyValues] {
        if texts.isEmpty { return [] }
        let batch = TokenBatch(texts, then: endings.map(\.embeddings)), trace = KeyValueTrace()
        let cache = KVCache(
            shape: shape, sequences: starts.map { .init(after: $0) }, keepsTokens: false, trace: trace)
        _ = hiddenStates(batch, cache: cache, dropout: nil)
        let unmoved = Tensor.zeros([texts.map(\.count).max() ?? 0, shape.prefixRowWidth])
        let shifts = Tensor.joiningRows(
            zip(texts, endings).flatMap { [(unmoved, 0..<$0.count), ($1.shift, 0..<$1.count)] })
        let matrix = trace.matrix(keyWidth: shape.keyWidth) + shifts
        return batch.ranges.map { KeyValues(rows: $0, of: matrix, stack: shape.decoder) }
    }
}
