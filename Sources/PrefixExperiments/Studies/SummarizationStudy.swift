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

    func report(_ results: StudyResults, to page: inout ReportPage) {
        var claims = Claims()
        for (data, _) in results.dataSets {
            for split in results.splits(of: data) {
                for row in ["prefix-2%", "prefix-0.1%"] {
                    let found = results.comparison(data, split: split, row, against: "fine-tune")
                    claims.add(
                        "\(data): \(row) comes within 3 points of fine-tuning", difference: found.difference,
                        tolerance: 3,
                        evidence: found.evidence)
                }
                let found = results.comparison(data, split: split, "prefix-2%", against: "prefix-0.1%")
                claims.add(
                    "\(data): the larger prefix is better", difference: found.difference, evidence: found.evidence)
            }
        }
        results.add(claims, tablesOf: results.settings.rows, to: &page)
    }
}
