import PrefixTuning
import Reports

/// Sections 7.2 and 7.3: only embeddings, trained positions between source and text, no reparametrisation.
struct AblationStudy: Study {
    let name = "ablation"
    let title = "Ablations: embeddings only, infix, no MLP"
    let claim =
        "Trained embeddings alone are much worse than trained activations of all layers; positions between source and text are "
        + "a little worse than before both (sections 7.2 and 7.3); without the MLP training is less stable (section 4.3)."

    func runs(_ settings: ExperimentSettings, _ data: [ExperimentDataSet]) throws -> [RunPlan] {
        try runs(settings, data, over: [nil])
    }

    func claims(_ results: StudyResults) -> Claims {
        var claims = Claims()
        for data in results.dataSets.map(\.name) {
            for split in results.splits(of: data) where split != "all" {
                for row in results.settings.rows where row != "prefix" {
                    let found = results.comparison(data, split: split, "prefix", against: row)
                    claims.add(
                        "\(results.title(data)), \(StudyResults.title(split: split)): prefix is better than \(row)",
                        found)
                }
            }
        }
        return claims
    }

    func report(_ results: StudyResults, to page: inout ReportPage) {
        results.addTables(of: results.settings.rows, to: &page)
    }
}
