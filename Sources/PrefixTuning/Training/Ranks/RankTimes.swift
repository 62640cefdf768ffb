import Foundation
import Tensors

/// Where the time of several ranks goes, over some steps.
public struct RankTimes: Sendable, Equatable {
    /// Of one rank.
    public struct Rank: Codable, Sendable, Equatable {
        /// Seconds of its passes through the model.
        public var pass_seconds = 0.0
        /// Seconds of what every rank does for itself: the way back through an MLP, the optimiser. That of the last step, which
        /// comes after the report, is the next report's.
        public var own_seconds = 0.0
        /// Seconds that it waited for others to finish their passes.
        public var wait_seconds = 0.0
        /// Seconds that the exchange of gradients took.
        public var exchange_seconds = 0.0
        /// What its passes cost, in tokens.
        public var work = 0.0

        var values: [Double] { [pass_seconds, own_seconds, wait_seconds, exchange_seconds, work] }

        init() {}

        init(_ values: ArraySlice<Double>) {
            let values = Array(values)
            (pass_seconds, own_seconds, wait_seconds) = (values[0], values[1], values[2])
            (exchange_seconds, work) = (values[3], values[4])
        }
    }

    /// How many steps pass between two reports.
    static let interval = 100

    /// The last of the steps.
    public let step: Int
    /// By rank.
    public let ranks: [Rank]
    /// What their machines are called.
    public let hosts: [String]

    /// Makes the times of all ranks known to each.
    ///
    /// - Throws: ``RankError``.
    @Compute init(_ own: Rank, upTo step: Int, from group: any RankGroup) throws {
        let width = own.values.count
        var rows = [Double](repeating: 0, count: group.count * width)
        rows.replaceSubrange(group.index * width..<(group.index + 1) * width, with: own.values)
        try group.gather(&rows)
        self.step = step
        ranks = stride(from: 0, to: rows.count, by: width).map { Rank(rows[$0..<$0 + width]) }
        hosts = try RankFacts.texts([ProcessInfo.processInfo.hostName], on: group).map { $0[0] }
    }

    init(step: Int, ranks: [Rank], hosts: [String]) { (self.step, self.ranks, self.hosts) = (step, ranks, hosts) }

    /// The rank that is slowest at the same work, where it takes more than half as much time again as the median.
    public var straggler: (rank: Int, host: String, ratio: Double)? {
        let paces = ranks.map { $0.work > 0 ? $0.pass_seconds / $0.work : 0 }, known = paces.filter { $0 > 0 }.sorted()
        guard known.count > 1, let slowest = paces.indices.max(by: { paces[$0] < paces[$1] }) else { return nil }
        // Of two the faster one is the measure.
        let ratio = paces[slowest] / known[(known.count - 1) / 2]
        return ratio > 1.5 ? (slowest, hosts[slowest], ratio) : nil
    }
}

/// A line of `ranks.jsonl`.
struct RankLine: Codable {
    var step, rank: Int
    var compute_seconds, wait_seconds, exchange_seconds: Double
    /// Of the work of all passes, the part that the rank has done.
    var share: Double

    static func lines(_ times: RankTimes) -> [RankLine] {
        let all = times.ranks.reduce(0) { $0 + $1.work }
        return times.ranks.enumerated().map { rank, own in
            RankLine(
                step: times.step, rank: rank, compute_seconds: own.pass_seconds + own.own_seconds,
                wait_seconds: own.wait_seconds, exchange_seconds: own.exchange_seconds,
                share: all > 0 ? own.work / all : 0)
        }
    }
}
