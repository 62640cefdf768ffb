import Testing

@testable import Tensors

@Compute @Suite struct FixedPointSumTests {
    /// Sums in double precision of values that are far apart.
    @Test(arguments: [1, 2, 7, 64])
    func isTheSumInAnyOrder(addends: Int) {
        var random = SeededGenerator(UInt64(addends))
        let count = 1003
        let parts = (0..<addends).map { index in
            Tensor(
                random.values(count).map { $0 * Float(sign: .plus, exponent: index % 9 - 4, significand: 1) },
                shape: [count])
        }
        let greatest = parts.map(\.greatestMagnitude).max() ?? 0
        let exponent = FixedPointSum.exponent(greatest: greatest, addends: addends)
        @Compute func bits(_ order: [Tensor]) -> [UInt32] {
            let sum = FixedPointSum(count: count + 5)
            for part in order { sum.add(part, exponent: exponent, at: 5) }
            return sum.tensor(shape: [count], exponent: exponent, at: 5).values.map(\.bitPattern)
        }
        let found = bits(parts)
        #expect(bits(parts.reversed()) == found)
        for index in 0..<count {
            let exact = parts.reduce(0.0) { $0 + Double($1.values[index]) }
            let difference = abs(Double(Float(bitPattern: found[index])) - exact)
            #expect(difference <= abs(exact) * 0x1p-24 + greatest * 0x1p-50, "\(index)")
        }
    }

    @Test func usesTheWholeRange() {
        for greatest in [
            Double(Float.leastNonzeroMagnitude), 1e-30, 0.9999999, 1, 1.5, Double(Float.greatestFiniteMagnitude),
        ] {
            for addends in [1, 2, 3, 4, 5, 255, 256, 257] {
                let exponent = FixedPointSum.exponent(greatest: greatest, addends: addends)
                let largest = Double(sign: .plus, exponent: exponent, significand: greatest) * Double(addends)
                #expect(largest <= 0x1p62 && largest > 0x1p59 * 0.99, "\(greatest) × \(addends)")
                let sum = FixedPointSum(count: 1), part = Tensor([Float(greatest)], shape: [1])
                for _ in 0..<addends { sum.add(part, exponent: exponent, at: 0) }
                let expected = Float(Double(Float(greatest)) * Double(addends))
                #expect(
                    sum.tensor(shape: [1], exponent: exponent, at: 0).values == [expected], "\(greatest) × \(addends)")
            }
        }
        #expect(FixedPointSum.exponent(greatest: 0, addends: 3) == 0)
    }

    @Test func keepsBits() {
        let values: [Float] = [
            0, -0.0, .leastNonzeroMagnitude, -.greatestFiniteMagnitude, 1.1, -.leastNormalMagnitude / 3,
        ]
        let sum = FixedPointSum(count: 8)
        sum.put(bitsOf: Tensor(values, shape: [6]), at: 1)
        #expect(sum.tensor(ofBits: [6], at: 1).values.map(\.bitPattern) == values.map(\.bitPattern))
    }

    @Test func greatestMagnitudes() {
        #expect(Tensor([1, -3, 2], shape: [3]).greatestMagnitude == 3)
        #expect(Tensor([0, -0.0], shape: [2]).greatestMagnitude == 0)
        #expect(Tensor([1, .nan, 2], shape: [3]).greatestMagnitude == .infinity)
        #expect(Tensor([1, -.infinity, 2], shape: [3]).greatestMagnitude == .infinity)
    }
}
