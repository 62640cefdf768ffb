import Foundation
import PrefixTuning
import Reports

/// The page that a demonstration leaves behind.
struct DemoReport {
    private let results: DemoResults
    private let folder: URL

    init(_ results: DemoResults, folder: URL) {
        self.results = results
        self.folder = folder
    }

    func page() throws -> ReportPage {
        var page = ReportPage(
            title: "Prefix-tuning a frozen model",
            subtitle:
                "The embedded base model learns to write about tables: without a prefix, with one, and fine-tuned",
            byline: ["prefixtune demo", Date().formatted(.iso8601.year().month().day())],
            footer: "Li & Liang 2021, Prefix-Tuning: Optimizing Continuous Prompts for Generation")
        page.add(.keyFigures(keyFigures))
        page.add(.heading("Results"))
        page.add(.table(table))
        page.add(
            .paragraph(
                "Seen topics occur in the training tables, unseen topics do not (nor do two thirds of their attributes). "
                    + "Each test set has 120 tables with three references. Texts are decoded with beam search "
                    + "(\(results.settings.beams) beams); BLEU and ROUGE-L are computed as the E2E challenge computes them."
            ))
        page.add(.heading("Training"))
        page.add(.chart(try chart))
        page.add(
            .note(
                "Why validation loss rises while training loss falls: training texts use the first of three wordings of each "
                    + "attribute, while a validation table has a text in each of the three. The surer a system is of the first "
                    + "wording, the less probable it finds the other two. Its texts do not get worse by that: the scores above "
                    + "count a text as right in any of the three."))
        page.add(.heading("What each wrote about three tables"))
        page.add(try samples)
        page.add(.heading("The runs"))
        page.add(.facts(facts))
        return page
    }

    private var prefix: DemoResults.System { results.systems[1] }
    private var fineTuning: DemoResults.System { results.systems[2] }

    private var keyFigures: [ReportPage.KeyFigure] {
        let share = Double(prefix.storedParameters) / Double(results.modelParameters)
        return [
            .init(
                String(format: "%.2f%%", 100 * share), label: "of the parameters are stored per task",
                note: "\(prefix.storedParameters) of \(results.modelParameters)"),
            .init(
                String(format: "%.0f%%", 100 * prefix.seen.bleu / fineTuning.seen.bleu),
                label: "of fine-tuning's BLEU on seen topics",
                note: String(format: "%.1f of %.1f", prefix.seen.bleu, fineTuning.seen.bleu)),
            .init(
                String(format: "%.0f%%", 100 * prefix.unseen.bleu / fineTuning.unseen.bleu),
                label: "of fine-tuning's BLEU on unseen topics",
                note: String(format: "%.1f of %.1f", prefix.unseen.bleu, fineTuning.unseen.bleu)),
            .init(
                String(format: "%.0f s", results.seconds), label: "for everything on this page",
                note: "\(results.threads) threads, no GPU"),
        ]
    }

    private var table: ReportPage.Table {
        ReportPage.Table(
            caption: "The quality of the texts, and what is stored per task.",
            columns: [
                .init("system"), .init("BLEU", group: "seen topics", best: .highest),
                .init("ROUGE-L", group: "seen topics", best: .highest),
                .init("BLEU", group: "unseen topics", best: .highest),
                .init("ROUGE-L", group: "unseen topics", best: .highest), .init("stored parameters"),
                .init("file, kB"), .init("training, s"),
            ],
            rows: results.systems.map { system in
                .init([
                    .text(system.name), .number(system.seen.bleu, decimals: 1),
                    .number(system.seen.rougeL, decimals: 1), .number(system.unseen.bleu, decimals: 1),
                    .number(system.unseen.rougeL, decimals: 1), .number(Double(system.storedParameters)),
                    .number(Double(system.fileBytes) / 1000), .number(system.trainingSeconds),
                ])
            })
    }

    private var chart: ReportPage.LineChart {
        get throws {
            func series(_ folder: String, _ file: String, _ key: String) throws -> [ReportPage.LineChart.Point] {
                let data = try Data(contentsOf: self.folder.appendingPathComponent("\(folder)/\(file)"))
                return try data.split(separator: UInt8(ascii: "\n")).compactMap { line in
                    let values = try JSONDecoder().decode([String: Double].self, from: line)
                    guard let step = values["step"], let value = values[key] else { return nil }
                    return .init(x: step, y: value)
                }
            }
            return ReportPage.LineChart(
                title: "Loss per token",
                caption: "Cross-entropy of the text's tokens in nats; training loss is a mean over the batch.",
                xLabel: "step", yLabel: "nats per token", yScale: .logarithmic,
                series: [
                    .init(
                        name: "prefix, training", points: try series("prefix", "metrics.jsonl", "token_loss"),
                        tone: .blue, smoothing: 9),
                    .init(
                        name: "prefix, validation", points: try series("prefix", "validation.jsonl", "loss"),
                        tone: .blue, stroke: .dashed),
                    .init(
                        name: "fine-tuning, training", points: try series("fine-tune", "metrics.jsonl", "token_loss"),
                        tone: .vermilion, smoothing: 9),
                    .init(
                        name: "fine-tuning, validation", points: try series("fine-tune", "validation.jsonl", "loss"),
                        tone: .vermilion, stroke: .dashed),
                ])
        }
    }

    /// Two tables of seen topics and one of an unseen topic, with all outputs.
    private var samples: [ReportPage.Block] {
        get throws {
            let seen = try TuningTask.embedded.read(EmbeddedModel.tables(.testSeen))
            let unseen = try TuningTask.embedded.read(EmbeddedModel.tables(.testUnseen))
            func card(_ title: String, _ table: Example, _ texts: [String]) -> ReportPage.Block {
                let tones: [ReportPage.Tone] = [.gray, .blue, .vermilion]
                return .example(
                    .init(
                        title: title,
                        source: .init(linearized: table.prompt.trimmingCharacters(in: .whitespacesAndNewlines)),
                        outputs: zip(zip(results.systems, texts), tones).map { pair, tone in
                            .init(system: pair.0.name, text: pair.1, tone: tone)
                        },
                        references: table.references))
            }
            return [
                card("Seen topic", seen[0], results.systems.map { $0.seen.texts[0] }),
                card("Seen topic", seen[1], results.systems.map { $0.seen.texts[1] }),
                card("Unseen topic", unseen[0], results.systems.map { $0.unseen.texts[0] }),
            ]
        }
    }

    private var facts: [ReportPage.Fact] {
        let settings = results.settings
        return [
            .init(
                "prefix",
                "\(settings.prefixLength) positions, MLP of hidden width \(settings.hiddenWidth) while training, "
                    + "\(settings.prefixSteps) steps, peak rate \(settings.prefixLearningRate), "
                    + String(format: "%.0f tokens/s", prefix.tokensPerSecond)),
            .init(
                "fine-tuning",
                "\(settings.fineTuningSteps) steps, peak rate \(settings.fineTuningLearningRate), "
                    + String(format: "%.0f tokens/s", fineTuning.tokensPerSecond)),
            .init(
                "both",
                "batches of \(settings.batchSize), AdamW, 20 steps of warm-up, linear decay, seed \(settings.seed)"),
            .init("choice of rates", "on the validation tables; the test tables were not looked at"),
            .init("time", String(format: "%.0f s on %d threads", results.seconds, results.threads)),
        ]
    }
}
