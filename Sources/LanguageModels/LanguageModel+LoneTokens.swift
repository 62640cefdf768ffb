import Tensors

extension LanguageModel {
    /// Keys and values that the frozen model computes for single tokens, each a text of its own at one position.
    ///
    /// Those of the first self-attention depend on the token and the position alone: they are what the token has in any
    /// text. In later layers, and where a decoder reads what the encoder made of the token (cross-attention), they are
    /// those of the token with nothing around it.
    ///
    /// - Parameters:
    ///   - tokens: At least one.
    ///   - position: Where each stands; below the model's number of positions.
    ///   - kind: An attention that the model has.
    ///   - depth: How many layers, 1 or more, from the first on; others are not computed where that can be avoided.
    /// - Returns: For each of these layers [tokens × 2·keyWidth]: key | value, keys as they are attended to.
    public func keyValues(ofLoneTokens tokens: [Int32], at position: Int, _ kind: AttentionKind, depth: Int) -> [Tensor]
    {
        guard let stack = network.shape.stack(kind) else {
            preconditionFailure("\(kind.rawValue) attention of \(configuration.architecture)")
        }
        let batch = TokenBatch(tokens.map { [$0] })
        let layers =
            switch kind {
            case .decoder: decoderLayers(batch, position, depth)
            case .encoder: encoderLayers(batch, position, depth)
            case .cross: read(batch, position, trace: nil).first?.layers ?? []
            }
        return layers.prefix(depth).map { layer in
            KeyValues(layers: [layer], rows: .range(0..<tokens.count), positions: 0).matrix(keyWidth: stack.keyWidth)
        }
    }

    private func decoderLayers(_ batch: TokenBatch, _ position: Int, _ depth: Int) -> [KeyValues.Layer] {
        let trace = KeyValueTrace(depth: depth), shape = network.shape
        var sources = batch.lengths.map { _ in [KeyValues]() }
        if shape.encoder != nil {
            // The source is read after the first layer's keys and values are made.
            sources =
                depth > 1
                ? read(batch, position, trace: nil).map { [$0] } : sources.map { _ in [Self.blank(shape.decoder)] }
        }
        let cache = KVCache(
            shape: shape, sequences: sources.map { .init(at: position, reading: $0) }, keepsTokens: false, trace: trace)
        _ = network.hiddenStates(batch, cache: cache, dropout: nil)
        return trace.layers.map { (.float32($0.source), $0.keyColumn, $0.valueColumn) }
    }

    private func encoderLayers(_ batch: TokenBatch, _ position: Int, _ depth: Int) -> [KeyValues.Layer] {
        let trace = KeyValueTrace(depth: depth)
        _ = read(batch, position, trace: trace)
        return trace.layers.map { (.float32($0.source), $0.keyColumn, $0.valueColumn) }
    }

    /// What the encoder makes of the tokens.
    private func read(_ batch: TokenBatch, _ position: Int, trace: KeyValueTrace?) -> [KeyValues] {
        guard let network = network as? any EncoderDecoderModel, let stack = network.shape.encoder else { return [] }
        let cache = KVCache(
            stack: stack, sequences: batch.lengths.map { _ in .init(at: position) }, keepsTokens: false, trace: trace)
        return network.encode(batch, cache: cache, dropout: nil)
    }

    /// One position of zeros in every layer.
    private static func blank(_ stack: AttentionStack) -> KeyValues {
        KeyValues(rowsOf: .zeros([1, stack.prefixRowWidth]), stack: stack, shiftsPositions: false)
    }
}
