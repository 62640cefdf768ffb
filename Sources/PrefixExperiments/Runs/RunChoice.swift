import Foundation

/// Which of an experiment's runs a process does. The others belong to the experiment all the same: the report waits for them.
public struct RunChoice: Equatable, Sendable {
    /// Every n-th run, beginning with one of the first n.
    public struct Shard: Equatable, Sendable {
        /// Which, from 1 on.
        public var index: Int
        /// Of how many.
        public var count: Int

        /// A shard; nil unless 1 ≤ `index` ≤ `count`.
        public init?(_ index: Int, of count: Int) {
            guard count > 0, (1...count).contains(index) else { return nil }
            (self.index, self.count) = (index, count)
        }
    }

    /// Names of runs, ``RunPlan/identifier``, or the shell's patterns of them (`*`, `?`, `[…]`); none for all runs.
    public var names: [String] = []
    /// A part of the runs that ``names`` leaves; nil for all of them.
    public var shard: Shard?

    /// All runs.
    public init() {}

    /// The chosen runs, in their order.
    ///
    /// - Throws: ``ExperimentError/noSuchRun(pattern:known:)`` for a pattern that no run's name has.
    func runs(of all: [RunPlan]) throws -> [RunPlan] {
        func matches(_ pattern: String, _ plan: RunPlan) -> Bool { fnmatch(pattern, plan.identifier, 0) == 0 }
        if let pattern = names.first(where: { pattern in !all.contains { matches(pattern, $0) } }) {
            throw ExperimentError.noSuchRun(pattern: pattern, known: all.map(\.identifier))
        }
        let named = names.isEmpty ? all : all.filter { plan in names.contains { matches($0, plan) } }
        guard let shard else { return named }
        return named.indices.filter { $0 % shard.count == shard.index - 1 }.map { named[$0] }
    }
}
