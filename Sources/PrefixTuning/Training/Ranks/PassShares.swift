/// Who computes which pass of a step.
///
/// Passes are cut from the batch of all ranks, so they do not depend on how many ranks there are; nor does the result on
/// who computes them. The longest goes first, to the rank that has the least to do (Graham 1969).
enum PassShares {
    /// The rank of each pass.
    ///
    /// - Parameters:
    ///   - costs: Of the passes, in any unit.
    ///   - ranks: How many there are.
    static func owners(of costs: [Double], ranks: Int) -> [Int] {
        guard ranks > 1 else { return costs.map { _ in 0 } }
        var owners = costs.map { _ in 0 }, loads = Array(repeating: 0.0, count: ranks)
        for index in costs.indices.sorted(by: { (costs[$0], $1) > (costs[$1], $0) }) {
            let least = loads.indices.min { (loads[$0], $0) < (loads[$1], $1) } ?? 0
            owners[index] = least
            loads[least] += costs[index]
        }
        return owners
    }

    /// The share of the ranks' time that is used, where passes cost alike.
    static func use(passes: Int, ranks: Int) -> Double {
        guard passes > 0, ranks > 0 else { return 0 }
        return Double(passes) / Double((passes + ranks - 1) / ranks * ranks)
    }
}

extension Trainer {
    /// About how many passes a step has.
    public var usualPasses: Int {
        let mean = Double(lengths.reduce(0, +)) / Double(max(1, exampleCount))
        return max(
            1, Int((mean * Double(min(settings.batchSize, exampleCount)) / Double(settings.tokensPerPass)).rounded(.up))
        )
    }

    /// About what share of all ranks' time passes take.
    public var useOfRanks: Double { PassShares.use(passes: usualPasses, ranks: ranks.count) }
}
