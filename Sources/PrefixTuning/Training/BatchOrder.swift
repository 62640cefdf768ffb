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

    private enum CodingKeys: String, CodingKey {
        case exampleCount = "example_count", batchSize = "batch_size", shuffles, epoch, position, generator, order
    }

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

    /// Batches drawn so far, or nil where no order could come there.
    var batchesDrawn: Int? {
        let (whole, overflows) = epoch.multipliedReportingOverflow(by: batchesPerEpoch)
        let (drawn, overflowsToo) = whole.addingReportingOverflow(position / batchSize)
        return overflows || overflowsToo ? nil : drawn
    }

    /// Whether what was read from a file is an order: nothing else may be drawn from.
    var isValid: Bool {
        guard exampleCount > 0, batchSize > 0, batchSize <= .max - exampleCount, epoch >= 0,
            (0..<exampleCount).contains(position), position.isMultiple(of: batchSize), order.count == exampleCount
        else { return false }
        var isSeen = [Bool](repeating: false, count: exampleCount)
        for example in order {
            guard isSeen.indices.contains(example), !isSeen[example] else { return false }
            isSeen[example] = true
        }
        return true
    }

    /// Whether another order can have come here: the sizes are the same.
    func continues(_ other: BatchOrder) -> Bool {
        exampleCount == other.exampleCount && batchSize == other.batchSize && shuffles == other.shuffles
    }

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
