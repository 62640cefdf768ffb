import PrefixTuning
import Reports

/// Figure 6 (ACL version, appendix): a part of the training data, up to all of it.
struct DataEfficiencyStudy: Study {
    let name = "data-efficiency"
    let title = "Parts of the training data"
    let pointName: String? = "% of the training data"
    let claim =
        "From a fifth of the E2E data on, prefix-tuning is better than fine-tuning; with less, it needs a start from real words "
        + "(appendix)."

    func runs(_ settings: ExperimentSettings, _ data: [ExperimentDataSet]) throws -> [RunPlan] {
        try runs(settings, data, over: settings.shares.map { 100 * $0 }) { plan, data in
            guard let percent = plan.point, percent < 100 else { return }
            let size = Int((Double(data.train.count) * percent / 100).rounded())
            plan.subset = .init(size: max(1, size), index: 0, validation: 0)
        }
    }

    func claims(_ results: StudyResults) -> Claims {
        var claims = Claims()
        for data in results.dataSets.map(\.name) {
            for split in results.splits(of: data) where split != "all" {
                for share in results.settings.shares where share >= 0.2 {
                    claims.add(
                        "\(results.title(data)), \(StudyResults.title(split: split)), \(ReportNumber.short(100 * share))%: prefix is "
                            + "better than fine-tuning",
                        results.comparison(data, split: split, "prefix", against: "fine-tune", point: 100 * share))
                }
            }
        }
        return claims
    }

    func report(_ results: StudyResults, to page: inout ReportPage) {
        results.addCharts(results.settings.rows, xLabel: "% of the training data", to: &page)
        results.addPointTables(results.settings.rows, pointName: "% of the data", to: &page)
    }
}
