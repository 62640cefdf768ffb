import Reports

/// Tables and curves of federated rounds.
struct FederatedTables {
    let results: StudyResults

    /// 49.2 kB.
    static func size(_ bytes: Int) -> String {
        bytes >= 1_000_000
            ? "\(ReportNumber.short(Double(bytes) / 1e6)) MB" : "\(ReportNumber.short(Double(bytes) / 1e3)) kB"
    }

    /// Rows and scenarios that there are runs of, in the order of the settings.
    private func cells(_ data: String) -> [(method: String, scenario: String, runs: [RunResult])] {
        results.settings.rows.flatMap { row in
            (results.settings.federated?.plan[row] ?? []).compactMap { scenario in
                let runs = results.runs(data, row: FederatedStudy.row(row, scenario))
                return runs.isEmpty ? nil : (row, scenario, runs)
            }
        }
    }

    /// "96.3 ± 1.2" over seeds.
    private static func text(_ values: [Double], decimals: Int) -> ReportPage.Cell {
        guard let mean = RunEstimate(values.map { (nil, $0) }) else { return .missing }
        let half = mean.halfWidth.map { " ± \(ReportNumber.fixed($0, decimals: decimals))" } ?? ""
        return .text(ReportNumber.fixed(mean.value, decimals: decimals) + half)
    }

    /// Bytes and scores.
    func main(_ data: String) -> ReportPage.Table {
        let score = results.mainScore(of: data), splits = results.splits(of: data)
        let central = Dictionary(
            cells(data).filter { $0.scenario == FederationSettings.central }.map { ($0.method, $0.runs) }
        ) { first, _ in first }
        let last = splits.last ?? ""
        return ReportPage.Table(
            caption:
                "\(results.title(data)): what travels, and what comes of it; means over \(results.settings.seeds.count) seeds with "
                + "95% intervals. A share is that of \(score) with all data in one place, for the same method and number of steps.",
            columns: [
                .init("method"), .init("clients"), .init("down, a client and round"), .init("up"), .init("in all"),
            ] + splits.map { .init("\(score), \(StudyResults.title(split: $0))") }
                + [.init("% of centralised"), .init("error of aggregation"), .init("runs")],
            rows: cells(data).map { method, scenario, runs in
                let federated = runs.compactMap(\.federated), one = federated.first
                let shares = StudyResults.pairs(runs, central[method] ?? []).compactMap { mine, other in
                    mine.score(score, split: last).flatMap { a in
                        other.score(score, split: last).map { 100 * a.value / max($0.value, 1e-9) }
                    }
                }
                func bytes(_ count: Int?) -> ReportPage.Cell {
                    guard let count, count > 0 else { return .missing }
                    return .text(Self.size(count))
                }
                let error = federated.flatMap { $0.aggregationErrors ?? [] }.max()
                return .init(
                    [
                        .text(method), .text(scenario), bytes(one?.bytesDown), bytes(one?.bytesUp),
                        bytes(one?.bytesInAll),
                    ]
                        + splits.map { split in
                            Self.text(runs.compactMap { $0.score(score, split: split)?.value }, decimals: 1)
                        } + [
                            scenario == FederationSettings.central ? .missing : Self.text(shares, decimals: 1),
                            error.map { .text(ReportNumber.short($0, digits: 2)) } ?? .missing,
                            .number(Double(runs.count)),
                        ])
            })
    }

    /// Losses of clients.
    func losses(_ data: String) -> ReportPage.Table {
        ReportPage.Table(
            caption:
                "\(results.title(data)): validation loss of clients in nats per token, at the end; where all data is in one place, of topics.",
            columns: [
                .init("method"), .init("clients"), .init("mean client"), .init("worst client"),
                .init("examples of the smallest and the largest client"),
            ],
            rows: cells(data).map { method, scenario, runs in
                let federated = runs.compactMap(\.federated), sizes = federated.flatMap(\.clientExamples)
                return .init([
                    .text(method), .text(scenario), Self.text(federated.compactMap(\.meanLoss), decimals: 3),
                    Self.text(federated.compactMap(\.worstLoss), decimals: 3),
                    .text("\(sizes.min() ?? 0) to \(sizes.max() ?? 0)"),
                ])
            })
    }

    /// Validation losses round by round, of the first run of each scenario of the first row.
    func curves(_ data: String) -> ReportPage.LineChart {
        let row = results.settings.rows.first ?? ""
        return ReportPage.LineChart(
            title: "Loss per token, \(results.title(data)), \(row)",
            caption: "Validation loss in nats after each round; the first run of each.", xLabel: "steps of a client",
            yLabel: "nats per token", yScale: .logarithmic,
            series: cells(data).filter { $0.method == row && $0.runs[0].validation.count > 2 }.map { cell in
                .init(
                    name: cell.scenario, points: cell.runs[0].validation.map { .init(x: Double($0.step), y: $0.loss) },
                    tone: nil)
            })
    }

    /// BLEU by ε; nil where nothing is private.
    func privacy(_ data: String) -> ReportPage.Table? {
        let score = results.mainScore(of: data)
        let cells = cells(data).filter { $0.runs[0].plan.federation?.isPrivate == true }
        guard !cells.isEmpty else { return nil }
        return ReportPage.Table(
            caption:
                "\(results.title(data)): privacy of clients at a server that they trust. ε by Rényi differential privacy of the sampled "
                + "Gaussian mechanism (Mironov, Talwar & Zhang 2019), for all rounds together.",
            columns: [
                .init("method"), .init("clients"), .init("clip"), .init("noise σ"), .init("ε"), .init("δ"),
            ] + results.splits(of: data).map { .init("\(score), \(StudyResults.title(split: $0))") },
            rows: cells.map { method, scenario, runs in
                let federation = runs[0].plan.federation, federated = runs[0].federated
                func number(_ value: Double?) -> ReportPage.Cell {
                    value.map { .text(ReportNumber.short($0, digits: 3)) } ?? .missing
                }
                return .init(
                    [
                        .text(method), .text(scenario), number(federation?.clip), number(federation?.noise ?? 0),
                        federated?.epsilon == nil ? .text("∞") : number(federated?.epsilon), number(federated?.delta),
                    ]
                        + results.splits(of: data).map { split in
                            Self.text(runs.compactMap { $0.score(score, split: split)?.value }, decimals: 1)
                        })
            })
    }
}
