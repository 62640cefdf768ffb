import Foundation
import LanguageModels
import PrefixTuning
import Tensors
import TextMetrics

/// What came of an experiment: `results.json`. With `experiment.json` it is all that the report shows, so that a report can
/// be made anew without the model and the data.
struct ExperimentRecord: Codable, Sendable {
    /// By what and on what an experiment was run last.
    struct Origin: Codable, Equatable, Sendable {
        /// The command line.
        var command: String?
        var version: String?
        var processor: String?
        var threads: Int?
        /// The day, as in 2026-11-30.
        var date: String?
    }

    /// What is to be known of a data set without its files.
    struct DataSet: Codable, Equatable, Sendable {
        var name: String
        var title: String
        var suite: EvaluationSuite
    }

    /// A source with what the first run of each row wrote about it.
    struct Sample: Codable, Equatable, Sendable {
        struct Output: Codable, Equatable, Sendable {
            var row: String
            var text: String
        }

        var dataSet: String
        var split: String
        var prompt: String
        var references: [String]
        var outputs: [Output]

        private enum CodingKeys: String, CodingKey {
            case dataSet = "data_set", split, prompt, references, outputs
        }
    }

    /// Two rows compared on the same resampled test sources.
    struct Pair: Codable, Equatable, Sendable {
        var dataSet: String
        var split: String
        var row: String
        var other: String
        /// What varies within the rows, where something does.
        var point: Double?
        var score: String
        /// The row's score less the other's: the mean over runs of the same subset and seed.
        var difference: Double
        /// 95% interval of the difference over test sources.
        var interval: [Double]?
        /// How many runs of each; nil for one, in older files.
        var runs: Int?
        /// The probability of a difference as great if both were equal.
        var probability: Double

        private enum CodingKeys: String, CodingKey {
            case dataSet = "data_set", split, row, other, point, score, difference, interval, runs, probability
        }
    }

    var origin: Origin
    /// Number of runs in all.
    var planned: Int
    var data: [DataSet]
    var runs: [RunResult]
    var samples: [Sample] = []
    var pairs: [Pair] = []
}

extension ExperimentRecord {
    /// A record of what is done.
    ///
    /// - Parameter texts: The texts of a run.
    init(
        origin: Origin, planned: Int, data: [ExperimentDataSet], runs: [RunResult], settings: ExperimentSettings,
        texts: (RunPlan) throws -> [String]
    ) throws {
        self.init(
            origin: origin, planned: planned,
            data: data.map { DataSet(name: $0.name, title: $0.title, suite: $0.task.suite) }, runs: runs)
        samples = try data.flatMap { try Self.samples(of: $0, runs, texts) }
        guard settings.bootstrap > 0 else { return }
        pairs = try data.flatMap { try Self.pairs(of: $0, runs, Bootstrap(samples: settings.bootstrap), texts) }
    }

    /// A source of each part of a data set with what the first runs of up to six rows wrote.
    private static func samples(
        of data: ExperimentDataSet, _ runs: [RunResult], _ texts: (RunPlan) throws -> [String]
    ) throws -> [Sample] {
        var outputs: [(row: String, texts: [String])] = []
        for run in runs where run.plan.dataSet == data.name && !run.tests.isEmpty {
            guard outputs.count < 6, !outputs.contains(where: { $0.row == run.plan.row }) else { continue }
            outputs.append((run.plan.row, try texts(run.plan)))
        }
        guard !outputs.isEmpty else { return [] }
        return data.splits.filter { $0.name != "all" }.compactMap { split in
            guard let index = split.indices.dropFirst(split.indices.count / 3).first else { return nil }
            let example = data.test[index]
            return Sample(
                dataSet: data.name, split: split.name,
                prompt: example.prompt.trimmingCharacters(in: .whitespacesAndNewlines),
                references: Array(example.references.prefix(3)),
                outputs: outputs.map { row, texts in
                    .init(row: row, text: index < texts.count ? texts[index] : "")
                })
        }
    }

    /// The prefix against each other row, at each value of what varies: all runs that both have of a subset and seed.
    private static func pairs(
        of data: ExperimentDataSet, _ runs: [RunResult], _ bootstrap: Bootstrap, _ texts: (RunPlan) throws -> [String]
    ) throws -> [Pair] {
        let runs = runs.filter { $0.plan.dataSet == data.name && $0.failure == nil && !$0.tests.isEmpty }
        guard let row = runs.first(where: { $0.plan.row.hasPrefix("prefix") })?.plan.row else { return [] }
        var statistics: [String: [CorpusStatistics]] = [:]
        func found(_ run: RunResult) throws -> [CorpusStatistics] {
            if let known = statistics[run.plan.identifier] { return known }
            let texts = try texts(run.plan)
            let new = try data.splits.map { split in
                try EvaluationReport.mainStatistics(
                    predictions: split.indices.map { texts[$0] },
                    references: split.indices.map { data.test[$0].references }, suite: data.task.suite)
            }
            statistics[run.plan.identifier] = new
            return new
        }
        var pairs: [Pair] = [], compared: [RunPlan] = []
        for other in runs.map(\.plan) where other.row != row {
            guard !compared.contains(where: { $0.row == other.row && $0.point == other.point }) else { continue }
            compared.append(other)
            func those(_ row: String) -> [RunResult] {
                runs.filter { $0.plan.row == row && $0.plan.point == other.point }
            }
            let both = try StudyResults.pairs(those(row), those(other.row)).map { (try found($0), try found($1)) }
            guard !both.isEmpty else { continue }
            for (index, split) in data.splits.enumerated() {
                let comparison = bootstrap.comparison(both.map { ($0[index], $1[index]) })
                pairs.append(
                    Pair(
                        dataSet: data.name, split: split.name, row: row, other: other.row, point: other.point,
                        score: data.task.suite.mainScore, difference: comparison.difference,
                        interval: comparison.interval, runs: both.count, probability: comparison.pValue))
            }
        }
        return pairs
    }
}
