/// Figure 6 (ACL version, appendix): a part of the training data, up to all of it.
struct DataEfficiencyStudy: Study {
    let name = "data-efficiency"
    let title = "Parts of the training data"
    let claim =
        "From a fifth of the E2E data on, prefix-tuning is better than fine-tuning; with less, it needs a start from real words "
        + "(appendix)."

    func runs(_ settings: ExperimentSettings, _ data: [ExperimentDataSet]) throws -> [RunPlan] {
        let rows = try settings.rowsWithMethods()
        return data.flatMap { data in
            rows.flatMap { name, row in
                settings.shares.flatMap { share in
                    settings.seeds.map { seed in
                        let size = Int((Double(data.train.count) * share).rounded())
                        return RunPlan(
                            row: name, dataSet: data.name, method: row,
                            subset: share < 1 ? .init(size: max(1, size), index: 0, validation: 0) : nil,
                            point: 100 * share, seed: seed)
                    }
                }
            }
        }
    }

    func report(_ results: StudyResults, to page: inout ReportPage) {
        var claims = Claims(), charts: [ReportPage.Block] = []
        for (data, _) in results.dataSets {
            for split in results.splits(of: data) where split != "all" {
                for share in results.settings.shares where share >= 0.2 {
                    let found = results.comparison(
                        data, split: split, "prefix", against: "fine-tune", point: 100 * share)
                    claims.add(
                        "\(data), \(split), \(ReportNumber.short(100 * share))%: prefix is better than fine-tuning",
                        difference: found.difference, evidence: found.evidence)
                }
                charts.append(
                    .chart(
                        results.chart(
                            data, split: split, rows: results.settings.rows, title: "\(data), \(split)",
                            xLabel: "% of the training data")))
            }
        }
        if let table = claims.table { page.add(table) }
        page.add(charts)
        results.addPointTables(results.settings.rows, pointName: "% of the data", to: &page)
    }
}
