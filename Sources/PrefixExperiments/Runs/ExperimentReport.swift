import Foundation
import LanguageModels
import PrefixTuning
import Reports

/// The page of an experiment: what the paper says, what was found here, and how far that can be trusted, before all numbers.
struct ExperimentReport {
    let study: any Study
    let identity: ExperimentFolder.Identity
    let record: ExperimentRecord
    let results: StudyResults

    init(study: any Study, identity: ExperimentFolder.Identity, record: ExperimentRecord) {
        self.study = study
        self.identity = identity
        self.record = record
        results = StudyResults(
            settings: identity.settings, dataSets: record.data, runs: record.runs,
            modelParameters: identity.modelParameters)
    }

    /// The page.
    ///
    /// - Throws: ``ExperimentError/badSettings(source:problem:)``, which the package's own defaults cannot cause.
    func page() throws -> ReportPage {
        let claims = study.claims(results)
        var page = ReportPage(
            title: study.title, subtitle: "The paper says: " + study.claim,
            finding: claims.summary.map { "Here, with \(identity.model): \($0)" } ?? "",
            byline: ["prefixtune experiment \(study.name)", identity.model] + [record.origin.date].compactMap(\.self),
            footer: "Li & Liang 2021, Prefix-Tuning: Optimizing Continuous Prompts for Generation")
        if let warning = try budget.warning { page.add(.warning(warning)) }
        if results.runs.count < record.planned {
            page.add(.note("\(results.runs.count) of \(record.planned) runs are done; the same command continues."))
        }
        let failed = results.runs.filter { $0.failure != nil }
        if !failed.isEmpty {
            page.add(
                .note(
                    "Did not come to an end: "
                        + failed.map { "\($0.plan.identifier) (\($0.failure ?? ""))" }.joined(separator: "; ")))
        }
        page.add(claims.blocks)
        page.add(.details(summary: "What the rows of the tables are", blocks: [.table(rowTable)]))
        study.report(results, to: &page)
        page.add(remarks)
        page.add(pairedTests)
        page.add(samples)
        page.add(.heading("How it was run"))
        if let command = record.origin.command { page.add(.code(command)) }
        page.add(.facts(facts))
        page.add(.details(summary: "Rates, steps and times of the rows", blocks: [.table(runTable)]))
        return page
    }

    private var budget: Budget {
        get throws {
            let defaults = try ExperimentSettings.settings(
                for: study.name, suitsEmbeddedModel: identity.model == EmbeddedModel.title)
            return Budget(
                identity.settings, defaults: defaults,
                usesSubsets: results.runs.contains { ($0.plan.subset?.validation ?? 0) > 0 })
        }
    }

    private var remarks: [ReportPage.Block] {
        let intervals = results.runs.flatMap(\.tests).flatMap(\.scores)
            .filter { $0.name == "METEOR" }.compactMap(\.interval)
        guard intervals.contains(where: { $0.last ?? 0 >= 100 }) else { return [] }
        return [
            .note(
                "An interval of METEOR can reach up to 100 far from its score: a test set whose texts all equal a reference has no "
                    + "penalty for fragments, and one text that differs brings the penalty of all. Resampled sets without the few "
                    + "texts that differ jump to 100.")
        ]
    }

    /// The prefix against each other row, on the same resampled test sources.
    private var pairedTests: [ReportPage.Block] {
        guard !record.pairs.isEmpty else { return [] }
        func place(_ pair: ExperimentRecord.Pair) -> String {
            "\(results.title(pair.dataSet)), \(StudyResults.title(split: pair.split))"
                + (pair.point.map { ", \(ReportNumber.short($0))" } ?? "")
        }
        let table = ReportPage.Table(
            caption:
                "Differences to the other rows: the mean over runs of the same subset and seed, its 95% interval over test sources, "
                + "and the probability of one as great if both were equal (paired bootstrap, the same resampled sources for all runs; "
                + "it knows nothing of other seeds and subsets).",
            columns: [
                .init("difference"), .init("value"), .init("interval"), .init("p"), .init("runs"), .init("score"),
                .init("test"),
            ],
            rows: record.pairs.map { pair in
                let interval = pair.interval.map { ends in
                    "[\(ends.map { ReportNumber.fixed($0, decimals: 1) }.joined(separator: ", "))]"
                }
                return .init([
                    .text("\(pair.row) − \(pair.other)"), .number(pair.difference, decimals: 1),
                    interval.map { .text($0) } ?? .missing, .number(pair.probability, decimals: 3),
                    .number(Double(pair.runs ?? 1)), .text(pair.score), .text(place(pair)),
                ])
            })
        return [.details(summary: "Paired tests", blocks: [.table(table)])]
    }

    private var samples: [ReportPage.Block] {
        let cards = record.samples.map { sample in
            ReportPage.Block.example(
                .init(
                    title: "\(results.title(sample.dataSet)), \(StudyResults.title(split: sample.split))",
                    source: .init(linearized: sample.prompt),
                    outputs: sample.outputs.map {
                        .init(system: $0.row, text: $0.text, tone: StudyResults.tone(of: $0.row))
                    },
                    references: sample.references))
        }
        return cards.isEmpty ? [] : [.heading("What they wrote")] + cards
    }

    private var facts: [ReportPage.Fact] {
        let settings = identity.settings, origin = record.origin
        var facts: [ReportPage.Fact] = [
            .init("base model", identity.model),
            .init("its parameters", ReportNumber.fixed(Double(identity.modelParameters), decimals: 0)),
            .init("precision of frozen weights", identity.precision.rawValue),
            .init("seeds", settings.seeds.map(String.init).joined(separator: ", ")),
            .init("beams", settings.beams == 0 ? "the paper's (5; 6 for summaries)" : "\(settings.beams)"),
            .init("tested parameters", settings.keepsBest ? "of the least validation loss" : "of the last step"),
            .init(
                "training and answering",
                ReportNumber.fixed(results.runs.reduce(0) { $0 + $1.seconds + $1.testSeconds } / 60, decimals: 1)
                    + " min"),
        ]
        facts += [
            ("prefixtune", origin.version), ("processor", origin.processor),
            ("threads", origin.threads.map { "\($0)" }),
            ("weights of the model", identity.weights.map { "digest \($0)" }),
        ].compactMap { name, value in value.map { .init(name, $0) } }
        for data in identity.data {
            let chosen = settings.validationExamples
            let choosing = chosen > 0 ? min(chosen, data.validation) : data.validation
            facts.append(
                .init(
                    results.title(data.name),
                    "\(data.train) to learn, \(choosing) to choose by, \(data.test) sources to test"))
        }
        let cut = Dictionary(results.runs.map { ($0.plan.dataSet, $0.cutSources) }, uniquingKeysWith: max)
        for (data, count) in cut.sorted(by: { $0.key < $1.key }) where count > 0 {
            facts.append(.init("\(results.title(data)): sources cut to fit the model", "\(count)"))
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

    /// What is trained in each row, and what it really stores.
    private var rowTable: ReportPage.Table {
        var seen: Set<String> = []
        let runs = results.runs.filter { seen.insert($0.plan.row).inserted }
        return ReportPage.Table(
            caption: "What is trained in each row, and how much of it is kept.",
            columns: [.init("row"), .init("what is trained"), .init("stored values"), .init("% of the model")],
            rows: runs.map { run in
                let share = 100 * Double(run.storedParameters) / Double(max(1, results.modelParameters))
                return .init([
                    .text(run.plan.row), .text(RowMeaning.text(run.plan)), .number(Double(run.storedParameters)),
                    .number(share, decimals: 2),
                ])
            })
    }
}
