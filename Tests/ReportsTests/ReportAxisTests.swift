import Testing

@testable import Reports

@Suite struct ReportAxisTests {
    static func labels(_ range: ClosedRange<Double>, count: Int = 5, widened: Bool = true) -> [String] {
        ReportAxis(linear: range, count: count, widened: widened).ticks.map(\.label)
    }

    @Test func marksAreRound() {
        #expect(Self.labels(0...1) == ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"])
        #expect(Self.labels(0.31...4.83) == ["0", "1", "2", "3", "4", "5"])
        #expect(Self.labels(-7...7) == ["−10", "−5", "0", "5", "10"])
        #expect(Self.labels(1...1500, widened: false) == ["500", "1,000", "1,500"])
        #expect(Self.labels(0.1...0.3) == ["0.10", "0.15", "0.20", "0.25", "0.30"])
        #expect(Self.labels(0...3e8) == ["0", "10⁸", "2×10⁸", "3×10⁸"])
        #expect(Self.labels(0...2e-6) == ["0", "5×10⁻⁷", "10⁻⁶", "1.5×10⁻⁶", "2×10⁻⁶"])
    }

    @Test func oneValueGetsRoomAroundIt() {
        let axis = ReportAxis(linear: 5...5, count: 5, widened: true)
        #expect(axis.range.contains(4.8) && axis.range.contains(5.2))
        #expect(abs(axis.position(5) - 0.5) < 0.2)
        #expect(ReportAxis(linear: 0...0, count: 5, widened: true).range == -1...1)
        let logarithmic = ReportAxis(logarithmic: 5...5, count: 5)
        #expect(logarithmic.range.lowerBound < 5 && logarithmic.range.upperBound > 5)
    }

    @Test func logarithmicMarksFollowTheSpan() {
        func labels(_ range: ClosedRange<Double>) -> [String] {
            ReportAxis(logarithmic: range, count: 6).ticks.map(\.label)
        }
        #expect(labels(0.001...10) == ["0.001", "0.01", "0.1", "1", "10"])
        #expect(labels(0.4...5) == ["0.5", "1", "2", "5"])
        #expect(labels(2.1...2.4) == ["2.1", "2.2", "2.3", "2.4"])
        #expect(labels(1e-100...1e100).count < 15)
    }

    @Test func equalRatiosHaveEqualDistances() {
        let axis = ReportAxis(logarithmic: 0.01...100, count: 5)
        #expect(abs(axis.position(1) - 0.5) < 1e-12)
        #expect(abs((axis.position(10) - axis.position(1)) - (axis.position(1) - axis.position(0.1))) < 1e-12)
    }

    /// Ranges of every size, sign and proportion: marks in the range, ascending, evenly spaced, few, told apart.
    @Test func marksHoldForAnyRange() {
        var generator = Xorshift(state: 2021)
        for _ in 0..<5000 {
            let exponent = Double.random(in: -140...140, using: &generator)
            let size =
                Double.random(in: 0...1, using: &generator) < 0.5
                ? exponent : Double.random(in: -6...6, using: &generator)
            let start = Double.random(in: -10...10, using: &generator) * exp10(size)
            let end =
                start + Double.random(in: 0...10, using: &generator)
                * exp10(size - Double.random(in: 0...8, using: &generator))
            for widened in [true, false] {
                let axis = ReportAxis(linear: start...end, count: 6, widened: widened)
                let values = axis.ticks.map(\.value)
                #expect(axis.range.lowerBound <= start && axis.range.upperBound >= end)
                #expect((1...15).contains(values.count), "\(start)...\(end)")
                #expect(zip(values, values.dropFirst()).allSatisfy { $0 < $1 })
                let slack = 1e-9 * (axis.range.upperBound - axis.range.lowerBound)
                #expect(
                    values.allSatisfy { axis.range.lowerBound - slack <= $0 && $0 <= axis.range.upperBound + slack })
            }
        }
    }

    @Test func marksOfOrdinaryRangesHaveDifferentLabels() {
        for low in stride(from: -20.0, through: 20, by: 0.7) {
            for span in [0.003, 0.05, 0.4, 1, 7, 30, 900, 45_000] {
                let labels = Self.labels(low...low + span)
                #expect(Set(labels).count == labels.count, "\(low) \(span) \(labels)")
            }
        }
    }

    private func exp10(_ exponent: Double) -> Double {
        var value = 1.0
        for _ in 0..<Int(abs(exponent)) { value *= exponent < 0 ? 0.1 : 10 }
        return value
    }
}

/// A repeatable source of randomness (Marsaglia's xorshift).
private struct Xorshift: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return state
    }
}
