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

    func report(_ results: StudyResults, to page: inout ReportPage) {
        var claims = Claims()
        for (data, _) in results.dataSets {
            for split in results.splits(of: data) where split == "all" || split == "test" {
                let full = results.comparison(data, split: split, "prefix", against: "fine-tune")
                claims.add(
                    "\(data): prefix is comparable to fine-tuning or better (no more than 2 points below)",
                    difference: full.difference, tolerance: 2, evidence: full.evidence)
                for row in ["adapter-0.1%", "top-2"] {
                    let found = results.comparison(data, split: split, "prefix", against: row)
                    claims.add(
                        "\(data): prefix is better than \(row)", difference: found.difference, evidence: found.evidence)
                }
            }
        }
        results.add(claims, tablesOf: results.settings.rows, to: &page)
    }
}

extension StudyResults {
    /// The claims, then for each data set its tables and loss curves.
    func add(_ claims: Claims, tablesOf rows: [String], to page: inout ReportPage) {
        if let table = claims.table { page.add(table) }
        for (data, _) in dataSets {
            page.add(.heading(data))
            for split in splits(of: data) { page.add(.table(table(data, split: split, rows: rows))) }
            page.add(
                .details(
                    summary: "Intervals, and differences to the paper",
                    blocks: splits(of: data).map { .table(detailTable(data, split: $0, rows: rows)) }))
            page.add(.chart(lossChart(data, rows: rows)))
        }
    }
}
