import PrefixTuning
import Reports

/// Section 6.4: topics that training did not see.
struct ExtrapolationStudy: Study {
    let name = "extrapolation"
    let title = "Extrapolation to unseen topics"
    let claim =
        "On topics that do not occur in training, prefix-tuning and adapters are better than fine-tuning: keeping the model's "
        + "parameters helps (section 6.4)."

    func runs(_ settings: ExperimentSettings, _ data: [ExperimentDataSet]) throws -> [RunPlan] {
        for data in data where !data.splits.contains(where: { $0.name == "unseen" }) {
            throw ExperimentError.unsuitable(
                experiment: name,
                reason: "\(data.name) does not say which topics are unseen; take embedded, webnlg, news-to-sports or "
                    + "within-news")
        }
        return try runs(settings, data, over: [nil])
    }

    func claims(_ results: StudyResults) -> Claims {
        var claims = Claims()
        for data in results.dataSets.map(\.name) {
            for row in results.settings.rows where row != "fine-tune" && row != "top-2" {
                let found = results.comparison(data, split: "unseen", row, against: "fine-tune")
                claims.add(
                    "\(results.title(data)), unseen topics: \(row) is better than fine-tuning", found)
            }
        }
        return claims
    }

    func report(_ results: StudyResults, to page: inout ReportPage) {
        results.addTables(of: results.settings.rows, to: &page)
    }
}
