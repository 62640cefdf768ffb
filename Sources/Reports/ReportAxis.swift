import Foundation

/// One axis of a chart: the range it covers, its round marks, and where values lie along it.
struct ReportAxis: Equatable {
    /// A labelled place.
    struct Tick: Equatable {
        /// The value marked.
        var value: Double
        /// How it is written.
        var label: String
    }

    /// Values at the two ends; the lower one is less.
    let range: ClosedRange<Double>
    /// Marks in the range, ascending.
    let ticks: [Tick]
    private let isLogarithmic: Bool

    /// An axis with equal distances for equal differences.
    ///
    /// - Parameters:
    ///   - values: the smallest and the largest value to be shown.
    ///   - count: about how many marks there is room for.
    ///   - widened: whether the range extends to the next marks beyond the values.
    ///   - whole: whether only whole numbers are marked: layers, steps.
    init(linear values: ClosedRange<Double>, count: Int, widened: Bool, whole: Bool = false) {
        let extent = Self.opened(values)
        let fine = Self.roundStep((extent.upperBound - extent.lowerBound) / Double(max(1, count)))
        let step = whole ? max(1, fine) : fine
        let low = extent.lowerBound / step
        let high = extent.upperBound / step
        // A bound within a billionth of a step of a mark is that mark.
        let first = widened ? (low + 1e-9).rounded(.down) : (low - 1e-9).rounded(.up)
        let last = widened ? (high - 1e-9).rounded(.up) : (high + 1e-9).rounded(.down)
        range =
            widened ? min(first * step, extent.lowerBound)...max(last * step, extent.upperBound) : extent
        ticks = stride(from: first, through: last, by: 1).map { index in
            Tick(value: index * step, label: ReportNumber.tick(index * step, step: step))
        }
        isLogarithmic = false
    }

    /// An axis with equal distances for equal ratios: marks at powers of ten where the values span several, else also at
    /// their multiples by 2 and 5, else at round values as on a linear axis.
    ///
    /// - Parameter values: the smallest and the largest value to be shown, both positive.
    init(logarithmic values: ClosedRange<Double>, count: Int) {
        // A little room, so that lines keep clear of the frame.
        let room = max(1.02, pow(values.upperBound / values.lowerBound, 0.04))
        let extent = values.lowerBound / room...values.upperBound * room
        let low = Int(floor(log10(extent.lowerBound))) - 1
        let high = Int(ceil(log10(extent.upperBound))) + 1
        let spacing = max(1, (high - low) / max(1, count))
        var marks: [Tick] = []
        for multiples in [[1.0], [1, 2, 5], [1, 2, 3, 4, 5, 6, 8]] {
            marks = Self.marks(multiples: multiples, exponents: low...high, spacing: spacing)
                .filter { extent.contains($0.value) }
            if marks.count >= 4 { break }
        }
        if marks.count < 4 {
            marks = ReportAxis(linear: extent, count: count, widened: false).ticks.filter { $0.value > 0 }
        }
        range = extent
        ticks = marks
        isLogarithmic = true
    }

    /// Where a value lies: 0 at the lower end, 1 at the upper one.
    func position(_ value: Double) -> Double {
        let low = range.lowerBound
        let high = range.upperBound
        let place = isLogarithmic ? log(value / low) / log(high / low) : (value - low) / (high - low)
        return min(1, max(0, place))
    }

    /// The least of 1, 2 and 5 times a power of ten that is not below a value.
    static func roundStep(_ rough: Double) -> Double {
        let power = pow(10, floor(log10(rough)))
        let multiple = [1, 2, 5].first { $0 * power >= rough * (1 - 1e-9) } ?? 10
        return multiple * power
    }

    private static func marks(multiples: [Double], exponents: ClosedRange<Int>, spacing: Int) -> [Tick] {
        exponents.filter { $0.isMultiple(of: spacing) }.flatMap { exponent in
            multiples.map { multiple in
                let value = multiple * pow(10, Double(exponent))
                return Tick(value: value, label: ReportNumber.short(value))
            }
        }
    }

    /// The range itself, or some room around it where it is a single value.
    private static func opened(_ values: ClosedRange<Double>) -> ClosedRange<Double> {
        let size = max(abs(values.lowerBound), abs(values.upperBound))
        guard values.upperBound - values.lowerBound <= max(size * 1e-9, 1e-150) else { return values }
        let room = size > 1e-150 ? size * 0.05 : 1
        return values.lowerBound - room...values.upperBound + room
    }
}
