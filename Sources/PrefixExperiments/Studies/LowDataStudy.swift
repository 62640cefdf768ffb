import PrefixTuning
import Reports

/// Section 6.2 and figure 3: few training examples.
///
/// For each size, some random subsets, each with a validation set of its own (30% of its size), and a run per subset and seed;
/// what is tested are the parameters of the least validation loss.
struct LowDataStudy: Study {
    let name = "low-data"
    let title = "Low-data settings"
    let pointName: String? = "training examples"
    let claim =
        "With 50 to 500 examples prefix-tuning is better than fine-tuning, by 2.9 BLEU on average, and the gap shrinks with more "
        + "data (section 6.2, figure 3)."

    func runs(_ settings: ExperimentSettings, _ data: [ExperimentDataSet]) throws -> [RunPlan] {
        try (0..<settings.subsets).flatMap { index in
            try runs(settings, data, over: settings.sizes.map(Double.init)) { plan, _ in
                guard let place = settings.sizes.firstIndex(where: { Double($0) == plan.point }) else { return }
                plan.subset = settings.subset(size: settings.sizes[place], index: index)
                if let steps = settings.stepsBySize[plan.row] { plan.method.steps = steps[place] }
            }
        }
    }

    func claims(_ results: StudyResults) -> Claims {
        var claims = Claims()
        for data in results.dataSets.map(\.name) {
            for split in results.splits(of: data) where split != "all" {
                for size in results.settings.sizes {
                    claims.add(
                        "\(results.title(data)), \(StudyResults.title(split: split)), \(size) examples: prefix is better than "
                            + "fine-tuning",
                        results.comparison(data, split: split, "prefix", against: "fine-tune", point: Double(size)))
                }
            }
        }
        return claims
    }

    func report(_ results: StudyResults, to page: inout ReportPage) {
        results.addCharts(results.settings.rows, xLabel: "training examples", to: &page)
        results.addPointTables(results.settings.rows, pointName: "examples", to: &page)
    }
}
