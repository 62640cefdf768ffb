import Foundation
import PrefixTuning
import TextMetrics

/// The results of a study's runs, ready to be put into tables.
struct StudyResults: Sendable {
    let settings: ExperimentSettings
    /// Names, titles and rules of the data sets, in order.
    let dataSets: [ExperimentRecord.DataSet]
    let runs: [RunResult]
    /// Values of the base model.
    let modelParameters: Int

    /// What a data set is called in a report.
    func title(_ dataSet: String) -> String { dataSets.first { $0.name == dataSet }?.title ?? dataSet }

    /// What a part of a test set is called in a report.
    static func title(split: String) -> String {
        switch split {
        case "seen": "topics seen in training"
        case "unseen": "topics not seen in training"
        case "all": "all topics"
        case "test": "test set"
        default: split
        }
    }

    /// Number of test sources of a part of a data set.
    func sources(_ dataSet: String, split: String) -> Int {
        runs.lazy.filter { $0.plan.dataSet == dataSet }.flatMap(\.tests).first { $0.split == split }?.instances ?? 0
    }

    /// Runs of a cell of a table.
    func runs(_ dataSet: String, row: String, point: Double? = nil) -> [RunResult] {
        runs.filter { $0.plan.dataSet == dataSet && $0.plan.row == row && (point == nil || $0.plan.point == point) }
    }

    /// The mean of a score over runs; nil where there is none.
    static func mean(_ runs: [RunResult], _ score: String, split: String) -> SampleMean? {
        let scores = runs.compactMap { $0.score(score, split: split) }
        guard var mean = SampleMean(scores.map(\.value)) else { return nil }
        if scores.count == 1 { mean.interval = scores[0].interval }
        return mean
    }

    /// The parts of a data set's test, as its runs have them.
    func splits(of dataSet: String) -> [String] {
        runs.first { $0.plan.dataSet == dataSet && !$0.tests.isEmpty }?.tests.map(\.split) ?? []
    }

    /// Names of the scores of a data set.
    func scores(of dataSet: String) -> [String] {
        runs.first { $0.plan.dataSet == dataSet && !$0.tests.isEmpty }?.tests.first?.scores.map(\.name) ?? []
    }

    /// The score that the paper's figures show of a data set.
    func mainScore(of dataSet: String) -> String {
        dataSets.first { $0.name == dataSet }?.suite.mainScore ?? "BLEU"
    }

    /// Distinct values in order of first appearance.
    func points(_ dataSet: String, row: String) -> [Double] {
        var seen: Set<Double> = []
        return runs(dataSet, row: row).compactMap(\.plan.point).filter { seen.insert($0).inserted }
    }
}
