import Tensors

/// Rows of keys and values, one matrix [capacity × 2·keyWidth] per layer, handed out to the tokens of all sequences.
///
/// Rows are used one after another; when none is left, those that no sequence remembers any more (of beams that were
/// given up, of finished sequences) are used again, and only if that is not enough the pool grows.
@Compute final class KeyValuePool {
    private(set) var layers: [KeyValues.Layer]
    private let keyWidth: Int
    private let type: CacheType
    private var capacity: Int
    private var next = 0
    private var free: [Int32] = []

    init(stack: AttentionStack, as type: CacheType = .float32, capacity: Int = 256) {
        keyWidth = stack.keyWidth
        self.type = type
        self.capacity = capacity
        layers = (0..<stack.layerCount).map { _ in
            (KeyValueRows(rows: capacity, width: 2 * stack.keyWidth, as: type), 0, stack.keyWidth)
        }
    }

    /// Finds rows for new tokens.
    ///
    /// - Parameters:
    ///   - count: How many.
    ///   - sequences: What must be kept.
    func take(_ count: Int, keeping sequences: [KVCache.Sequence]) -> [Int32] {
        if free.count < count, next + count > capacity { collect(sequences) }
        if free.count >= count {
            defer { free.removeLast(count) }
            return free.suffix(count).reversed()
        }
        if next + count > capacity { grow(to: max(next + count, 2 * capacity)) }
        defer { next += count }
        return (next..<next + count).map(Int32.init)
    }

    /// Writes the keys and values of new tokens.
    func store(_ projected: Tensor, keyColumn: Int, rows: [Int32], layer: Int) {
        let target = layers[layer].source
        for (token, row) in rows.enumerated() {
            target.put(projected, row: token, column: keyColumn, into: Int(row))
        }
    }

    private func collect(_ sequences: [KVCache.Sequence]) {
        var isUsed = [Bool](repeating: false, count: next)
        for sequence in sequences {
            for row in sequence.sharedRows ?? 0..<0 { isUsed[row] = true }
            for row in sequence.poolRows { isUsed[Int(row)] = true }
        }
        free = (0..<next).reversed().filter { !isUsed[$0] }.map(Int32.init)
    }

    private func grow(to capacity: Int) {
        layers = layers.map { layer in
            let larger = KeyValueRows(rows: capacity, width: 2 * keyWidth, as: type)
            larger.put(first: next, of: layer.source)
            return (larger, layer.keyColumn, layer.valueColumn)
        }
        self.capacity = capacity
    }
}
