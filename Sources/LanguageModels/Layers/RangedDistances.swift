import Foundation
import Tensors

/// T5's trained term of the scores (Raffel et al. 2020, section 2.1): a value for each head and range of distances, near
/// distances one by one, far ones in ranges of growing width.
@Compute final class RangedDistances {
    private let table: Tensor  // [ranges × heads]
    private let farthest: Int
    private let isCausal: Bool
    /// The last one, where nothing is trained in it.
    private var made: DistanceBias?

    /// Takes `name.weight` [ranges × heads].
    init(_ weights: WeightLoader, name: String, heads: Int, ranges: Int, farthest: Int, isCausal: Bool) throws {
        table = try weights.tensor("\(name).weight", shape: [ranges, heads])
        self.farthest = farthest
        self.isCausal = isCausal
    }

    /// What is added to the scores of sequences of up to so many positions.
    func bias(ofPositions count: Int) -> DistanceBias {
        let needed = DistanceBias.reach(ofPositions: count)
        if let made, made.reach >= needed { return made }
        // Some more, so that not every generated token makes it anew.
        let reach = table.gradient == nil ? needed + needed / 2 : needed
        let ranges = (-reach...reach).map {
            Int32(Self.range(ofDistance: $0, ranges: table.rows, farthest: farthest, isCausal: isCausal))
        }
        let bias = DistanceBias(table: table, ranges: ranges)
        if table.gradient == nil { made = bias }
        return bias
    }

    /// The range of a key that lies so many positions before its query; in an encoder, the second half of the ranges is of keys
    /// behind it.
    nonisolated static func range(ofDistance distance: Int, ranges: Int, farthest: Int, isCausal: Bool) -> Int {
        let count = isCausal ? ranges : ranges / 2, near = count / 2
        let first = !isCausal && distance < 0 ? count : 0
        let apart = isCausal ? max(distance, 0) : abs(distance)
        if apart < near { return first + apart }
        // In single precision, as the models were trained.
        let share = logf(Float(apart) / Float(near)) / Float(log(Double(farthest) / Double(near)))
        return first + min(count - 1, near + Int(share * Float(count - near)))
    }
}
