import Testing

@testable import Tensors

/// The masks of attention probabilities, seen through values that are unit vectors: the output of a query is then its row of
/// probabilities, dropped or not. Values and gradients are in ``AttentionTests``.
@Compute @Suite struct AttentionDropoutTests {
    /// The probabilities [queries × heads × positions] of equal scores, times their number: 0 or 1 / (1 − p).
    private func masks(_ probability: Float, seed: UInt64, queries: Int, heads: Int = 2, positions: Int = 16) -> [Float]
    {
        let width = positions * heads
        var keyValues = [Float](repeating: 0, count: positions * 2 * width)
        for position in 0..<positions {
            for head in 0..<heads { keyValues[position * 2 * width + width + head * positions + position] = 1 }
        }
        let output = attention(
            queries: Tensor.zeros([queries, width]),
            sequences: [
                AttendingSequence(
                    queries: 0..<queries,
                    segments: [
                        KeyValueSegment(
                            source: Tensor(keyValues, shape: [positions, 2 * width]), rows: .range(0..<positions),
                            keyColumn: 0, valueColumn: width)
                    ])
            ], geometry: AttentionGeometry(heads: heads, headWidth: positions, scale: 1, isCausal: false),
            dropout: probability > 0 ? AttentionDropout(probability: probability, seed: seed) : nil)
        return output.values.map { $0 * Float(positions) }
    }

    @Test(arguments: [Float(0.1), 0.5, 0.9], [UInt64(0), 12345])
    func dropsTheGivenShare(probability: Float, seed: UInt64) {
        let mask = masks(probability, seed: seed, queries: 3000)
        #expect(mask.allSatisfy { $0 == 0 || abs($0 * (1 - probability) - 1) < 1e-5 })
        let count = Double(mask.count), p = Double(probability), deviation = (p * (1 - p) / count).squareRoot()
        #expect(abs(Double(mask.count { $0 == 0 }) / count - p) < 5 * deviation)
        // Neighbours in position, in head and in row are independent: both dropped with probability p².
        for distance in [1, 16, 32] {
            let both = zip(mask, mask.dropFirst(distance)).count { $0 == 0 && $1 == 0 }
            #expect(abs(Double(both) / count - p * p) < 5 * 2 * deviation, "\(distance) apart")
        }
    }

    @Test func aSeedNamesItsMask() {
        let mask = masks(0.3, seed: 7, queries: 50)
        #expect(masks(0.3, seed: 7, queries: 50) == mask)
        #expect(masks(0.3, seed: 8, queries: 50) != mask)
        #expect(masks(0, seed: 7, queries: 50).allSatisfy { abs($0 - 1) < 1e-5 })
        // A row's mask is its own, however many rows there are: also where few queries are handled in another way.
        for queries in 1...5 { #expect(masks(0.3, seed: 7, queries: queries) == Array(mask.prefix(queries * 32))) }
    }
}
