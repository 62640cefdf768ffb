import PrefixTuning
import Reports

/// Section 6.2 and figure 3: few training examples.
///
/// For each size, some random subsets, each with a validation set of its own (30% of its size), and a run per subset and seed;
/// what is tested are the parameters of the least validation loss.
struct LowDataStudy: Study {
    let name = "low-data"
    let title = "Low-data settings"
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

    func report(_ results: StudyResults, to page: inout ReportPage) {
        var claims = Claims(), charts: [ReportPage.Block] = []
        for (data, _) in results.dataSets {
            for split in results.splits(of: data) where split != "all" {
                for size in results.settings.sizes {
                    let found = results.comparison(
                        data, split: split, "prefix", against: "fine-tune", point: Double(size))
                    claims.add(
                        "\(data), \(split), \(size) examples: prefix is better than fine-tuning",
                        difference: found.difference, evidence: found.evidence)
                }
                charts.append(
                    .chart(
                        results.chart(
                            data, split: split, rows: results.settings.rows, title: "\(data), \(split)",
                            xLabel: "training examples",
                            caption:
                                "Means over subsets and seeds; the bands are one standard deviation wide on each side.")
                    ))
            }
        }
        if let table = claims.table { page.add(table) }
        page.add(charts)
        results.addPointTables(results.settings.rows, pointName: "examples", to: &page)
    }
}
