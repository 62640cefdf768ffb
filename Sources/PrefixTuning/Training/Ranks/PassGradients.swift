import Tensors

/// The gradients that the passes of a step leave at their leaves, summed over all passes and ranks.
///
/// Floats added one after the other come to other last bits in another order. So that a training has the same bits on any
/// number of ranks, each pass's gradient is kept, and all are added as integers (``FixedPointSum``), by one process as by
/// many. A step of one pass has nothing to add, and is not rounded.
@Compute struct PassGradients {
    private let leaves: [Tensor]
    private let passes: Int
    private let ranks: any RankGroup
    private let isExact: Bool
    /// Of each leaf, the gradients of this rank's passes.
    private var parts: [[Tensor]]

    /// - Parameters:
    ///   - leaves: Of the method, begun for the step.
    ///   - passes: How many the step has, over all ranks.
    ///   - isExact: Whether sums are to be the same in any order; else each rank adds its own as they come.
    init(of leaves: [Tensor], passes: Int, isExact: Bool, ranks: any RankGroup) {
        (self.leaves, self.passes, self.ranks, self.isExact) = (leaves, passes, ranks, isExact)
        parts = leaves.map { _ in [] }
    }

    /// Whether gradients may stay where the passes leave them.
    private var staysInPlace: Bool { ranks.isAlone && (passes == 1 || !isExact) }

    /// Takes what a pass has left.
    mutating func takePass() {
        guard !staysInPlace, isExact else { return }
        for (index, leaf) in leaves.enumerated() {
            if let gradient = leaf.gradient?.take() { parts[index].append(gradient) }
        }
    }

    /// Gives the leaves the sums.
    ///
    /// - Throws: ``RankError``.
    func finish() throws {
        if staysInPlace {
            // A product that is not multiplied out has a norm with other last bits than the same gradient from elsewhere.
            if isExact { for leaf in leaves { _ = leaf.gradient?.value } }
            return
        }
        if isExact { try addExactly() } else { try addFloats() }
    }

    private func addExactly() throws {
        // -1 where no pass has reached a leaf.
        let greatest = try ranks.maximum(parts.map { $0.map(\.greatestMagnitude).max() ?? -1 })
        let reached = leaves.indices.filter { greatest[$0] >= 0 && greatest[$0].isFinite }
        let sum = FixedPointSum(count: reached.reduce(0) { $0 + leaves[$1].count })
        let isSole = passes == 1
        func exponent(_ leaf: Int) -> Int { FixedPointSum.exponent(greatest: greatest[leaf], addends: passes) }
        var offset = 0
        for leaf in reached {
            for part in parts[leaf] {
                if isSole {
                    sum.put(bitsOf: part, at: offset)
                } else {
                    sum.add(part, exponent: exponent(leaf), at: offset)
                }
            }
            offset += leaves[leaf].count
        }
        try sum.withSums { try ranks.sum($0) }
        offset = 0
        for leaf in reached {
            let shape = leaves[leaf].shape
            leaves[leaf].gradient?.add(
                isSole
                    ? sum.tensor(ofBits: shape, at: offset)
                    : sum.tensor(shape: shape, exponent: exponent(leaf), at: offset))
            offset += leaves[leaf].count
        }
        // What is not finite on one rank ends the step on all of them.
        for leaf in leaves.indices where !greatest[leaf].isFinite {
            leaves[leaf].gradient?.add(
                Tensor(Array(repeating: .nan, count: leaves[leaf].count), shape: leaves[leaf].shape))
        }
    }

    private func addFloats() throws {
        // A leaf that no pass of this rank has reached may have been reached elsewhere.
        let reached = try ranks.maximum(leaves.map { $0.gradient?.content == nil ? 0 : 1 })
        for (leaf, isReached) in zip(leaves, reached) where isReached > 0 {
            let gradient =
                leaf.gradient?.take() ?? Tensor(Array(repeating: 0, count: leaf.count), shape: leaf.shape)
            try gradient.withMutableValues { try ranks.sum($0) }
            leaf.gradient?.add(gradient)
        }
    }
}
