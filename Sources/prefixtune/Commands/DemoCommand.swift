import ArgumentParser
import Foundation
import LanguageModels
import PrefixExperiments
import PrefixTuning
import Tensors

/// Shows what prefix-tuning does, on the embedded model and data.
struct DemoCommand: ComputeCommand {
    static let configuration = CommandConfiguration(
        commandName: "demo",
        abstract: "Tune the embedded model in a few minutes and compare it with fine-tuning.",
        discussion: """
            Needs no network and no files. Leaves a prefix, metrics and report.html in the output folder.

            EXAMPLE
              prefixtune demo --output prefixtune-demo
            """)

    @Option(help: "The folder to write to.") var output = URL(fileURLWithPath: "prefixtune-demo")
    @Option(help: .file("Another base model than the embedded one.")) var model: URL?
    @Option(help: WeightPrecision.help) var precision = WeightPrecision.float32
    @Option(help: .n("Fixes everything random.")) var seed: UInt64 = 101
    @OptionGroup(title: "General") var common: CommonOptions

    @Compute func compute() async throws {
        Interrupt.outliveReaders()
        var settings = Demo.Settings()
        settings.seed = seed
        settings.precision = precision == .float32 ? nil : precision
        var display = ProgressDisplay(quiet: common.quiet)
        let demo = try Demo(base: model, settings: settings, output: output) { event in
            switch event {
            case .stage(let name): display.note(name)
            case .step(let step, let total, let rate, let left):
                display.update(
                    step.number, of: total, facts: String(format: "loss %.3f  %.0f tokens/s", step.tokenLoss, rate),
                    secondsLeft: left)
            case .validation(let step, let loss):
                if common.verbose { display.note(String(format: "step %d: validation loss %.4f", step, loss)) }
            }
        }
        let results = try demo.run()
        print(Self.table(results))
        print("The report is at \(output.appendingPathComponent("report.html").path)")
    }

    private static func table(_ results: DemoResults) -> String {
        func pad(_ text: String, _ width: Int) -> String {
            String(repeating: " ", count: max(0, width - text.count)) + text
        }
        var lines = [
            "                        parameters      file   seen topics      unseen topics",
            "                            stored        kB   BLEU  ROUGE-L    BLEU  ROUGE-L",
        ]
        for system in results.systems {
            lines.append(
                system.name.padding(toLength: 22, withPad: " ", startingAt: 0)
                    + pad("\(system.storedParameters)", 12)
                    + pad(String(format: "%.0f", Double(system.fileBytes) / 1000), 10)
                    + pad(String(format: "%.1f", system.seen.bleu), 7)
                    + pad(String(format: "%.1f", system.seen.rougeL), 9)
                    + pad(String(format: "%.1f", system.unseen.bleu), 8)
                    + pad(String(format: "%.1f", system.unseen.rougeL), 9))
        }
        return lines.joined(separator: "\n")
    }
}
