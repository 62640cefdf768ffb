import Foundation
import LanguageModels
import Reports

extension [AttentionMass] {
    /// A page with the shares as tables and lines.
    ///
    /// - Parameters:
    ///   - subtitle: What was read by what.
    ///   - byline: Small print: program, date.
    public func reportPage(subtitle: String, byline: [String] = []) -> ReportPage {
        var page = ReportPage(
            title: "Attention to a prefix", subtitle: subtitle, byline: byline,
            footer: "Shares are means over tokens of softmax probabilities; what is left to 100% went to the text.")
        page.add(
            .keyFigures(
                map {
                    .init(
                        AttentionMass.percent($0.total), label: "of \($0.kind.rawValue) attention goes to the prefix",
                        note: "\($0.length) positions, \($0.tokenCount) tokens")
                }))
        for mass in self { page.add(mass.blocks) }
        return page
    }
}

extension AttentionMass {
    /// 0.1234 → "12.3%".
    public static func percent(_ share: Double) -> String { ReportNumber.fixed(100 * share, decimals: 1) + "%" }

    fileprivate var blocks: [ReportPage.Block] {
        let shown = mostAttended.prefix(12).sorted()
        func row(_ name: String, _ total: Double, _ shares: [Double]) -> ReportPage.Row {
            .init([.text(name), Self.cell(total)] + shown.map { Self.cell(shares[$0]) })
        }
        let positions = ReportPage.Table(
            caption: "Share of \(kind.rawValue) attention in percent, by layer and position"
                + (shown.count < length ? "; the \(shown.count) most attended of \(length) positions." : "."),
            columns: [.init("layer"), .init("prefix")] + shown.map { .init("\($0)", group: "position") },
            rows: (0..<layerCount).map { row("\($0)", total(layer: $0), shares(layer: $0)) }
                + [row("all", total, positionShares)])
        let heads = ReportPage.Table(
            caption: "Share of the whole prefix in percent, by layer and head.",
            columns: [.init("layer")] + (0..<headCount).map { .init("\($0)", group: "head") },
            rows: (0..<layerCount).map { layer in
                .init([.text("\(layer)")] + (0..<headCount).map { Self.cell(total(layer: layer, head: $0)) })
            })
        return [
            .heading("\(kind.rawValue.capitalized) attention"), .chart(positionChart), .table(positions),
            .chart(layerChart), .details(summary: "Heads", blocks: [.table(heads)]),
        ]
    }

    private static func cell(_ share: Double) -> ReportPage.Cell { .number(100 * share, decimals: 1) }

    private var positionChart: ReportPage.LineChart {
        ReportPage.LineChart(
            title: "Share of each position", caption: "Means over all layers and heads.", xLabel: "position",
            yLabel: "% of attention", series: [Self.series("mean", positionShares, .points)])
    }

    private var layerChart: ReportPage.LineChart {
        let totals = (0..<layerCount).map { layer in (0..<headCount).map { total(layer: layer, head: $0) } }
        return ReportPage.LineChart(
            title: "Share of the whole prefix in each layer", xLabel: "layer", yLabel: "% of attention",
            series: [
                Self.series("mean of heads", (0..<layerCount).map { total(layer: $0) }),
                Self.series("largest head", totals.map { $0.max() ?? 0 }, .dashed),
                Self.series("smallest head", totals.map { $0.min() ?? 0 }, .dotted),
            ])
    }

    private static func series(
        _ name: String, _ shares: [Double], _ stroke: ReportPage.LineChart.Stroke = .solid
    ) -> ReportPage.LineChart.Series {
        .init(name: name, points: shares.enumerated().map { .init(x: Double($0), y: 100 * $1) }, stroke: stroke)
    }
}
