import PrefixTuning
import Reports

/// Table 2: summarisation.
struct SummarizationStudy: Study {
    let name = "table2"
    let title = "Table 2: summarisation"
    let claim =
        "Prefixes of 2% and 0.1% of the parameters come close to fine-tuning on XSUM, whose sources are long, and the larger "
        + "one closer (section 6.3)."

    func runs(_ settings: ExperimentSettings, _ data: [ExperimentDataSet]) throws -> [RunPlan] {
        try runs(settings, data, over: [nil])
    }

    func claims(_ results: StudyResults) -> Claims {
        var claims = Claims()
        for data in results.dataSets.map(\.name) {
            for split in results.splits(of: data) {
                for row in ["prefix-2%", "prefix-0.1%"] {
                    let found = results.comparison(data, split: split, row, against: "fine-tune")
                    claims.add(
                        "\(results.title(data)): \(row) comes within 3 points of fine-tuning", found, tolerance: 3)
                }
                let found = results.comparison(data, split: split, "prefix-2%", against: "prefix-0.1%")
                claims.add(
                    "\(results.title(data)): the larger prefix is better", found)
            }
        }
        return claims
    }

    func report(_ results: StudyResults, to page: inout ReportPage) {
        results.addTables(of: results.settings.rows, to: &page)
    }
}
