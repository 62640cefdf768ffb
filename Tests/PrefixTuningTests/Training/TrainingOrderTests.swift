import Foundation
@testable import PrefixTuning
import Testing

/// The order in which examples are seen.
@Suite("Batch order") struct TrainingOrderTests {
    @Test("every epoch holds every example once", arguments: [true, false], [(1, 1), (7, 3), (6, 3), (5, 9), (23, 4)])
    func coverage(shuffles: Bool, sizes: (examples: Int, batch: Int)) {
        var order = BatchOrder(exampleCount: sizes.examples, batchSize: sizes.batch, shuffles: shuffles, seed: 5)
        var epochs: [[Int]] = []
        for epoch in 0..<4 {
            var seen: [Int] = []
            #expect(order.isAtEpochStart && order.epoch == epoch)
            for number in 1...order.batchesPerEpoch {
                let batch = order.next()
                let isLast = number == order.batchesPerEpoch
                #expect(isLast ? (1...sizes.batch).contains(batch.count) : batch.count == sizes.batch)
                #expect(order.isAtEpochStart == isLast)
                seen += batch
            }
            #expect(seen.sorted() == Array(0..<sizes.examples))
            epochs.append(seen)
        }
        #expect(order.epoch == 4)
        if !shuffles { #expect(epochs.allSatisfy { $0 == Array(0..<sizes.examples) }) }
        if shuffles, sizes.examples > 4 { #expect(Set(epochs).count == 4, "every epoch is shuffled anew") }
    }

    @Test("saved at any moment, an order continues as it was")
    func restores() throws {
        var order = BatchOrder(exampleCount: 11, batchSize: 4, shuffles: true, seed: 8)
        for _ in 0..<9 {
            var copy = try JSONDecoder().decode(BatchOrder.self, from: JSONEncoder().encode(order))
            #expect(copy == order)
            var original = order
            for _ in 0..<7 { #expect(copy.next() == original.next()) }
            #expect(copy == original)
            _ = order.next()
        }
    }

    @Test("the seed fixes the order")
    func seeds() {
        func first(_ seed: UInt64) -> [Int] {
            var order = BatchOrder(exampleCount: 50, batchSize: 50, shuffles: true, seed: seed)
            return order.next()
        }
        #expect(first(1) == first(1))
        #expect(first(1) != first(2))
    }

    @Test("every place gets every example about equally often")
    func fairness() {
        let epochs = 6000, count = 5
        var order = BatchOrder(exampleCount: count, batchSize: count, shuffles: true, seed: 2)
        var places = [[Int]](repeating: [Int](repeating: 0, count: count), count: count)
        for _ in 0..<epochs {
            for (place, example) in order.next().enumerated() { places[place][example] += 1 }
        }
        // Five standard deviations of a binomial count.
        let expected = Double(epochs) / Double(count), bound = 5 * (expected * 0.8).squareRoot()
        for counts in places { #expect(counts.allSatisfy { abs(Double($0) - expected) < bound }) }
    }
}
