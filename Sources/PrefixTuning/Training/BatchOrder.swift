import Tensors

/// The order in which examples are seen: epoch after epoch, each shuffled anew or not at all.
///
/// Its state is a few numbers, so that a resumed run sees the same batches as an uninterrupted one.
struct BatchOrder: Codable, Equatable {
    let exampleCount: Int
    private let batchSize: Int
    private let shuffles: Bool
    /// Epochs finished.
    private(set) var epoch = 0
    private var position = 0
    private var generator: SeededGenerator
    private var order: [Int]

    init(exampleCount: Int, batchSize: Int, shuffles: Bool, seed: UInt64) {
        self.exampleCount = exampleCount
        self.batchSize = batchSize
        self.shuffles = shuffles
        generator = SeededGenerator(seed: seed)
        order = Array(0..<exampleCount)
        if shuffles { order.shuffle(using: &generator) }
    }

    /// Batches per epoch.
    var batchesPerEpoch: Int { exampleCount / batchSize + (exampleCount % batchSize > 0 ? 1 : 0) }

    /// Whether the next batch is the first of an epoch.
    var isAtEpochStart: Bool { position == 0 }

    /// Numbers of the next batch's examples.
    mutating func next() -> [Int] {
        let batch = Array(order[position..<position + min(batchSize, exampleCount - position)])
        position += batch.count
        if position == exampleCount {
            epoch += 1
            position = 0
            if shuffles { order.shuffle(using: &generator) }
        }
        return batch
    }
}
