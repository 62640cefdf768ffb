import Foundation
import Tensors

/// What ranks exchange in a training step, by itself: from the same code as in ``Trainer/step()``, but of made-up gradients.
///
/// A step has one pass for each rank here. All ranks have to do the same, in the same order.
@Compute public struct RankExchange {
    /// What was measured of one way to add.
    public struct Result: Sendable, Equatable {
        /// How gradients were added.
        public let sums: TrainingSettings.GradientSums
        /// Bytes that this rank gives to each all-reduce of a step, in their order; as many come back.
        public let parts: [Int]
        /// Seconds of each step: of the rank that took longest, and with what each computes for it, such as the way from
        /// floats to integers and back.
        public let seconds: [Double]

        /// The middle one of the seconds.
        public var median: Double { RankExchange.median(seconds) }
        /// What this rank gives in a step, and gets back.
        public var bytes: Int { parts.reduce(0, +) }
        /// What it has to send on the way, and to receive, at least; in bytes.
        public func wireBytes(ranks: Int) -> Double { AllReduceModel.wireBytes(bytes, ranks: ranks) }
        /// What the step takes on paper, in seconds, computing left out.
        public func seconds(by model: AllReduceModel, ranks: Int) -> Double {
            parts.reduce(0) { $0 + model.seconds(bytes: $1, ranks: ranks) }
        }
    }

    /// How many numbers each leaf of the passes has.
    public let counts: [Int]
    private let rounds: Int
    private let ranks: any RankGroup
    private nonisolated static let warmup = 2

    /// Prepares it, for leaves of some sizes.
    ///
    /// - Parameters:
    ///   - counts: Of the numbers of each leaf.
    ///   - rounds: Steps that are timed, at least 1, after two that are not.
    ///   - ranks: This process among all.
    /// - Throws: ``RankError`` where other ranks have other sizes or rounds.
    public init(of counts: [Int], rounds: Int, on ranks: any RankGroup) throws {
        precondition(rounds > 0, "nothing to time")
        (self.counts, self.rounds, self.ranks) = (counts, rounds, ranks)
        try RankFacts.compare(
            [("the number of values", "\(counts)"), ("the number of rounds", "\(rounds)")],
            host: ProcessInfo.processInfo.hostName, on: ranks)
    }

    /// How many numbers the leaves of a method's passes have.
    public static func counts(of method: any TuningMethod) -> [Int] {
        _ = method.beginStep(dropoutSeed: 0)
        defer { method.endStep() }
        return method.passLeaves.map(\.count)
    }

    /// Seconds of the smallest all-reduce, of one number; the middle one of as many as there are rounds.
    ///
    /// - Throws: ``RankError``.
    public func smallest() throws -> Double {
        let all = try (0..<Self.warmup + rounds).map { _ in
            try timed { _ = try ranks.maximum([0]) }
        }
        return Self.median(all.dropFirst(Self.warmup))
    }

    /// Exchanges some steps' losses and gradients.
    ///
    /// - Throws: ``RankError``.
    public func measure(_ sums: TrainingSettings.GradientSums) throws -> Result {
        let tape = Tape(), meter = RankMeter(ranks, logs: true)
        let leaves = counts.map { Tensor(Array(repeating: 0, count: $0), shape: [$0]).leaf(on: tape) }
        var generator = SeededGenerator(seed: UInt64(ranks.index) + 1)
        let gradients = counts.map { count in (0..<count).map { _ in Float(generator.normal()) } }
        var seconds: [Double] = [], parts: [Int] = []
        for _ in 0..<Self.warmup + rounds {
            // Fresh each time: sums of floats are added in place.
            for (leaf, values) in zip(leaves, gradients) { leaf.gradient?.add(Tensor(values, shape: leaf.shape)) }
            var step = PassGradients(of: leaves, passes: ranks.count, isExact: sums == .exact, ranks: meter)
            var losses = PassLosses(passes: ranks.count)
            step.takePass()
            losses.note(pass: ranks.index, loss: 1, perTarget: [1])
            seconds.append(
                try timed {
                    meter.forget()
                    try losses.gather(from: meter)
                    try step.finish()
                    parts = meter.parts
                })
            for leaf in leaves { leaf.gradient?.clear() }
        }
        return Result(sums: sums, parts: parts, seconds: Array(seconds.dropFirst(Self.warmup)))
    }

    /// Seconds of the slowest rank, from when all are there.
    private func timed(_ body: () throws -> Void) throws -> Double {
        _ = try ranks.maximum([0])
        let start = ContinuousClock.now
        try body()
        return try ranks.maximum([start.duration(to: .now).seconds])[0]
    }

    nonisolated static func median(_ values: some Collection<Double>) -> Double {
        let sorted = values.sorted(), half = sorted.count / 2
        return sorted.count % 2 == 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2
    }
}
