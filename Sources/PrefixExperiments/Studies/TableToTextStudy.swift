import PrefixTuning
import Reports

/// Table 1: the methods on table-to-text.
struct TableToTextStudy: Study {
    let name = "table1"
    let title = "Table 1: methods on table-to-text"
    let claim =
        "With 0.1% of the parameters, prefix-tuning is comparable to fine-tuning on full data and better than adapters of the "
        + "same size (section 6.1)."

    func runs(_ settings: ExperimentSettings, _ data: [ExperimentDataSet]) throws -> [RunPlan] {
        try runs(settings, data, over: [nil])
    }

    func claims(_ results: StudyResults) -> Claims {
        var claims = Claims()
        for data in results.dataSets.map(\.name) {
            for split in results.splits(of: data) where split == "all" || split == "test" {
                let full = results.comparison(data, split: split, "prefix", against: "fine-tune")
                claims.add(
                    "\(results.title(data)): prefix is comparable to fine-tuning or better (no more than 2 points below)",
                    full, tolerance: 2)
                for row in ["adapter-0.1%", "top-2"] {
                    let found = results.comparison(data, split: split, "prefix", against: row)
                    claims.add(
                        "\(results.title(data)): prefix is better than \(row)", found)
                }
            }
        }
        return claims
    }

    func report(_ results: StudyResults, to page: inout ReportPage) {
        results.addTables(of: results.settings.rows, to: &page)
    }
}

extension StudyResults {
    /// For each data set its tables and loss curves.
    func addTables(of rows: [String], to page: inout ReportPage) {
        for data in dataSets {
            page.add(.heading(data.title))
            let splits = splits(of: data.name)
            for split in splits { page.add(.table(table(data.name, split: split, rows: rows))) }
            let hasPaper = splits.contains { hasPaperNumbers(data.name, split: $0, rows: rows) }
            page.add(
                .details(
                    summary: hasPaper ? "Intervals, and differences to the paper" : "Intervals",
                    blocks: splits.map { .table(detailTable(data.name, split: $0, rows: rows)) }))
            page.add(.chart(lossChart(data.name, rows: rows)))
        }
    }
}
