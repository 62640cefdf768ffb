import LanguageModels

/// A prefix as cells of a KV cache: for each layer the keys and the values of n positions, in the order of `transformers`.
///
/// This is what all servers keep, each in another layout. Keys are as they are attended to, turned by their positions 0 to n − 1.
public struct PrefixCells: Equatable, Sendable {
    /// Keys and values of one layer, [n × H·D] each, row-major.
    public struct Layer: Equatable, Sendable {
        /// [n × H·D].
        public var keys: [Float]
        /// [n × H·D].
        public var values: [Float]

        /// Rows of a layer; see the properties.
        public init(keys: [Float], values: [Float]) {
            self.keys = keys
            self.values = values
        }
    }

    /// Positions n.
    public let length: Int
    /// Layers L, heads H and their width D.
    public let stack: AttentionStack
    /// Of layers 0, 1, ….
    public var layers: [Layer]

    /// The cells of a prefix of the decoder's self-attention.
    public init(_ prefix: Prefix) {
        length = prefix.length
        stack = prefix.shape.decoder
        let width = stack.keyWidth, row = stack.prefixRowWidth, values = prefix.values
        layers = (0..<stack.layerCount).map { layer in
            func half(_ index: Int) -> [Float] {
                var result: [Float] = []
                for position in 0..<prefix.length {
                    let start = position * row + (2 * layer + index) * width
                    result += values[start..<start + width]
                }
                return result
            }
            return Layer(keys: half(0), values: half(1))
        }
    }

    /// Cells of known layers.
    init(length: Int, stack: AttentionStack, layers: [Layer]) {
        (self.length, self.stack, self.layers) = (length, stack, layers)
    }

    /// The prefix that the cells are, with text behind it.
    ///
    /// - Throws: ``PrefixError/wrongSize(found:expected:)`` where they are of a model of other sizes.
    public func prefix(for model: ModelShape, baseModel: String? = nil, baseDigest: Digest? = nil) throws -> Prefix {
        let width = stack.keyWidth
        var values: [Float] = []
        values.reserveCapacity(length * stack.prefixRowWidth)
        for position in 0..<length {
            let row = position * width..<(position + 1) * width
            for layer in layers {
                values += layer.keys[row]
                values += layer.values[row]
            }
        }
        return try Prefix(
            length: length, values: values, shape: model, textPosition: .afterPrefix, baseModel: baseModel,
            baseDigest: baseDigest)
    }

    /// Keys with each head's columns [half][pair] as [pair][half], which rotation of neighbours takes; or back.
    func turningPairs(back: Bool) -> PrefixCells {
        var result = self
        let head = stack.headWidth, half = head / 2
        for layer in layers.indices {
            for start in stride(from: 0, to: layers[layer].keys.count, by: head) {
                for pair in 0..<half {
                    for side in 0..<2 {
                        let apart = start + side * half + pair, together = start + 2 * pair + side
                        if back {
                            result.layers[layer].keys[apart] = layers[layer].keys[together]
                        } else {
                            result.layers[layer].keys[together] = layers[layer].keys[apart]
                        }
                    }
                }
            }
        }
        return result
    }

    /// Followed by so many cells of zeros.
    func padded(by count: Int) -> PrefixCells {
        let zeros = [Float](repeating: 0, count: count * stack.keyWidth)
        return PrefixCells(
            length: length + count, stack: stack,
            layers: layers.map { .init(keys: $0.keys + zeros, values: $0.values + zeros) })
    }

    /// The first so many cells.
    func beginning(_ count: Int) -> PrefixCells {
        guard count < length else { return self }
        let end = count * stack.keyWidth
        return PrefixCells(
            length: count, stack: stack,
            layers: layers.map { .init(keys: Array($0.keys[..<end]), values: Array($0.values[..<end])) })
    }

    /// Every number as a cache of this type holds it.
    func rounded(to type: ServedCacheType) -> PrefixCells {
        var result = self
        for index in layers.indices {
            result.layers[index] = Layer(
                keys: type.rounded(layers[index].keys), values: type.rounded(layers[index].values))
        }
        return result
    }
}
