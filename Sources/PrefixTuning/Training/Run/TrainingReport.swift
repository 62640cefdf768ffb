import Foundation
import LanguageModels
import Reports

/// The page of a training run, or of several laid over each other: curves, samples, settings, speed.
public struct TrainingReport: Sendable {
    private let records: [TrainingRecord]
    private let names: [String]

    /// A report of runs that are there.
    ///
    /// - Parameter records: At least one.
    public init(_ records: [TrainingRecord]) {
        self.records = records
        let short = records.map { $0.folder.standardizedFileURL.lastPathComponent }
        names = Set(short).count == short.count ? short : records.map(\.folder.relativePath)
    }

    /// The page as one HTML document.
    public var html: String { page.html }

    /// Writes the page of a run into its folder, as `report.html`.
    ///
    /// - Throws: What ``TrainingRecord/init(_:)`` throws; `CheckpointError` where the folder cannot be written to.
    public static func write(in folder: URL) throws {
        let report = TrainingReport([try TrainingRecord(folder)])
        try AtomicFile.write(report.html.utf8, to: folder.appendingPathComponent("report.html"))
    }

    private var page: ReportPage { records.count == 1 ? single(records[0], names[0]) : overlaid }

    private func single(_ record: TrainingRecord, _ name: String) -> ReportPage {
        let summary = record.summary
        var page = ReportPage(
            title: name,
            subtitle: [summary?.method, record.model.map { "on \($0)" }].compactMap(\.self).joined(separator: " "),
            finding: Self.state(record), byline: byline([record]))
        page.add(.keyFigures(keyFigures(record)))
        page.add(.heading("Training"))
        page.add(.chart(chart(record)))
        if let remark = Self.remark(record) { page.add(.note(remark)) }
        if !record.samples.isEmpty {
            page.add(.heading("What it writes"))
            page.add(.paragraph("Validation prompts, answered by greedy search with the parameters of the last step."))
            page.add(record.samples.enumerated().map { index, sample in Self.card(sample, index + 1) })
        }
        page.add(.heading("How it was run"))
        if let command = summary?.details["command"] { page.add(.code(command)) }
        if summary == nil, !record.options.isEmpty {
            page.add(.paragraph("The options that it was begun with; the others have their defaults."))
        }
        page.add(.facts(record.settings.map { .init($0.name, $0.value) } + machine(record)))
        return page
    }

    private static func card(_ sample: TrainingSample, _ number: Int) -> ReportPage.Block {
        .example(
            .init(
                title: "Prompt \(number)",
                source: .init(linearized: sample.prompt.trimmingCharacters(in: .whitespacesAndNewlines)),
                outputs: [.init(system: "trained", text: sample.text, tone: .blue)],
                references: [sample.reference.trimmingCharacters(in: .whitespacesAndNewlines)].filter { !$0.isEmpty }))
    }

    private static func isFinished(_ record: TrainingRecord) -> Bool {
        guard record.isCurrent, let ending = record.summary?.ending else { return false }
        return ending != .interrupted
    }

    /// How far the run is.
    static func state(_ record: TrainingRecord) -> String {
        let steps = "\(record.lastStep) step\(record.lastStep == 1 ? "" : "s")"
        guard let summary = record.summary, record.isCurrent else {
            return "After \(steps), not finished: the run goes on, or its process went away."
        }
        switch summary.ending {
        case .finished: return "Finished after \(steps)."
        case .stoppedEarly: return "Stopped after \(steps): validation loss fell no longer."
        case .interrupted: return "Interrupted after \(steps); it can be resumed."
        }
    }

    /// Where the least validation loss is, and what it means if it is not the last.
    static func remark(_ record: TrainingRecord) -> String? {
        guard let best = record.best, let last = record.validations.last, best.step < last.step else { return nil }
        return "Validation loss is least after step \(best.step) (\(ReportNumber.short(best.loss))) and "
            + "\(ReportNumber.short(last.loss)) at the end, while training loss goes on: from there on the run learns its "
            + "examples by heart. best/ holds what it was after step \(best.step)."
    }

    private func keyFigures(_ record: TrainingRecord) -> [ReportPage.KeyFigure] {
        var figures: [ReportPage.KeyFigure] = []
        if let best = record.best {
            figures.append(
                .init(
                    ReportNumber.short(best.loss), label: "least validation loss, nats per token",
                    note: "step \(best.step); perplexity \(ReportNumber.short(best.perplexity))"))
        }
        if let last = record.steps.last {
            figures.append(
                .init(ReportNumber.short(last.token_loss), label: "last training loss", note: "step \(last.step)"))
        }
        guard let summary = record.summary else { return figures }
        let share = 100 * Double(summary.stored_parameters) / Double(max(1, summary.model_parameters))
        figures.append(
            .init(
                "\(ReportNumber.short(share, digits: 2))%", label: "of the model's parameters are stored",
                note: "\(ReportNumber.fixed(Double(summary.stored_parameters), decimals: 0)) values"))
        if record.isCurrent {
            figures.append(
                .init(
                    ReportNumber.fixed(summary.tokens_per_second, decimals: 0), label: "tokens per second",
                    note: "\(ReportNumber.fixed(Double(summary.peak_memory_bytes) / 1e9, decimals: 2)) GB at most"))
        }
        return figures
    }

    private func machine(_ record: TrainingRecord) -> [ReportPage.Fact] {
        guard let summary = record.summary else { return [] }
        let rows: [(String, String?)] = [
            ("prefixtune", summary.details["version"]), ("processor", summary.processor),
            ("training, without validation and saving", ReportNumber.fixed(summary.seconds, decimals: 0) + " s"),
            ("tokens seen", ReportNumber.fixed(Double(summary.tokens), decimals: 0)),
            ("trainable parameters", ReportNumber.fixed(Double(summary.trainable_parameters), decimals: 0)),
            ("parameters of the model", ReportNumber.fixed(Double(summary.model_parameters), decimals: 0)),
        ]
        return rows.compactMap { name, value in value.map { .init(name, $0) } }
    }

    private func byline(_ records: [TrainingRecord]) -> [String] {
        let versions = Set(records.compactMap { $0.summary?.details["version"] }).sorted()
        return [
            "prefixtune" + versions.map { " " + $0 }.joined(separator: ","),
            Date().formatted(.iso8601.year().month().day()),
        ]
    }
}

extension TrainingReport {
    /// Training and validation of one run.
    private func chart(_ record: TrainingRecord) -> ReportPage.LineChart {
        var series = [training(record, "training", .blue)]
        if !record.validations.isEmpty { series.append(validation(record, "validation", .vermilion, .dashed)) }
        if let best = record.best {
            series.append(
                .init(name: "least validation", points: [.init(x: Double(best.step), y: best.loss)], tone: .green))
        }
        return Self.chart("Loss per token", series)
    }

    private func training(_ record: TrainingRecord, _ name: String, _ tone: ReportPage.Tone?)
        -> ReportPage.LineChart.Series
    {
        .init(
            name: name, points: record.steps.map { .init(x: Double($0.step), y: $0.token_loss) }, tone: tone,
            smoothing: max(1, record.steps.count / 40))
    }

    private func validation(
        _ record: TrainingRecord, _ name: String, _ tone: ReportPage.Tone?,
        _ stroke: ReportPage.LineChart.Stroke = .solid
    ) -> ReportPage.LineChart.Series {
        .init(
            name: name, points: record.validations.map { .init(x: Double($0.step), y: $0.loss) }, tone: tone,
            stroke: stroke)
    }

    private static func chart(_ title: String, _ series: [ReportPage.LineChart.Series]) -> ReportPage.LineChart {
        let values = series.flatMap(\.points).map(\.y).filter { $0 > 0 && $0.isFinite }
        let isWide = (values.max() ?? 1) > 5 * (values.min() ?? 1)
        return .init(
            title: title, caption: "Cross-entropy of the target tokens; training loss is a mean over each batch.",
            xLabel: "step", yLabel: "nats per token", yScale: isWide ? .logarithmic : .linear, series: series)
    }

    /// Several runs: their curves in the same charts, what came of each, and in which settings they differ.
    private var overlaid: ReportPage {
        let finished = records.count(where: Self.isFinished)
        var page = ReportPage(
            title: "\(records.count) training runs", subtitle: names.joined(separator: ", "),
            finding: finished == records.count ? "All are finished." : "\(finished) of \(records.count) are finished.",
            byline: byline(records))
        page.add(.heading("Results"))
        page.add(.table(results))
        page.add(.heading("Curves"))
        let validated = zip(records, names).enumerated().filter { !$0.element.0.validations.isEmpty }
        if !validated.isEmpty {
            page.add(
                .chart(
                    Self.chart(
                        "Validation loss per token",
                        validated.map { validation($0.element.0, $0.element.1, .automatic($0.offset)) })))
        }
        page.add(
            .chart(
                Self.chart(
                    "Training loss per token",
                    zip(records, names).enumerated().map { training($0.element.0, $0.element.1, .automatic($0.offset)) }
                )))
        page.add(.heading("Settings that differ"))
        let differing = differences
        page.add(
            differing.rows.isEmpty
                ? .paragraph("None of those that are recorded.") : .table(differing))
        let commands = zip(names, records).compactMap { name, record in
            record.summary?.details["command"].map { "# \(name)\n\($0)" }
        }
        if !commands.isEmpty {
            page.add(.details(summary: "The commands", blocks: [.code(commands.joined(separator: "\n\n"))]))
        }
        return page
    }

    private var results: ReportPage.Table {
        let areFinished = records.allSatisfy(Self.isFinished)
        return ReportPage.Table(
            caption: "What came of each run; losses in nats per target token.",
            columns: [
                .init("run"), .init("least validation loss", best: .lowest), .init("at step"),
                .init("last validation loss", best: .lowest), .init("last training loss"), .init("steps"),
                .init("tokens/s"), .init("peak memory, GB"), .init("stored values"), .init("state"),
            ],
            rows: zip(names, records).map { name, record in
                let summary = record.isCurrent ? record.summary : nil
                func number(_ value: Double?, _ decimals: Int = 0) -> ReportPage.Cell {
                    value.map { .number($0, decimals: decimals) } ?? .missing
                }
                return .init([
                    .text(name), number(record.best?.loss, 4), number(record.best.map { Double($0.step) }),
                    number(record.validations.last?.loss, 4), number(record.steps.last?.token_loss, 4),
                    number(Double(record.lastStep)), number(summary?.tokens_per_second),
                    number(summary.map { Double($0.peak_memory_bytes) / 1e9 }, 2),
                    number(record.summary.map { Double($0.stored_parameters) }),
                    .text(areFinished ? "" : summary?.ending.rawValue.replacing("_", with: " ") ?? "not finished"),
                ])
            })
    }

    private var differences: ReportPage.Table {
        let known = zip(names, records).filter { $0.1.summary != nil }
        let settings = known.map { name, record in
            (name: name, values: Dictionary(record.settings.map { ($0.name, $0.value) }, uniquingKeysWith: { $1 }))
        }
        var order: [String] = []
        for (_, record) in known {
            for (name, _) in record.settings where !order.contains(name) { order.append(name) }
        }
        let differing = order.filter { name in Set(settings.map { $0.values[name] ?? "" }).count > 1 }
        return ReportPage.Table(
            caption: "What was recorded at the end of each run; \"–\": the paper's value or none.",
            columns: [.init("setting")] + settings.map { .init($0.name) },
            rows: differing.map { name in
                .init([.text(name)] + settings.map { $0.values[name].map { .text($0) } ?? .missing })
            })
    }
}
