import PrefixTuning
import Reports

/// Section 7.1 and figure 4: the length of the prefix.
struct PrefixLengthStudy: Study {
    let name = "length"
    let title = "Length of the prefix"
    let pointName: String? = "positions"
    let claim =
        "Scores rise with the length of the prefix up to a threshold (10 for DART, 200 for XSUM) and fall a little beyond it "
        + "(section 7.1, figure 4)."

    func runs(_ settings: ExperimentSettings, _ data: [ExperimentDataSet]) throws -> [RunPlan] {
        try runs(settings, data, over: settings.lengths.map(Double.init)) { plan, _ in
            plan.method.length = plan.point.map { Int($0) }
        }
    }

    func claims(_ results: StudyResults) -> Claims {
        var claims = Claims()
        for data in results.dataSets.map(\.name) {
            let score = results.mainScore(of: data)
            for split in results.splits(of: data) where split != "all" {
                for row in results.settings.rows {
                    let points = results.points(data, row: row)
                    func mean(_ point: Double) -> Double {
                        StudyResults.mean(results.runs(data, row: row, point: point), score, split: split)?.value
                            ?? -.infinity
                    }
                    guard let first = points.first, let best = points.max(by: { mean($0) < mean($1) }) else { continue }
                    claims.add(
                        "\(results.title(data)), \(StudyResults.title(split: split)): a longer prefix than \(Int(first)) is better",
                        Comparison(
                            results.runs(data, row: row, point: best), "\(Int(best)) positions",
                            against: results.runs(data, row: row, point: first),
                            "\(Int(first)) position\(first == 1 ? "" : "s")", score: score,
                            split: split))
                }
            }
        }
        return claims
    }

    func report(_ results: StudyResults, to page: inout ReportPage) {
        results.addCharts(results.settings.rows, xLabel: "positions", to: &page)
        results.addPointTables(results.settings.rows, pointName: "positions", to: &page)
    }
}
