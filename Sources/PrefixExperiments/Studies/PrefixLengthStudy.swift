import PrefixTuning
import Reports

/// Section 7.1 and figure 4: the length of the prefix.
struct PrefixLengthStudy: Study {
    let name = "length"
    let title = "Length of the prefix"
    let claim =
        "Scores rise with the length of the prefix up to a threshold (10 for DART, 200 for XSUM) and fall a little beyond it "
        + "(section 7.1, figure 4)."

    func runs(_ settings: ExperimentSettings, _ data: [ExperimentDataSet]) throws -> [RunPlan] {
        try runs(settings, data, over: settings.lengths.map(Double.init)) { plan, _ in
            plan.method.length = plan.point.map { Int($0) }
        }
    }

    func report(_ results: StudyResults, to page: inout ReportPage) {
        var claims = Claims(), charts: [ReportPage.Block] = []
        for (data, _) in results.dataSets {
            for split in results.splits(of: data) where split != "all" {
                for row in results.settings.rows {
                    let curve = results.points(data, row: row).compactMap { point in
                        StudyResults.mean(
                            results.runs(data, row: row, point: point), results.mainScore(of: data), split: split
                        ).map { (point, $0.value) }
                    }
                    if let first = curve.first, let best = curve.max(by: { $0.1 < $1.1 }) {
                        claims.add(
                            "\(data), \(split): a longer prefix than \(Int(first.0)) is better",
                            difference: best.1 - first.1,
                            evidence: "best at \(Int(best.0)): \(ReportNumber.fixed(best.1, decimals: 1)) against "
                                + ReportNumber.fixed(first.1, decimals: 1))
                    }
                }
                charts.append(
                    .chart(
                        results.chart(
                            data, split: split, rows: results.settings.rows, title: "\(data), \(split)",
                            xLabel: "positions")))
            }
        }
        if let table = claims.table { page.add(table) }
        page.add(charts)
        results.addPointTables(results.settings.rows, pointName: "positions", to: &page)
    }
}
