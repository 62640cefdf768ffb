import PrefixTuning
import Reports

/// Federated rounds: data stays with clients, what they train travels.
///
/// Each row is trained in each of its scenarios, with rounds × local steps the same for all, and once on all data in one place.
struct FederatedStudy: Study {
    let name = "federated"
    let title = "Federated rounds"
    let claim =
        "A prefix per user keeps the data of users apart (section 8.1, which names federated learning). What one prefix learns from all "
        + "of them in rounds, and with how many bytes, it leaves open."

    /// What a run's row is called.
    static func row(_ method: String, _ scenario: String) -> String { "\(method) \(scenario)" }

    func runs(_ settings: ExperimentSettings, _ data: [ExperimentDataSet]) throws -> [RunPlan] {
        guard let federated = settings.federated else {
            throw ExperimentError.unsuitable(experiment: name, reason: "there are no settings under the key federated")
        }
        // Seeds outermost: where time runs out, all rows have as many.
        return try settings.seeds.flatMap { seed in
            try data.flatMap { data in
                let topics = Set(data.train.map(\.group)).count
                return try settings.rowsWithMethods().flatMap { row, method in
                    try (federated.plan[row] ?? [FederationSettings.central]).map { scenario in
                        let federation = try federated.scenario(scenario)
                        if federation.split == .topics, topics < federation.clients ?? 1 {
                            throw ExperimentError.unsuitable(
                                experiment: name,
                                reason:
                                    "\(data.name) has \(topics) topics, too few for \(federation.clients ?? 1) clients of "
                                    + "the scenario \(scenario)")
                        }
                        if federation.stacks == true, method.method != .lora || method.freeze != nil {
                            throw ExperimentError.unsuitable(
                                experiment: name,
                                reason:
                                    "\(scenario) stacks the matrices of lora, and \(row) is not lora with both trained")
                        }
                        var plan = RunPlan(
                            row: Self.row(row, scenario), dataSet: data.name, method: method, seed: seed,
                            federation: federation)
                        plan.method.steps = (federation.rounds ?? 1) * (federation.localSteps ?? 1)
                        plan.method.proximal = federation.proximal ?? method.proximal
                        return plan
                    }
                }
            }
        }
    }

    /// 0.5% of fine-tuning's bytes, and 95% of what the same method reaches with all data in one place.
    private static let byteShare = 0.005, scoreShare = 0.95

    func claims(_ results: StudyResults) -> Claims {
        var claims = Claims()
        for data in results.dataSets.map(\.name) {
            let title = results.title(data)
            func runs(_ method: String, _ scenario: String) -> [RunResult] {
                results.runs(data, row: Self.row(method, scenario))
            }
            let prefix = results.settings.rows.first { $0.hasPrefix("prefix") } ?? "prefix"
            claims.add(
                "\(title): a prefix needs at most 0.5% of fine-tuning's bytes",
                Self.bytes(runs(prefix, "iid").first, runs("fine-tune", "iid").first))
            for (scenario, words) in [("iid", "clients that are alike"), ("topics", "a topic at each client")] {
                claims.add(
                    "\(title), \(words): a prefix reaches 95% of its BLEU with all data in one place",
                    Self.share(
                        runs(prefix, scenario), of: runs(prefix, FederationSettings.central),
                        score: results.mainScore(of: data), split: results.splits(of: data).last ?? ""))
            }
            // The product of one client's matrices is exact.
            let errors = results.runs.filter {
                $0.plan.dataSet == data && $0.federated?.aggregationErrors != nil
                    && $0.plan.federation?.clients ?? 1 > 1
            }
            func largest(_ isMeant: (RunPlan) -> Bool) -> Double? {
                errors.filter { isMeant($0.plan) }.flatMap { $0.federated?.aggregationErrors ?? [] }.max()
            }
            let stacked = largest { $0.federation?.stacks == true }, frozen = largest { $0.method.freeze != nil }
            let averaged = errors.filter { $0.plan.federation?.stacks != true && $0.plan.method.freeze == nil }
                .flatMap { $0.federated?.aggregationErrors ?? [] }.min()
            claims.add(
                "\(title): the product of LoRA's mean matrices is not the mean of the products, but where A is frozen or "
                    + "matrices are stacked",
                Self.errors(averaged: averaged, exact: [frozen, stacked]))
        }
        return claims
    }

    private static func bytes(_ prefix: RunResult?, _ tuned: RunResult?) -> Comparison {
        guard let mine = prefix?.federated?.bytesInAll, let other = tuned?.federated?.bytesInAll, other > 0 else {
            return Comparison(difference: nil, noise: nil, evidence: "")
        }
        return Comparison(
            difference: byteShare * Double(other) - Double(mine), noise: 0,
            evidence: "\(FederatedTables.size(mine)) against \(FederatedTables.size(other)) in all rounds: "
                + "\(ReportNumber.fixed(100 * Double(mine) / Double(other), decimals: 2))%")
    }

    /// Whether runs reach a share of what others reach, in pairs of the same seed.
    private static func share(
        _ runs: [RunResult], of others: [RunResult], score: String, split: String
    ) -> Comparison {
        let pairs = StudyResults.pairs(runs, others).compactMap { mine, other in
            mine.score(score, split: split).flatMap { a in
                other.score(score, split: split).map { (a.value, $0.value) }
            }
        }
        guard let ratio = RunEstimate(pairs.map { (nil, 100 * $0 / max($1, 1e-9)) }),
            let difference = RunEstimate(pairs.map { (nil, $0 - scoreShare * $1) })
        else { return Comparison(difference: nil, noise: nil, evidence: "") }
        let half = ratio.halfWidth.map { " ± \(ReportNumber.fixed($0, decimals: 1))" } ?? ""
        return Comparison(
            difference: difference.value, noise: difference.halfWidth,
            evidence: "\(score) \(ReportNumber.fixed(ratio.value, decimals: 1))\(half)% (\(ratio.design))")
    }

    private static func errors(averaged: Double?, exact: [Double?]) -> Comparison {
        guard let averaged, let largest = exact.compactMap(\.self).max(), !exact.contains(nil) else {
            return Comparison(difference: nil, noise: nil, evidence: "")
        }
        return Comparison(
            difference: averaged > 1e-6 && largest < 1e-6 ? 1 : -1, noise: 0,
            evidence:
                "relative errors: of means at least \(ReportNumber.short(averaged, digits: 2)), of the others at most "
                + ReportNumber.short(largest, digits: 2))
    }

    func report(_ results: StudyResults, to page: inout ReportPage) {
        let tables = FederatedTables(results: results)
        for data in results.dataSets.map(\.name) {
            page.add(.table(tables.main(data)))
            page.add(.table(tables.losses(data)))
            page.add(.chart(tables.curves(data)))
            if let privacy = tables.privacy(data) { page.add(.table(privacy)) }
        }
        page.add(
            .details(
                summary: "How rounds are computed",
                blocks: [
                    .paragraph(
                        "Client c trains in round r with the seed of the run + 1000 r + c, from the server's values, with an optimiser of "
                            + "its own that begins anew in each round; the same bits come of the same settings. Bytes are those of "
                            + "32-bit values, without what a protocol adds. A client's loss is that of the topics' validation "
                            + "examples, by its share of each. Intervals are of 95% over seeds (Student's t), which also decide who "
                            + "has which data.")
                ]))
    }
}
