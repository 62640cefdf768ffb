import PrefixTuning
import Reports

/// Section 8 and the appendix: time and memory of training.
struct SpeedStudy: Study {
    let name = "speed"
    let title = "Time and memory of training"
    let claim =
        "An epoch of prefix-tuning takes about two thirds of the time of fine-tuning (0.2 against 0.3 hours on 22,000 examples), and "
        + "a third of the memory at batch 1 (18% against 50% of a GPU; section 8, ACL version)."
    let measuresMemory = true

    func runs(_ settings: ExperimentSettings, _ data: [ExperimentDataSet]) throws -> [RunPlan] {
        try runs(settings, data, over: [nil])
    }

    func claims(_ results: StudyResults) -> Claims {
        var claims = Claims()
        for data in results.dataSets {
            guard let prefix = results.runs(data.name, row: "prefix").first,
                let tuned = results.runs(data.name, row: "fine-tune").first
            else { continue }
            let (mine, others) = (Self.secondsPerEpoch(prefix), Self.secondsPerEpoch(tuned))
            claims.add(
                "\(data.title): an epoch takes less time than with fine-tuning",
                Comparison(
                    lessOf: mine, than: others,
                    evidence: "\(ReportNumber.short(mine)) s against \(ReportNumber.short(others)) s: "
                        + "\(ReportNumber.fixed(mine / others, decimals: 2)) of it"))
            if let a = prefix.peakMemory, let b = tuned.peakMemory {
                claims.add(
                    "\(data.title): memory is less than with fine-tuning",
                    Comparison(
                        lessOf: Double(a), than: Double(b),
                        evidence: "\(a / 1_000_000) MB against \(b / 1_000_000) MB: "
                            + "\(ReportNumber.fixed(Double(a) / Double(b), decimals: 2)) of it"))
            }
        }
        return claims
    }

    func report(_ results: StudyResults, to page: inout ReportPage) {
        for data in results.dataSets {
            page.add(
                .table(
                    .init(
                        caption: "\(data.title): training alone, one run at a time.",
                        columns: [
                            .init("method"), .init("tokens/s", best: .highest),
                            .init("seconds per epoch", best: .lowest), .init("peak memory, MB", best: .lowest),
                            .init("trained values"), .init("stored values"),
                        ],
                        rows: results.settings.rows.compactMap { row in
                            guard let run = results.runs(data.name, row: row).first else { return nil }
                            return .init([
                                .text(row), .number(Double(run.tokens) / max(1e-9, run.seconds)),
                                .number(Self.secondsPerEpoch(run), decimals: 1),
                                run.peakMemory.map { .number(Double($0) / 1e6) } ?? .missing,
                                .number(Double(run.trainableParameters)), .number(Double(run.storedParameters)),
                            ])
                        })))
        }
    }

    /// Time of training by the number of examples that were read, for as many as there are.
    private static func secondsPerEpoch(_ run: RunResult) -> Double {
        let read = Double(run.steps * min(run.batchSize, run.examples))
        return run.seconds / max(1, read) * Double(run.examples)
    }
}
