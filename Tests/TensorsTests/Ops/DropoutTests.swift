import Testing

@testable import Tensors

@Compute @Suite struct DropoutTests {
    private func mask(_ probability: Float, seed: UInt64, count: Int) -> [Float] {
        Tensor([Float](repeating: 1, count: count), shape: [count]).droppingOut(probability, seed: seed).values
    }

    @Test(arguments: [Float(0.1), 0.5, 0.9], [UInt64(0), 1, 12345])
    func dropsTheGivenShare(probability: Float, seed: UInt64) {
        let count = 200_000, mask = mask(probability, seed: seed, count: count)
        #expect(mask.allSatisfy { $0 == 0 || $0 == 1 / (1 - probability) })
        let p = Double(probability), deviation = (p * (1 - p) / Double(count)).squareRoot()
        #expect(abs(Double(mask.count { $0 == 0 }) / Double(count) - p) < 5 * deviation)
        // Neighbours are independent: both dropped with probability p².
        let both = zip(mask, mask.dropFirst()).count { $0 == 0 && $1 == 0 }
        #expect(abs(Double(both) / Double(count) - p * p) < 5 * 2 * deviation)
    }

    @Test func masksOfDifferentSeedsAreIndependent() {
        let count = 200_000, one = mask(0.5, seed: 1, count: count)
        for seed: UInt64 in [0, 2, 3, 1 << 32] {
            let both = zip(one, mask(0.5, seed: seed, count: count)).count { $0 == 0 && $1 == 0 }
            #expect(abs(Double(both) / Double(count) - 0.25) < 5 * (0.25 * 0.75 / Double(count)).squareRoot())
        }
    }

    @Test func aSeedNamesItsMask() {
        #expect(mask(0.3, seed: 7, count: 20_000) == mask(0.3, seed: 7, count: 20_000))
        // Element i depends on the seed and on i only: a longer mask continues a shorter one.
        #expect(mask(0.3, seed: 7, count: 100) == Array(mask(0.3, seed: 7, count: 20_000).prefix(100)))
        #expect(mask(0.3, seed: 7, count: 100) != mask(0.3, seed: 8, count: 100))
    }

    @Test(arguments: [[1, 5], [17, 33], [650, 100]])
    func multipliesByTheMaskBothWays(shape: [Int]) {
        let count = shape.reduce(1, *)
        var random = SeededGenerator(11)
        let x = random.values(count), c = random.values(count), mask = mask(0.25, seed: 99, count: count)
        let tape = Tape(), xs = Tensor(x, shape: shape, tape: tape)
        let y = xs.droppingOut(0.25, seed: 99)
        #expect(y.shape == shape)
        #expect(y.values == zip(x, mask).map(*))
        y.backward(c)
        #expect(xs.gradient?.value?.values == zip(c, mask).map(*))
    }

    @Test func probabilityZeroIsTheTensorItself() {
        let x = Tensor([1, 2], shape: [2], tape: Tape())
        #expect(x.droppingOut(0, seed: 1) === x)
    }
}
