import Tensors

/// Rows of keys and values, one matrix [capacity × 2·keyWidth] per layer, handed out in pages to the tokens of all sequences.
///
/// With a limit, all memory is asked for at once, and resident as it is first used; nothing is copied later, and whoever takes
/// pages sees to it that there are enough (``LiveBatch`` reserves them). Without one the pool doubles when it is full: a call
/// over a list of prompts cannot say beforehand how long their answers will be, and memory for the longest would be refused
/// where the answers themselves have room.
@Compute final class KeyValuePool {
    private(set) var layers: [KeyValues.Layer]
    /// Rows that there are.
    private(set) var capacity: Int
    /// Called when no page is free: lets go one that is kept for later prompts only, and tells whether there was one.
    var reclaim: (() -> Bool)?
    private let isLimited: Bool
    private let keyWidth: Int
    private let type: CacheType
    private let ledger = PageLedger()

    /// A pool.
    ///
    /// - Parameters:
    ///   - stack: The layers whose keys and values it holds.
    ///   - type: How it holds them.
    ///   - limit: Rows that it has, rounded down to pages; nil for one that grows.
    init(stack: AttentionStack, as type: CacheType = .float32, limit: Int? = nil) {
        let page = KeyValuePage.rowCount
        keyWidth = stack.keyWidth
        self.type = type
        isLimited = limit != nil
        let capacity = limit.map { max(1, $0 / page) * page } ?? 256
        self.capacity = capacity
        layers = (0..<stack.layerCount).map { _ in
            (KeyValueRows(rows: capacity, width: 2 * stack.keyWidth, as: type), 0, stack.keyWidth)
        }
        ledger.add(stride(from: 0, to: Int32(capacity), by: page))
    }

    /// Pages that hold nothing that is remembered.
    var freePages: Int { ledger.freeCount }
    /// Pages that there are.
    var pageCount: Int { capacity / KeyValuePage.rowCount }

    /// A page that nobody has.
    func page() -> KeyValuePage {
        while true {
            if let page = ledger.take() { return page }
            if reclaim?() == true { continue }
            precondition(!isLimited, "more rows of keys and values than were reserved")
            grow()
        }
    }

    /// Writes the keys and values of new tokens.
    func store(_ projected: Tensor, keyColumn: Int, rows: [Int32], layer: Int) {
        let target = layers[layer].source
        for (token, row) in rows.enumerated() {
            target.put(projected, row: token, column: keyColumn, into: Int(row))
        }
    }

    private func grow() {
        let larger = 2 * capacity
        layers = layers.map { layer in
            let rows = KeyValueRows(rows: larger, width: 2 * keyWidth, as: type)
            rows.put(first: capacity, of: layer.source)
            return (rows, layer.keyColumn, layer.valueColumn)
        }
        ledger.add(stride(from: Int32(capacity), to: Int32(larger), by: KeyValuePage.rowCount))
        capacity = larger
    }
}
