import Foundation
import PrefixTuning
import Tensors
import Testing

@testable import PrefixExperiments

/// Means over subsets and seeds, and what their intervals promise.
@Suite("Estimates over runs") struct RunEstimateTests {
    @Test("subsets are one mean each; without them seeds are what is drawn")
    func design() throws {
        let nested = try #require(
            RunEstimate([(0, 10), (0, 14), (1, 20), (1, 20), (2, 16), (2, 22)]))
        // 12, 20, 19: mean 17, deviation 4.3589; t of two degrees of freedom is 4.303.
        #expect(nested.value == 17 && nested.runs == 6 && nested.subsets == 3)
        #expect(try abs(#require(nested.halfWidth) - 4.303 * 4.358_898_9 / 3.0.squareRoot()) < 1e-6)
        #expect(nested.design == "6 runs: 3 subsets, 2 seeds each")
        let seeds = try #require(RunEstimate([(nil, 1), (nil, 3)]))
        #expect(seeds.value == 2 && abs((seeds.halfWidth ?? 0) - 12.706) < 1e-9 && seeds.design == "2 runs")
        #expect(RunEstimate([(4, 1), (4, 3)])?.halfWidth == seeds.halfWidth)
        let single = try #require(RunEstimate([(0, 7)]))
        #expect(single.value == 7 && single.halfWidth == nil && single.design == "1 run")
        // A subset with more seeds weighs no more than the others.
        #expect(RunEstimate([(0, 10), (1, 20), (1, 20)])?.value == 15)
        #expect(RunEstimate([(0, 10), (1, 20), (1, 20)])?.design == "3 runs on 2 subsets")
        #expect(RunEstimate([(0, 1), (1, 2)])?.design == "2 runs, one on each subset")
        #expect(RunEstimate([]) == nil)
        #expect(RunEstimate.quantile(freedom: 1) == 12.706 && RunEstimate.quantile(freedom: 500) == 2.042)
    }

    /// Differences that have a part of the subset and a part of the seed, and no mean: how often the interval has 0 in it.
    @Test("the interval covers what it should where seeds of a subset are alike; taking runs for independent does not")
    func coverage() {
        var generator = SeededGenerator(seed: 20_261_130)
        var covered = 0, naive = 0
        let trials = 4000
        for _ in 0..<trials {
            var values: [(subset: Int?, value: Double)] = []
            for subset in 0..<4 {
                let common = 2 * Double(generator.normal())
                for _ in 0..<3 { values.append((subset, common + Double(generator.normal()))) }
            }
            func covers(_ estimate: RunEstimate?) -> Bool {
                estimate.map { abs($0.value) <= $0.halfWidth ?? 0 } ?? false
            }
            if covers(RunEstimate(values)) { covered += 1 }
            if covers(RunEstimate(values.map { (nil, $0.value) })) { naive += 1 }
        }
        let share = Double(covered) / Double(trials)
        // Four standard errors of 95% of 4,000.
        #expect(abs(share - 0.95) < 0.014, "\(share)")
        #expect(Double(naive) / Double(trials) < 0.85)
    }

    private static func run(_ row: String, _ score: Double, subset: Int? = nil, seed: UInt64) -> RunResult {
        RunResult(
            plan: RunPlan(
                row: row, dataSet: "e2e", method: MethodSettings(.prefix),
                subset: subset.map { .init(size: 50, index: $0, validation: 15) }, point: 50, seed: seed),
            trainableParameters: 1, storedParameters: 1, modelParameters: 1, examples: 1, batchSize: 1,
            learningRate: 1, steps: 1, testedStep: 1, tokens: 1, seconds: 1, training: [], validation: [],
            cutSources: 0, testSeconds: 1,
            tests: [
                .init(
                    split: "test", instances: 9, scores: [.init(name: "BLEU", value: score, higherIsBetter: true)])
            ])
    }

    @Test("rows are compared by runs of the same subset and seed, and by no others")
    func pairing() throws {
        func compared(_ mine: [RunResult], _ others: [RunResult]) -> Comparison {
            Comparison(mine, "prefix", against: others, "fine-tune", score: "BLEU", split: "test")
        }
        // The subsets differ by far more than the rows; the third has no partner yet.
        let levels = [40.0, 60, 90]
        let mine = (0..<3).flatMap { subset in
            (1...2).map { Self.run("prefix", levels[subset] + 3 + 0.1 * Double($0), subset: subset, seed: UInt64($0)) }
        }
        let others = (0..<2).flatMap { subset in
            (1...2).map {
                Self.run("fine-tune", levels[subset] + 0.02 * Double(subset), subset: subset, seed: UInt64($0))
            }
        }
        let found = compared(mine, others)
        #expect(try abs(#require(found.difference) - 3.14) < 1e-9)
        // 3.15 and 3.13: two subsets, one degree of freedom.
        #expect(try abs(#require(found.noise) - 12.706 * 0.02 / 2) < 1e-9)
        #expect(found.verdict(tolerance: 0) == .holds)
        #expect(
            found.evidence
                == "BLEU: prefix 53.2 ± 127.1, fine-tune 50.0 ± 127.2; difference 3.1 ± 0.1 (4 runs: 2 subsets, 2 seeds each)"
        )
        // Two seeds of one subset are alike: nothing is said of others.
        let one = compared(Array(mine.prefix(2)), Array(others.prefix(2)))
        #expect(one.evidence.hasSuffix("(2 runs)") && one.verdict(tolerance: 0) == .holds)
        // No pairs: runs that never met tell nothing of chance.
        #expect(compared(Array(mine.suffix(2)), Array(others.prefix(2))).verdict(tolerance: 0) == .tooFew)
    }
}
