import ArgumentParser
import Foundation
import LanguageModels
import PrefixTuning
import Reports
import Tensors

/// Shows how much attention a prefix gets.
struct Attention: ComputeCommand {
    static let configuration = CommandConfiguration(
        abstract: "How much attention each position of a prefix gets.",
        discussion: """
            The model reads texts after the prefix; a position's share is the mean over their tokens of its probability in \
            the attention's softmax, in each layer and head. What is left to 100% goes to the text itself. With --json all \
            layers, heads and positions.

            EXAMPLE
              prefixtune attention --prefix e2e-prefix --input src1_valid.txt --report a.html
            """)

    @OptionGroup(title: "Model") var model: ModelOptions
    @OptionGroup var source: PromptSource
    @Option(help: .text("What follows the prompt.")) var completion: String?
    @Option(help: .n("Only so many examples, from the first on.")) var limit: Int?
    @OptionGroup(title: "Lengths") var limits: TaskLimits
    @Flag(help: "Only tokens from which a token of the completion is predicted count.") var completionOnly = false
    @Option(help: .n("Positions that are shown: the most attended.")) var top = 8
    @Flag(help: "Print JSON.") var json = false
    @Option(help: .file("An HTML file to write as well.")) var report: URL?
    @OptionGroup(title: "General") var common: CommonOptions

    func validate() throws {
        if model.prefix == nil { throw ValidationError("Give a prefix to look at: --prefix.") }
        if completion != nil, source.prompt == nil {
            throw ValidationError("--completion has no meaning without --prompt; add it or leave it out.")
        }
        for (name, value) in [("top", top), ("limit", limit ?? 1)] where value < 1 {
            throw ValidationError("--\(name) is \(value), but at least 1 is needed.")
        }
    }

    @Compute func compute() async throws {
        try ResultOutput.check(
            ["--report": report], against: ["--input": [source.input?.url], "the model": model.inputs.map(\.value)])
        let files = try await model.files(common), task = try source.resolved(try files.taskRecord)
        var examples = try source.examples(completion: completion, task, common)
        if let limit { examples = Array(examples.prefix(limit)) }
        let loaded = try model.load(files, common), meter = try AttentionMeter(loaded)
        let texts = try AttentionMeter.texts(
            of: examples, model: loaded.model.network, tokenizer: loaded.tokenizer(limits.format(of: task)),
            predictingOnly: completionOnly)
        func writeAll(_ writeReport: (String) throws -> Void) throws {
            let masses = try measure(texts, meter)
            let text = json ? try JSONText.document(masses.map(AttentionFacts.init)) : table(masses)
            try ResultOutput.write(to: nil) { try $0(text) }
            let page = masses.reportPage(
                subtitle:
                    "\(model.prefix.map { "\($0)" } ?? "") while \(loaded.model.name) reads \(counted(texts.count, "text"))",
                byline: ["prefixtune attention", Date().formatted(.iso8601.year().month().day())])
            try writeReport(page.html)
        }
        guard let report else { return try writeAll { _ in } }
        try ResultOutput.write(to: report) { try writeAll($0) }
    }

    @Compute private func measure(_ texts: [AttentionMeter.Text], _ meter: AttentionMeter) throws -> [AttentionMass] {
        var display = ProgressDisplay(quiet: common.quiet || texts.count < 2, unit: "text")
        return try meter.measure(texts) { display.update($0, of: texts.count, facts: "read") }
    }

    private func table(_ masses: [AttentionMass]) -> String {
        masses.map { mass in
            let shown = mass.mostAttended.prefix(top)
            return
                "\(mass.kind.rawValue) attention: \(AttentionMass.percent(mass.total)) of that of "
                + "\(counted(mass.tokenCount, "token")) goes to the prefix of \(counted(mass.length, "position"))\n"
                + "most attended: "
                + shown.map { "\($0) (\(AttentionMass.percent(mass.positionShares[$0])))" }.joined(separator: ", ")
                + "\n\n" + Self.grid(mass, positions: shown.sorted()) + "\n" + Self.heads(mass)
        }.joined(separator: "\n")
    }

    /// Layers by positions.
    private static func grid(_ mass: AttentionMass, positions: [Int]) -> String {
        func row(_ name: String, _ total: Double, _ shares: [Double]) -> [String] {
            [name, AttentionMass.percent(total)] + positions.map { AttentionMass.percent(shares[$0]) }
        }
        return lines(
            [["layer", "prefix"] + positions.map { "pos \($0)" }]
                + (0..<mass.layerCount).map { row("\($0)", mass.total(layer: $0), mass.shares(layer: $0)) }
                + [row("all", mass.total, mass.positionShares)])
    }

    /// Layers by heads.
    private static func heads(_ mass: AttentionMass) -> String {
        lines(
            [["layer"] + (0..<mass.headCount).map { "head \($0)" }]
                + (0..<mass.layerCount).map { layer in
                    ["\(layer)"]
                        + (0..<mass.headCount).map { AttentionMass.percent(mass.total(layer: layer, head: $0)) }
                })
    }

    private static func lines(_ rows: [[String]]) -> String {
        rows.map { row in row.map { TerminalText.padded($0, to: 7, atStart: true) }.joined(separator: " ") + "\n" }
            .joined()
    }
}

/// Shares as JSON.
private struct AttentionFacts: Encodable {
    struct Shares: Encodable {
        let share: Double
        let positions: [Double]
    }
    struct Layer: Encodable {
        let share: Double
        let positions: [Double]
        let heads: [Shares]
    }

    let attention: AttentionKind
    let tokens: Int
    let share: Double
    let positions: [Double]
    let most_attended: [Int]
    let layers: [Layer]

    init(_ mass: AttentionMass) {
        attention = mass.kind
        tokens = mass.tokenCount
        share = mass.total
        positions = mass.positionShares
        most_attended = mass.mostAttended
        layers = (0..<mass.layerCount).map { layer in
            Layer(
                share: mass.total(layer: layer), positions: mass.shares(layer: layer),
                heads: (0..<mass.headCount).map {
                    Shares(
                        share: mass.total(layer: layer, head: $0), positions: mass.shares(layer: layer, head: $0))
                })
        }
    }
}
