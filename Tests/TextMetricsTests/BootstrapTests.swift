import Foundation
import TestSupport
import Testing

@testable import TextMetrics

/// Resampling against theory, and the statistics of metrics against the metrics.
@Suite("Bootstrap resampling") struct BootstrapTests {
    /// 0 and 1 in turn, with a share of ones.
    private func answers(_ count: Int, ones: Int) -> [Double] { (0..<count).map { $0 % 10 < ones ? 1 : 0 } }

    @Test("the interval of a mean is that of the normal approximation")
    func interval() {
        let statistics = CorpusStatistics(meanOf: answers(1000, ones: 3))
        let (low, high) = Bootstrap(samples: 4000).interval(statistics)
        let half = 1.96 * (0.3 * 0.7 / 1000).squareRoot()
        #expect(abs((high - low) / 2 / half - 1) < 0.06)
        #expect(abs((high + low) / 2 - 0.3) < 0.003)
        #expect(Bootstrap(samples: 50).interval(statistics) == Bootstrap(samples: 50).interval(statistics))
        let constant = Bootstrap().interval(CorpusStatistics(meanOf: [2, 2, 2]))
        #expect(constant.low == 2 && constant.high == 2)
    }

    @Test("the paired test: small for a clear difference, 1 for a system against itself, whatever the order")
    func paired() {
        let weak = CorpusStatistics(meanOf: answers(500, ones: 3)),
            strong = CorpusStatistics(meanOf: answers(500, ones: 5))
        let bootstrap = Bootstrap()
        #expect(bootstrap.pValue(strong, against: weak) < 0.01)
        #expect(bootstrap.pValue(weak, against: strong) == bootstrap.pValue(strong, against: weak))
        #expect(bootstrap.pValue(weak, against: weak) == 1)
        // One answer of 500 more is no difference.
        var nearly = answers(500, ones: 3)
        nearly[9] = 1
        #expect(bootstrap.pValue(CorpusStatistics(meanOf: nearly), against: weak) > 0.05)
    }

    @Test(
        "every score with statistics is the score of its statistics, and lies in its interval",
        arguments: EvaluationSuite.allCases)
    func reports(suite: EvaluationSuite) throws {
        let corpus = try MetricGoldens.read("synthetic.json", as: MetricGoldens.Corpus.self)
        let plain = try EvaluationReport.evaluate(
            predictions: corpus.predictions, references: corpus.references, suite: suite)
        #expect(plain.scores.allSatisfy { $0.interval == nil && $0.pValue == nil && $0.baseline == nil })
        let baseline = corpus.references.map { String($0[0].dropLast(9)) }
        let report = try EvaluationReport.evaluate(
            predictions: corpus.predictions, references: corpus.references, suite: suite,
            bootstrap: Bootstrap(samples: 100), baseline: baseline)
        let other = try EvaluationReport.evaluate(predictions: baseline, references: corpus.references, suite: suite)
        for (score, (before, baseline)) in zip(report.scores, zip(plain.scores, other.scores)) {
            #expect(score.name == before.name && score.value == before.value && score.baseline == baseline.value)
            if ["NIST", "distinct-1", "distinct-2"].contains(score.name) {
                #expect(score.interval == nil && score.pValue == nil)
            } else {
                let interval = try #require(score.interval), p = try #require(score.pValue)
                #expect(interval[0] < score.value && score.value < interval[1], "\(score.name)")
                #expect((1.0 / 101...1).contains(p))
            }
        }
        #expect("\(report)".contains("against") && !"\(plain)".contains("against"))
        let decoded = try JSONDecoder().decode(EvaluationReport.self, from: JSONEncoder().encode(report))
        #expect(decoded == report)
    }

    @Test("the main score's statistics by themselves are the report's", arguments: EvaluationSuite.allCases)
    func main(suite: EvaluationSuite) throws {
        let corpus = try MetricGoldens.read("synthetic.json", as: MetricGoldens.Corpus.self)
        let bootstrap = Bootstrap(samples: 50), baseline = corpus.references.map { String($0[0].dropLast(9)) }
        let report = try EvaluationReport.evaluate(
            predictions: corpus.predictions, references: corpus.references, suite: suite, bootstrap: bootstrap,
            baseline: baseline)
        func statistics(_ texts: [String]) throws -> CorpusStatistics {
            try EvaluationReport.mainStatistics(predictions: texts, references: corpus.references, suite: suite)
        }
        let found = try statistics(corpus.predictions), other = try statistics(baseline)
        let expected = try #require(report.scores.first { $0.name == suite.mainScore })
        #expect(abs(found.score - expected.value) < 1e-9)
        #expect(bootstrap.pValue(found, against: other) == expected.pValue)
    }

    @Test("several runs of two systems: the mean difference, on the same instances for all")
    func runs() {
        // Two runs, each of which is right where the other is wrong: together they do not depend on the instances at all.
        let even = CorpusStatistics(meanOf: (0..<200).map { $0 % 2 == 0 ? 1 : 0 })
        let odd = CorpusStatistics(meanOf: (0..<200).map { $0 % 2 == 0 ? 0 : 1 })
        let none = CorpusStatistics(meanOf: [Double](repeating: 0, count: 200))
        let bootstrap = Bootstrap(samples: 500)
        let both = bootstrap.comparison([(even, none), (odd, none)])
        #expect(abs(both.difference - 0.5) < 1e-12 && both.interval.allSatisfy { abs($0 - 0.5) < 1e-12 })
        let one = bootstrap.comparison([(even, none)])
        #expect(one.difference == 0.5 && one.interval[0] < 0.45 && one.interval[1] > 0.55)
        #expect(one.pValue < 0.01 && bootstrap.comparison([(even, odd), (odd, even)]).pValue == 1)
        #expect(bootstrap.comparison([(none, even)]).interval.map { -$0 }.reversed() == one.interval)
    }

    @Test("intervals of BLEU, chrF and TER are as wide as sacrebleu's")
    func widths() throws {
        struct Golden: Decodable { var halfWidths: [String: Double] }
        let golden = try JSONDecoder().decode(
            Golden.self, from: Data(contentsOf: Fixtures.goldens.appendingPathComponent("sacrebleu/synthetic.json")))
        let corpus = try MetricGoldens.read("synthetic.json", as: MetricGoldens.Corpus.self)
        let (predictions, references) = (corpus.predictions, corpus.references)
        for (name, statistics) in [
            ("bleu", try SacreBLEU().statistics(predictions: predictions, references: references)),
            ("chrf", try ChrF().statistics(predictions: predictions, references: references)),
            ("ter", try TER().statistics(predictions: predictions, references: references)),
        ] {
            let (low, high) = Bootstrap(samples: 1000).interval(statistics)
            let expected = try #require(golden.halfWidths[name])
            // Both are random: with 1,000 samples an end of the interval is known to about 4% of its width.
            #expect(abs((high - low) / 2 / expected - 1) < 0.12, "\(name): \((high - low) / 2), sacrebleu \(expected)")
        }
    }
}
