import Foundation
import LanguageModels
import PrefixTuning
import Reports
import TextMetrics

/// The page of an experiment.
struct ExperimentReport {
    let study: any Study
    let identity: ExperimentFolder.Identity
    /// Number of runs in all.
    let planned: Int
    let results: StudyResults
    let data: [ExperimentDataSet]
    let threads: Int

    /// The page.
    ///
    /// - Parameter texts: The texts of a run.
    func page(texts: (RunPlan) throws -> [String]) throws -> ReportPage {
        var page = ReportPage(
            title: study.title, subtitle: study.claim,
            byline: [
                "prefixtune experiment \(study.name)", identity.model,
                Date().formatted(.iso8601.year().month().day()),
            ],
            footer: "Li & Liang 2021, Prefix-Tuning: Optimizing Continuous Prompts for Generation")
        if results.runs.count < planned {
            page.add(.note("\(results.runs.count) of \(planned) runs are done; the same command continues."))
        }
        let failed = results.runs.filter { $0.failure != nil }
        if !failed.isEmpty {
            page.add(
                .note(
                    "Did not come to an end: "
                        + failed.map { "\($0.plan.identifier) (\($0.failure ?? ""))" }.joined(separator: "; ")))
        }
        study.report(results, to: &page)
        page.add(try pairedTests(texts))
        page.add(try examples(texts))
        page.add(.heading("How it was run"))
        page.add(.facts(facts))
        page.add(.details(summary: "Rates, steps and times of the rows", blocks: [.table(runTable)]))
        return page
    }

    /// The probability that the difference between the prefix and each other row is chance: the first run of both, on the same
    /// resampled test sources.
    private func pairedTests(_ texts: (RunPlan) throws -> [String]) throws -> [ReportPage.Block] {
        guard results.settings.bootstrap > 0 else { return [] }
        let bootstrap = Bootstrap(samples: results.settings.bootstrap)
        var rows: [ReportPage.Row] = []
        for data in data {
            let runs = results.runs.filter { $0.plan.dataSet == data.name && $0.failure == nil }
            guard let prefix = runs.first(where: { $0.plan.row.hasPrefix("prefix") }) else { continue }
            let mine = try texts(prefix.plan), score = results.mainScore(of: data.name)
            var compared: Set = [prefix.plan.row]
            for run in runs where compared.insert(run.plan.row).inserted {
                let others = try texts(run.plan)
                for split in data.splits {
                    let report = try EvaluationReport.evaluate(
                        predictions: split.indices.map { mine[$0] },
                        references: split.indices.map { data.test[$0].references }, suite: data.task.suite,
                        bootstrap: bootstrap, baseline: split.indices.map { others[$0] })
                    guard let found = report.scores.first(where: { $0.name == score }), let p = found.pValue,
                        let other = found.baseline
                    else { continue }
                    rows.append(
                        .init([
                            .text("\(data.name), \(split.name)"), .text("\(prefix.plan.row) − \(run.plan.row)"),
                            .text(score), .number(found.value - other, decimals: 1), .number(p, decimals: 3),
                        ]))
                }
            }
        }
        guard !rows.isEmpty else { return [] }
        let table = ReportPage.Table(
            caption:
                "Differences to the other rows, first run of each, and the probability of one as great if both were equal "
                + "(paired bootstrap over test sources; it knows nothing of other seeds).",
            columns: [.init("test"), .init("difference"), .init("score"), .init("value"), .init("p")], rows: rows)
        return [.details(summary: "Paired tests", blocks: [.table(table)])]
    }

    /// Two sources of each data set with what the first run of each row wrote.
    private func examples(_ texts: (RunPlan) throws -> [String]) throws -> [ReportPage.Block] {
        var blocks: [ReportPage.Block] = []
        for data in data {
            var rows: [String] = [], outputs: [(row: String, texts: [String])] = []
            for run in results.runs where run.plan.dataSet == data.name && !run.tests.isEmpty {
                guard !rows.contains(run.plan.row), rows.count < 6 else { continue }
                rows.append(run.plan.row)
                outputs.append((run.plan.row, try texts(run.plan)))
            }
            guard !outputs.isEmpty else { continue }
            if blocks.isEmpty { blocks.append(.heading("What they wrote")) }
            for split in data.splits where split.name != "all" {
                guard let index = split.indices.dropFirst(split.indices.count / 3).first else { continue }
                let example = data.test[index]
                blocks.append(
                    .example(
                        .init(
                            title: "\(data.name), \(split.name)",
                            source: .init(linearized: example.prompt.trimmingCharacters(in: .whitespacesAndNewlines)),
                            outputs: outputs.map { row, texts in
                                .init(
                                    system: row, text: index < texts.count ? texts[index] : "",
                                    tone: StudyResults.tone(of: row))
                            },
                            references: Array(example.references.prefix(3)))))
            }
        }
        return blocks
    }

    private var facts: [ReportPage.Fact] {
        let settings = identity.settings
        var facts: [ReportPage.Fact] = [
            .init("base model", identity.model),
            .init("its parameters", ReportNumber.fixed(Double(identity.modelParameters), decimals: 0)),
            .init("precision of frozen weights", identity.precision.rawValue), .init("threads", "\(threads)"),
            .init("seeds", settings.seeds.map(String.init).joined(separator: ", ")),
            .init("beams", settings.beams == 0 ? "the paper's (5; 6 for summaries)" : "\(settings.beams)"),
            .init("tested parameters", settings.keepsBest ? "of the least validation loss" : "of the last step"),
            .init(
                "training and answering",
                ReportNumber.fixed(results.runs.reduce(0) { $0 + $1.seconds + $1.testSeconds } / 60, decimals: 1)
                    + " min"),
        ]
        for data in identity.data {
            facts.append(
                .init(
                    data.name, "\(data.train) to learn, \(data.validation) to choose by, \(data.test) sources to test"))
        }
        let cut = Dictionary(results.runs.map { ($0.plan.dataSet, $0.cutSources) }, uniquingKeysWith: max)
        for (data, count) in cut.sorted(by: { $0.key < $1.key }) where count > 0 {
            facts.append(.init("\(data): sources cut to fit the model", "\(count)"))
        }
        return facts
    }

    private var runTable: ReportPage.Table {
        ReportPage.Table(
            caption: "Every run.",
            columns: [
                .init("run"), .init("rate"), .init("batch"), .init("examples"), .init("steps"), .init("tested step"),
                .init("validation loss"), .init("training, s"), .init("test, s"),
            ],
            rows: results.runs.map { run in
                .init([
                    .text(run.plan.identifier), .text(ReportNumber.short(run.learningRate)),
                    .number(Double(run.batchSize)), .number(Double(run.examples)), .number(Double(run.steps)),
                    .number(Double(run.testedStep)),
                    run.bestValidationLoss.map { .number($0, decimals: 3) } ?? .missing,
                    .number(run.seconds, decimals: 1), .number(run.testSeconds, decimals: 1),
                ])
            })
    }
}
