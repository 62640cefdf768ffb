import Tensors

extension CausalModel {
    /// Where sequences stand before their next token is predicted: after what they start from, and with the source that
    /// they are about read, where the model has an encoder. Every pass through a model begins here, in training as in
    /// generation.
    ///
    /// - Parameters:
    ///   - prompts: What the decoder reads first, at least one token each; ``startToken`` where there is an encoder.
    ///   - sources: What the encoder of an encoder–decoder model reads, for each prompt; empty for a decoder-only model.
    ///   - starts: What comes before source and prompt, and behind the prompt.
    ///   - dropout: Drops activations of the encoder in training; nil as a rule.
    ///   - recomputation: What training computes twice.
    ///   - type: How what is computed here is held: keys and values of sources, and of what stands behind prompts. Not in 32 bits,
    ///     nothing is differentiated through it.
    /// - Returns: For each prompt its sequence, and how many of its tokens have been read already: all but the last, which
    ///   the answer is predicted from, where virtual tokens stand before that one; else none.
    public func begin(
        _ prompts: [[Int32]], about sources: [[Int32]] = [], after starts: [InitialKeyValues?],
        dropout: Dropout? = nil, recomputation: Recomputation? = nil, as type: CacheType = .float32
    ) -> [(sequence: KVCache.Sequence, read: Int)] {
        begin(
            prompts, about: sources, after: starts.map { [$0].compactMap(\.self) }, dropout: dropout,
            recomputation: recomputation, as: type)
    }

    /// The same for sequences that start from several things in a row.
    func begin(
        _ prompts: [[Int32]], about sources: [[Int32]] = [], after starts: [[InitialKeyValues]],
        dropout: Dropout? = nil, recomputation: Recomputation? = nil, as type: CacheType = .float32
    ) -> [(sequence: KVCache.Sequence, read: Int)] {
        guard let model = self as? any EncoderDecoderModel else { return begin(prompts, after: starts, as: type) }
        if prompts.isEmpty { return [] }
        let beginnings = starts.map { Tensor.joiningAll($0.compactMap(\.sourceEmbeddings)) }
        let encoded = model.encode(
            TokenBatch(sources, afterEach: beginnings), afterAll: starts.map { $0.compactMap(\.encoder) },
            dropout: dropout,
            recomputation: recomputation)
        return zip(starts, KeyValues.held(encoded, as: type)).map { starts, source in
            (KVCache.Sequence(after: starts.compactMap(\.decoder), reading: starts.compactMap(\.cross) + [source]), 0)
        }
    }

    /// Of a decoder-only model: what stands behind a prompt reads it first.
    private func begin(
        _ prompts: [[Int32]], after starts: [[InitialKeyValues]], as type: CacheType
    ) -> [(sequence: KVCache.Sequence, read: Int)] {
        let endings = starts.map { VirtualTokens.joining($0.compactMap(\.afterPrompt)) }
        let split = prompts.indices.filter { endings[$0] != nil }
        let histories = histories(
            split.map { Array(prompts[$0].dropLast()) }, then: split.compactMap { endings[$0] },
            after: split.map { starts[$0].compactMap(\.decoder) })
        let history = Dictionary(uniqueKeysWithValues: zip(split, KeyValues.held(histories, as: type)))
        return prompts.indices.map { index in
            let own = history[index]
            return (
                KVCache.Sequence(after: starts[index].compactMap(\.decoder), then: own),
                own == nil ? 0 : prompts[index].count - 1
            )
        }
    }

    /// Keys and values of texts and of the virtual tokens behind them, those of the latter moved.
    private func histories(
        _ texts: [[Int32]], then endings: [VirtualTokens], after starts: [[KeyValues]]
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
