import Tensors
import Testing

/// The conversion loops against arithmetic: every bit pattern one way, rounding decided by distance the other way.
@Suite struct CheckpointConversionTests {
    /// The value of a binary16 by its definition.
    private func value(half bits: UInt16) -> Float {
        let exponent = Int(bits >> 10 & 31)
        let fraction = Float(bits & 1023)
        let sign: Float = bits & 0x8000 == 0 ? 1 : -1
        switch exponent {
        case 0: return sign * fraction * 0x1p-24
        case 31: return fraction == 0 ? sign * .infinity : .nan
        default: return sign * (1024 + fraction) * Float(sign: .plus, exponent: exponent - 25, significand: 1)
        }
    }

    @Test func widensEveryBinary16Exactly() {
        let halves = (0...UInt16.max).map { $0 }
        var floats = [Float](repeating: 0, count: halves.count)
        FloatFormat.float16.widen(halves, count: halves.count, into: &floats)
        var wrong: [UInt16] = []
        for half in halves {
            let expected = value(half: half)
            let found = floats[Int(half)]
            let isRight = expected.isNaN ? found.isNaN : found.bitPattern == expected.bitPattern
            if !isRight { wrong.append(half) }
        }
        #expect(wrong.isEmpty, "\(wrong.prefix(5))")
    }

    @Test func narrowsEveryBinary16BackToItself() {
        let halves = (0...UInt16.max).filter { $0 & 0x7FFF <= 0x7C00 }
        let floats = halves.map(value(half:))
        #expect(FloatFormat.halves(floats) == halves)
        #expect(value(half: FloatFormat.halves([.nan])[0]).isNaN)
    }

    @Test func roundsToTheNearestBinary16AndTiesToEven() {
        var random = CheckpointRandom(state: 7)
        // The exact ties between neighbours, their next floats on both sides, and random values of all sizes.
        var floats: [Float] = []
        for half in stride(from: UInt16(0), to: 0x7BFF, by: 7) {
            let tie = (value(half: half) + value(half: half + 1)) / 2
            floats += [tie, tie.nextUp, tie.nextDown, -tie]
        }
        for _ in 0..<20_000 {
            let bits = UInt32.random(in: 0..<0x477F_E000, using: &random)
            floats += [Float(bitPattern: bits), -Float(bitPattern: bits)]
        }
        var wrong: [Float] = []
        for (float, half) in zip(floats, FloatFormat.halves(floats)) {
            let distance = abs(Double(value(half: half)) - Double(float))
            var isRight = (half >> 15 == 1) == (float.sign == .minus)
            for neighbour in [half &- 1, half &+ 1] where neighbour & 0x7FFF < 0x7C00 && neighbour >> 15 == half >> 15 {
                let other = abs(Double(value(half: neighbour)) - Double(float))
                if other < distance || (other == distance && half & 1 == 1) { isRight = false }
            }
            if !isRight { wrong.append(float) }
        }
        #expect(wrong.isEmpty, "\(wrong.prefix(5))")
    }

    @Test func widensBinary64AndBfloat16() {
        let doubles = (0..<1001).map { Double($0 - 500) / 7 }
        var floats = [Float](repeating: 0, count: doubles.count)
        FloatFormat.float64.widen(doubles, count: doubles.count, into: &floats)
        #expect(floats == doubles.map { Float($0) })
        let brains = floats.map { UInt16($0.bitPattern >> 16) }
        FloatFormat.bfloat16.widen(brains, count: brains.count, into: &floats)
        #expect(floats.map(\.bitPattern) == brains.map { UInt32($0) << 16 })
    }

    @Test func findsTheFirstBadValueAtEveryPlace() {
        for place in [0, 1, 511, 512, 513, 1535, 1999] {
            var values = [Float](repeating: -65519, count: 2000)
            #expect(FloatFormat.firstNotFinite(values, count: values.count) == nil)
            #expect(FloatFormat.firstBeyondHalf(values) == nil)
            values[place] = 65520
            #expect(FloatFormat.firstNotFinite(values, count: values.count) == nil)
            #expect(FloatFormat.firstBeyondHalf(values) == place)
            values[place] = -.infinity
            values[1999] = .nan
            #expect(FloatFormat.firstNotFinite(values, count: values.count) == place)
            #expect(FloatFormat.firstBeyondHalf(values) == nil)
            #expect(FloatFormat.firstBeyondUpperHalf(values) == nil)
            values[place] = Float(bitPattern: 0xff7f_8000)
            #expect(FloatFormat.firstBeyondUpperHalf(values) == place)
            values[place] = Float(bitPattern: 0xff7f_7fff)
            #expect(FloatFormat.firstBeyondUpperHalf(values) == nil)
        }
    }
}
