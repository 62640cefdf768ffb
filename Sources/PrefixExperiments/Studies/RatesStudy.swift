import Foundation
import LanguageModels
import PrefixTuning
import Reports

/// Learning rates tried out on validation data, equally many for each method, so that no row of a table owes its place to a
/// longer search.
///
/// A run per row, rate, subset and seed. The best rate of a row is that of the least mean validation loss, which needs no more
/// data than a run itself has; it is written into `settings.json` of the folder, which `--settings` of other experiments reads. The
/// score on the validation set stands beside it, and is remarked where it speaks for another rate.
struct RatesStudy: Study {
    let name = "rates"
    let title = "Learning rates by validation"
    let claim =
        "It chooses rates and numbers of epochs by the validation set (appendix); other rates are other results."
    let pointName: String? = "learning rate"

    func runs(_ settings: ExperimentSettings, _ data: [ExperimentDataSet]) throws -> [RunPlan] {
        guard settings.testsValidation else {
            throw ExperimentError.unsuitable(
                experiment: name, reason: "rates are chosen on validation data; leave tests_validation true")
        }
        let rates = settings.rates ?? [:]
        for row in settings.rows where rates[row]?.isEmpty ?? true {
            throw ExperimentError.unsuitable(
                experiment: name, reason: "no rates are given for the row \(row); add rates.\(row), a list of numbers")
        }
        let counts = Set(settings.rows.map { rates[$0]?.count ?? 0 })
        guard counts.count == 1 else {
            throw ExperimentError.unsuitable(
                experiment: name,
                reason: "each row needs as many rates as the others, and here are "
                    + settings.rows.map { "\(rates[$0]?.count ?? 0) for \($0)" }.joined(separator: ", "))
        }
        // Without sizes, the whole training data.
        let subsets: [RunPlan.Subset?] =
            settings.sizes.isEmpty
            ? [nil] : (0..<settings.subsets).map { settings.subset(size: settings.sizes[0], index: $0) }
        return try subsets.flatMap { subset in
            try settings.seeds.flatMap { seed in
                try data.flatMap { data in
                    try settings.rowsWithMethods().flatMap { name, method in
                        (rates[name] ?? []).map { rate in
                            var plan = RunPlan(
                                row: name, dataSet: data.name, method: method, subset: subset, point: rate, seed: seed)
                            plan.method.learningRate = rate
                            if let steps = settings.stepsBySize[name]?.first { plan.method.steps = steps }
                            return plan
                        }
                    }
                }
            }
        }
    }

    func claims(_ results: StudyResults) -> Claims { Claims() }

    /// A rate that was tried.
    struct Trial {
        var rate: Double
        var score: RunEstimate
        var loss: Double?
    }

    /// What was tried of a row on a data set, by rate.
    func trials(_ results: StudyResults, _ data: String, row: String) -> [Trial] {
        let score = results.mainScore(of: data), split = results.splits(of: data).last ?? ""
        return results.points(data, row: row).sorted().compactMap { rate in
            let runs = results.runs(data, row: row, point: rate)
            // A rate at which a run diverges is none.
            guard !runs.contains(where: { $0.failure != nil }) else { return nil }
            return StudyResults.estimate(runs, score, split: split).map {
                Trial(rate: rate, score: $0, loss: SampleMean(runs.compactMap(\.bestValidationLoss))?.value)
            }
        }
    }

    /// The best of some trials: the least loss, and of equal ones the greatest score.
    static func best(_ trials: [Trial]) -> Trial? {
        trials.min { ($0.loss ?? .infinity, -$0.score.value) < ($1.loss ?? .infinity, -$1.score.value) }
    }

    func report(_ results: StudyResults, to page: inout ReportPage) {
        for data in results.dataSets {
            let score = results.mainScore(of: data.name)
            let rows = results.settings.rows.flatMap { row -> [ReportPage.Row] in
                let trials = trials(results, data.name, row: row), best = Self.best(trials)
                let highest = trials.map(\.score.value).max()
                return trials.map { trial in
                    let isBest = trial.rate == best?.rate
                    let isHighest = trial.score.value == highest && best?.score.value != highest
                    // The best of a search may lie beyond its ends.
                    let isEnd =
                        trials.count > 1 && (trial.rate == trials.first?.rate || trial.rate == trials.last?.rate)
                    return .init([
                        .text(row), .text(ReportNumber.short(trial.rate)), .number(trial.score.value, decimals: 1),
                        trial.loss.map { .number($0, decimals: 3) } ?? .missing, .number(Double(trial.score.runs)),
                        .text(
                            isBest
                                ? (isEnd ? "least loss, at an end of what was tried" : "least loss")
                                : isHighest ? "greatest \(score)" : ""),
                    ])
                }
            }
            page.add(
                .table(
                    .init(
                        caption: "\(data.title): validation data, means over the runs of each rate.",
                        columns: [
                            .init("method"), .init("learning rate"), .init(score), .init("validation loss"),
                            .init("runs"), .init("chosen"),
                        ], rows: rows)))
        }
    }

    func settings(_ results: StudyResults) -> String? {
        struct Settings: Encodable {
            struct Method: Encodable {
                var rate: Double
                private enum CodingKeys: String, CodingKey { case rate = "learning_rate" }
            }
            var methods: [String: Method] = [:]
        }
        // One data set at a time: the best of two would be a rate for neither.
        guard results.dataSets.count == 1, let data = results.dataSets.first else { return nil }
        var chosen = Settings()
        for row in results.settings.rows {
            chosen.methods[row] = Self.best(trials(results, data.name, row: row)).map { .init(rate: $0.rate) }
        }
        return chosen.methods.isEmpty ? nil : try? JSONText.document(chosen)
    }
}
