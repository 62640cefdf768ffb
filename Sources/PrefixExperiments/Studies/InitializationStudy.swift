import PrefixTuning
import Reports

/// Section 7.4 and figure 5: what a prefix starts from, with few examples.
struct InitializationStudy: Study {
    let name = "initialization"
    let title = "What a prefix starts from"
    let claim =
        "With few examples, activations of real words are a better start than random values; words of the task are a little "
        + "better than others (section 7.4, figure 5)."

    static let random = "random"

    func runs(_ settings: ExperimentSettings, _ data: [ExperimentDataSet]) throws -> [RunPlan] {
        let prefix = try settings.method(settings.rows[0])
        return data.flatMap { data in
            settings.initializations.flatMap { words in
                settings.sizes.prefix(1).flatMap { size in
                    (0..<settings.subsets).flatMap { subset in
                        settings.seeds.map { seed in
                            var row = prefix
                            if words != Self.random { (row.words, row.length) = (words, nil) }
                            return RunPlan(
                                row: words, dataSet: data.name, method: row,
                                subset: settings.subset(size: size, index: subset), seed: seed)
                        }
                    }
                }
            }
        }
    }

    func claims(_ results: StudyResults) -> Claims {
        var claims = Claims()
        for data in results.dataSets.map(\.name) {
            for split in results.splits(of: data) where split != "all" {
                for words in results.settings.initializations where words != Self.random {
                    let found = results.comparison(data, split: split, words, against: Self.random)
                    claims.add(
                        "\(results.title(data)), \(StudyResults.title(split: split)): \"\(words)\" is better than random values",
                        found)
                }
            }
        }
        return claims
    }

    func report(_ results: StudyResults, to page: inout ReportPage) {
        results.addTables(of: results.settings.initializations, to: &page)
    }
}
