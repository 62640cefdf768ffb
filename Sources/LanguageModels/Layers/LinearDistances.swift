import Foundation
import Tensors

/// ALiBi (Press et al. 2022): each score less the distance of its key, times a slope of its head.
@Compute final class LinearDistances {
    private let slopes: [Float]
    private var made: DistanceBias?

    init(heads: Int) { slopes = Self.slopes(heads: heads) }

    /// What is added to the scores of sequences of up to so many positions.
    func bias(ofPositions count: Int) -> DistanceBias {
        let needed = DistanceBias.reach(ofPositions: count)
        if let made, made.reach >= needed { return made }
        let reach = needed + needed / 2
        // No query sees what comes after it.
        let values = slopes.flatMap { slope in (-reach...reach).map { -slope * Float(max(0, $0)) } }
        let bias = DistanceBias(Tensor(values, shape: [slopes.count, 2 * reach + 1]))
        made = bias
        return bias
    }

    /// 2^(−8/n), its square, its cube, … for n heads, where n is a power of 2; else those of the power below, and between them
    /// every other one of the power above.
    nonisolated static func slopes(heads: Int) -> [Float] {
        func slopes(_ count: Int) -> [Float] {
            let base = pow(2, -8 / Double(count))
            return (1...count).map { powf(Float(base), Float($0)) }
        }
        let power = 1 << (Int.bitWidth - 1 - heads.leadingZeroBitCount)
        let between = slopes(2 * power).enumerated().filter { $0.offset.isMultiple(of: 2) }.map(\.element)
        return slopes(power) + between.prefix(heads - power)
    }
}
