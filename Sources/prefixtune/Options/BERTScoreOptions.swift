import ArgumentParser
import Foundation
import Hub
import PrefixTuning
import Tensors
import TextMetrics

/// BERTScore beside the other scores.
struct BERTScoreOptions: ParsableArguments {
    @Option(help: .adapter("Add BERTScore by this BERT or RoBERTa: its folder, or org/name[@revision] on the hub."))
    var bertScore: ModelReference?
    @Option(
        help: .n("The layer whose vectors are compared; by default what bert_score takes for a model of that name."))
    var bertScoreLayer: Int?
    @Flag(help: "Let tokens count more the fewer references have them.") var bertScoreIdf = false
    @Option(help: .file("bert_score's file of baselines for the model, to rescale by.")) var rescaleBaseline: InputFile?

    func validate() throws {
        if bertScore == nil, bertScoreLayer != nil || bertScoreIdf || rescaleBaseline != nil {
            throw ValidationError(
                "--bert-score-layer, --bert-score-idf and --rescale-baseline have no meaning without --bert-score; add it or "
                    + "leave them out.")
        }
    }

    /// Adds rows to a report where a model is given.
    ///
    /// - Parameters:
    ///   - baseline: Another system's texts for the same instances.
    ///   - bootstrap: How to find intervals, if any.
    func add(
        to report: inout EvaluationReport, predictions: [String], references: [[String]], baseline: [String]?,
        bootstrap: Bootstrap?, _ common: CommonOptions
    ) async throws {
        guard let bertScore else { return }
        let folder = try await bertScore.located(quiet: common.quiet)
        let used = references.map { Array($0.prefix(report.suite.referenceLimit ?? .max)) }
        let (scores, others, signature) = try await scores(
            folder, name: bertScore.description, systems: [predictions] + (baseline.map { [$0] } ?? []), used, common)
        report.add(scores, signature: signature, baseline: others, bootstrap: bootstrap)
    }

    @Compute private func scores(
        _ folder: URL, name: String, systems: [[String]], _ references: [[String]], _ common: CommonOptions
    ) async throws -> (own: [BERTScore.Scores], others: [BERTScore.Scores]?, signature: String) {
        common.apply()
        let scorer = try BERTScore.load(
            folder, layer: bertScoreLayer, usesIDF: bertScoreIdf, baseline: rescaleBaseline?.url, name: name)
        var display = ProgressDisplay(quiet: common.quiet, unit: "text"), before = 0
        let total = systems.count * references.count
        let found = try systems.map { texts in
            defer { before += texts.count }
            return try scorer.scores(of: texts, against: references) { count in
                display.update(before + count, of: total, facts: "BERTScore")
            }
        }
        return (found[0], found.count > 1 ? found[1] : nil, scorer.signature)
    }
}
