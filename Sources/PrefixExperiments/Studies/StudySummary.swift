import Foundation
import Reports

/// The main figures of experiments for a README: a picture, and tables in Markdown.
public struct StudySummary: Sendable {
    /// A picture as SVG, which stands by itself.
    public let svg: String
    /// The same values as Markdown tables, with intervals and numbers of runs.
    public let markdown: String

    /// What some folders of experiments show.
    ///
    /// - Parameter folders: With `experiment.json` and `results.json`.
    /// - Throws: ``ExperimentError/noReport(file:)``, or ``ExperimentError/nothingToDraw(folder:)`` where no run has scores.
    public init(of folders: [URL]) throws {
        var panels: [ReportFigure.Panel] = [], tables: [String] = [], titles: [String] = [], captions: [String] = []
        for folder in folders {
            let identity = try ExperimentFolder.read(ExperimentFolder.Identity.self, "experiment.json", in: folder)
            let record = try ExperimentFolder.read(ExperimentRecord.self, "results.json", in: folder)
            let study = try Studies.named(identity.experiment)
            let results = StudyResults(
                settings: identity.settings, dataSets: record.data, runs: record.runs,
                modelParameters: identity.modelParameters)
            let cells = results.cells(pointName: study.pointName)
            guard !cells.isEmpty else { throw ExperimentError.nothingToDraw(folder: folder.path) }
            panels += cells.filter { $0.split != "all" }
                .map { results.panel($0, pointName: study.pointName, group: "\(folder.path) \($0.dataSet)") }
            let caption =
                identity.model.prefix(1).uppercased() + "\(identity.model.dropFirst()): \(results.design(of: cells))."
                + (record.runs.count < record.planned
                    ? " \(record.runs.count) of \(record.planned) runs are done." : "")
            tables += cells.map { results.markdown($0, pointName: study.pointName) } + [caption]
            if !titles.contains(study.title) { titles.append(study.title) }
            if !captions.contains(caption) { captions.append(caption) }
        }
        if panels.contains(where: \.isCut) { captions.append("Intervals without an end go on beyond the picture.") }
        svg =
            ReportFigure(
                title: titles.joined(separator: "; "), panels: panels, caption: captions.joined(separator: " ")
            ).svg
        markdown = tables.joined(separator: "\n\n") + "\n"
    }
}

extension StudyResults {
    /// A part of a data set's test with the estimates of all rows.
    struct Cells: Sendable {
        var dataSet: String
        var split: String
        /// Of each row, over what varies; one without a point where nothing does.
        var rows: [(name: String, values: [(point: Double?, runs: [RunResult])])]
    }

    /// What there is to show, by data set and part of its test.
    func cells(pointName: String?) -> [Cells] {
        dataSets.flatMap { data in
            splits(of: data.name).map { split in
                let scored = runs.filter { run in
                    run.plan.dataSet == data.name && run.tests.contains { $0.split == split }
                }
                var names: [String] = []
                for run in scored where !names.contains(run.plan.row) { names.append(run.plan.row) }
                // In the order of the settings, whichever runs were done first.
                let order =
                    settings.rows + settings.initializations
                    + settings.rows.flatMap { row in
                        (settings.federated?.plan[row] ?? []).map { FederatedStudy.row(row, $0) }
                    }
                names.sort { order.firstIndex(of: $0) ?? .max < order.firstIndex(of: $1) ?? .max }
                return Cells(
                    dataSet: data.name, split: split,
                    rows: names.map { name in
                        let own = scored.filter { $0.plan.row == name }
                        guard pointName != nil else { return (name, [(nil, own)]) }
                        let points = Set(own.compactMap(\.plan.point)).sorted()
                        return (name, points.map { point in (point, own.filter { $0.plan.point == point }) })
                    })
            }
        }
    }

    /// The mean of a score with an interval: over subsets or seeds, or of a single run over test sources.
    static func value(_ runs: [RunResult], _ score: String, split: String) -> (mean: RunEstimate, interval: [Double]?)?
    {
        estimate(runs, score, split: split).map { mean in
            if let half = mean.halfWidth { return (mean, [mean.value - half, mean.value + half]) }
            return (mean, runs.count == 1 ? runs[0].score(score, split: split)?.interval : nil)
        }
    }

    func panel(_ cells: Cells, pointName: String?, group: String) -> ReportFigure.Panel {
        let score = mainScore(of: cells.dataSet)
        return ReportFigure.Panel(
            title: "\(title(cells.dataSet)), \(Self.title(split: cells.split))", valueLabel: score, xLabel: pointName,
            series: cells.rows.enumerated().map { index, row in
                .init(
                    name: row.name, tone: Self.tone(of: row.name) ?? .automatic(index),
                    values: row.values.compactMap { point, runs in
                        Self.value(runs, score, split: cells.split).map { found in
                            .init(x: point, value: found.mean.value, interval: found.interval.map { $0[0]...$0[1] })
                        }
                    })
            }, group: group)
    }

    /// How means and intervals came about, in words.
    func design(of cells: [Cells]) -> String {
        var means: [RunEstimate] = [], hasIntervals = false
        for cell in cells {
            for (_, runs) in cell.rows.flatMap(\.values) {
                guard let found = Self.value(runs, mainScore(of: cell.dataSet), split: cell.split) else { continue }
                means.append(found.mean)
                hasIntervals = hasIntervals || found.mean.runs == 1 && found.interval != nil
            }
        }
        let least = means.min { $0.runs < $1.runs }, most = means.max { $0.runs < $1.runs }
        guard let least, let most else { return "no runs" }
        guard most.runs > 1 else {
            return hasIntervals
                ? "one run each; intervals are of 95% over test sources (bootstrap), and know nothing of other seeds"
                : "one run each, without intervals"
        }
        let areSole = least.runs == least.subsets && most.runs == most.subsets
        let design =
            least.runs == most.runs
            ? most.design
            : areSole
                ? "\(least.runs) to \(most.runs) runs, one on each subset" : "\(least.design), up to \(most.design)"
        let unit =
            most.subsets == 1
            ? "seeds" : most.runs == most.subsets ? "subsets" : "subsets, the seeds of a subset being one mean"
        return "each a mean of \(design); intervals are of 95% over \(unit) (Student's t)"
    }

    /// A Markdown table: a column per value of what varies, of the main score; or a column per score.
    func markdown(_ cells: Cells, pointName: String?) -> String {
        let main = mainScore(of: cells.dataSet), title = "\(title(cells.dataSet)), \(Self.title(split: cells.split))"
        let counts = Set(cells.rows.flatMap(\.values).map(\.runs.count))
        func text(_ runs: [RunResult], _ score: String) -> String {
            guard let (mean, interval) = Self.value(runs, score, split: cells.split) else { return "" }
            let decimals = self.decimals(score, cells.dataSet)
            func fixed(_ value: Double) -> String { ReportNumber.fixed(value, decimals: decimals) }
            // How many runs, where that is not the same everywhere.
            let count = counts.count > 1 ? " (\(mean.runs))" : ""
            if let half = mean.halfWidth { return "\(fixed(mean.value)) ± \(fixed(half))\(count)" }
            return fixed(mean.value) + (interval.map { " [\(fixed($0[0])), \(fixed($0[1]))]" } ?? "") + count
        }
        var lines: [[String]]
        if let pointName {
            let points = Set(cells.rows.flatMap(\.values).compactMap(\.point)).sorted()
            lines = [["\(title): \(main) by \(pointName)"] + points.map { ReportNumber.short($0) }]
            lines += cells.rows.map { row in
                [row.name]
                    + points.map { point in
                        row.values.first { $0.point == point }.map { text($0.runs, main) } ?? ""
                    }
            }
        } else {
            let scores = scores(of: cells.dataSet)
            lines = [[title] + scores + ["% of the model"]]
            lines += cells.rows.map { row in
                let runs = row.values[0].runs, stored = Double(runs.first?.storedParameters ?? 0)
                return [row.name] + scores.map { text(runs, $0) }
                    + [ReportNumber.fixed(100 * stored / Double(max(1, modelParameters)), decimals: 2)]
            }
        }
        lines.insert(["---"] + lines[0].dropFirst().map { _ in "---:" }, at: 1)
        return lines.map { "| \($0.map { $0.replacing("|", with: "\\|") }.joined(separator: " | ")) |" }
            .joined(separator: "\n")
    }
}
