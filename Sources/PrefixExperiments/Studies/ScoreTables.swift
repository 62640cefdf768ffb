import Foundation
import PrefixTuning
import Reports
import TextMetrics

/// Tables of scores, with the paper's beside ours.
extension StudyResults {
    /// A table of one part of a data set: a row per method, ours and the paper's value of every score.
    func table(_ dataSet: String, split: String, rows: [String]) -> ReportPage.Table {
        let scores = scores(of: dataSet), hasPaper = hasPaperNumbers(dataSet, split: split, rows: rows)
        var columns: [ReportPage.Column] = [.init("method")]
        for score in scores {
            let isUpward = runs.lazy.compactMap { $0.score(score, split: split) }.first?.higherIsBetter ?? true
            let best: ReportPage.Column.Best = isUpward ? .highest : .lowest
            columns +=
                hasPaper
                ? [.init("here", group: score, best: best), .init("paper", group: score)] : [.init(score, best: best)]
        }
        columns += [.init("stored values"), .init("% of the model")]
        return ReportPage.Table(
            caption:
                "\(title(dataSet)), \(Self.title(split: split)): scores over \(sources(dataSet, split: split)) sources"
                + (hasPaper ? ", and the paper's of GPT-2 medium, or of BART-large for summaries." : "."),
            columns: columns,
            rows: rows.map { row in
                let found = runs(dataSet, row: row)
                let stored = found.first.map { Double($0.storedParameters) }
                let share = stored.map { 100 * $0 / Double(max(1, modelParameters)) }
                return .init(
                    [.text(row)]
                        + scores.flatMap { score -> [ReportPage.Cell] in
                            let decimals = self.decimals(score, dataSet)
                            func cell(_ value: Double?) -> ReportPage.Cell {
                                value.map { .number($0, decimals: decimals) } ?? .missing
                            }
                            let ours = cell(Self.mean(found, score, split: split)?.value)
                            return hasPaper ? [ours, cell(paper(dataSet, split: split, row, score))] : [ours]
                        } + [
                            stored.map { .number($0) } ?? .missing, share.map { .number($0, decimals: 2) } ?? .missing,
                        ])
            })
    }

    /// The paper's number: only of its own test set, and of nothing that replaces it.
    private func paper(_ dataSet: String, split: String, _ row: String, _ score: String) -> Double? {
        settings.testsValidation ? nil : PaperNumbers.score(dataSet, split: split, row: row, score: score)
    }

    /// Whether the paper has numbers of any of these rows.
    func hasPaperNumbers(_ dataSet: String, split: String, rows: [String]) -> Bool {
        rows.contains { row in scores(of: dataSet).contains { paper(dataSet, split: split, row, $0) != nil } }
    }

    /// The same with intervals and differences, a row per method and score.
    func detailTable(_ dataSet: String, split: String, rows: [String]) -> ReportPage.Table {
        let hasPaper = hasPaperNumbers(dataSet, split: split, rows: rows)
        return ReportPage.Table(
            caption:
                "\(title(dataSet)), \(Self.title(split: split)): 95% intervals over test sources (one run), or standard "
                + "deviations over runs" + (hasPaper ? "; and the difference to the paper." : "."),
            columns: [
                .init("method"), .init("score"), .init("here"), .init("interval or deviation"), .init("paper"),
                .init("here − paper"),
            ],
            rows: rows.flatMap { row in
                scores(of: dataSet).compactMap { score -> ReportPage.Row? in
                    guard let ours = Self.mean(runs(dataSet, row: row), score, split: split) else { return nil }
                    let decimals = self.decimals(score, dataSet)
                    let paper = paper(dataSet, split: split, row, score)
                    return .init([
                        .text(row), .text(score), .number(ours.value, decimals: decimals),
                        .text(Self.spread(ours, decimals: decimals)),
                        paper.map { .number($0, decimals: decimals) } ?? .missing,
                        paper.map { .number(ours.value - $0, decimals: decimals) } ?? .missing,
                    ])
                }
            })
    }

    /// "[61.2, 64.0]" or "± 0.8 (5 runs)".
    static func spread(_ mean: SampleMean, decimals: Int) -> String {
        func fixed(_ value: Double) -> String { ReportNumber.fixed(value, decimals: decimals) }
        if let deviation = mean.deviation { return "± \(fixed(deviation)) (\(mean.count) runs)" }
        return mean.interval.map { "[\(fixed($0[0])), \(fixed($0[1]))]" } ?? ""
    }

    /// As many decimals as the paper prints.
    func decimals(_ score: String, _ dataSet: String) -> Int {
        let suite = dataSets.first { $0.name == dataSet }?.suite
        return switch score {
        case "METEOR": suite?.givesMETEORInPercent ?? false ? 1 : 3
        case "NIST", "CIDEr": 2
        case "distinct-1", "distinct-2": 3
        case "ROUGE-1", "ROUGE-2": 2
        default: 1
        }
    }

    /// A chart per data set and part of its test, all of a data set.
    func addCharts(_ rows: [String], xLabel: String, to page: inout ReportPage) {
        for data in dataSets {
            for split in splits(of: data.name) where split != "all" {
                page.add(.chart(chart(data.name, split: split, rows: rows, xLabel: xLabel)))
            }
        }
    }

    /// A line per row over what varies, with a band of one standard deviation.
    private func chart(_ dataSet: String, split: String, rows: [String], xLabel: String) -> ReportPage.LineChart {
        let score = mainScore(of: dataSet)
        let series = rows.map { row in
            let means = points(dataSet, row: row).compactMap { point in
                Self.mean(runs(dataSet, row: row, point: point), score, split: split).map { (point, $0) }
            }
            var series = ReportPage.LineChart.Series(
                name: row, points: means.map { .init(x: $0.0, y: $0.1.value) }, tone: Self.tone(of: row))
            series.band = means.compactMap { point, mean in
                mean.deviation.map { .init(x: point, low: mean.value - $0, high: mean.value + $0) }
            }
            return series
        }
        let isRepeated = series.contains { !$0.band.isEmpty }
        return ReportPage.LineChart(
            title: "\(title(dataSet)), \(Self.title(split: split))",
            caption: isRepeated
                ? "Means over seeds and subsets; the bands are one standard deviation wide on each side."
                : "One run per point: how far seeds would move it is not known.",
            xLabel: xLabel, yLabel: score, series: series)
    }

    /// Loss curves of a data set's rows.
    func lossChart(_ dataSet: String, rows: [String]) -> ReportPage.LineChart {
        ReportPage.LineChart(
            title: "Loss per token, \(title(dataSet))",
            caption: "Validation loss in nats; the first run of each row.", xLabel: "step", yLabel: "nats per token",
            yScale: .logarithmic,
            series: rows.compactMap { row in
                guard let run = runs(dataSet, row: row).first, !run.validation.isEmpty else { return nil }
                return .init(
                    name: row, points: run.validation.map { .init(x: Double($0.step), y: $0.loss) },
                    tone: Self.tone(of: row))
            })
    }

    /// The same colour for a method in all charts.
    static func tone(of row: String) -> ReportPage.Tone? {
        switch row {
        case "prefix", "prefix-0.1%": .blue
        case "prefix-2%", "lora": .purple
        case "fine-tune": .vermilion
        case "adapter-3%", "adapter": .green
        case "adapter-0.1%": .ochre
        case "top-2": .gray
        default: nil
        }
    }
}
