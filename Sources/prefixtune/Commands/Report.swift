import ArgumentParser
import Foundation
import LanguageModels
import PrefixExperiments
import PrefixTuning

/// Makes a page to look at of training runs, or the report of an experiment anew.
struct Report: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Make a page of a training run, lay several over each other, or make an experiment's report anew.",
        discussion: """
            One run: its curves, samples, settings and speed, as train leaves them in report.html. Several: their curves in \
            the same charts, what came of each, and the settings in which they differ. A run may still be going on. Of an \
            experiment's folder the report is made anew from experiment.json and results.json; --svg and --markdown write the \
            main figures of one experiment or several as a picture and as tables, with 95% intervals.

            EXAMPLE
              prefixtune report runs/length-5 runs/length-10 --output lengths.html
              prefixtune report low-data-e2e low-data-webnlg --svg low-data.svg --markdown low-data.md
            """)

    @Argument(help: "Folders that train wrote to, or one that experiment wrote to.") var runs: [URL]
    @Option(help: "The page to write; by default report.html, in the folder of one run, or here for several.")
    var output: URL?
    @Option(help: .file("Experiments: draw the main score of all rows, as SVG, instead of a page.")) var svg: URL?
    @Option(help: .file("Experiments: write the scores of all rows as Markdown tables, instead of a page."))
    var markdown: URL?
    @OptionGroup(title: "General") var common: CommonOptions

    func run() async throws {
        if svg != nil || markdown != nil { return try summarize() }
        if runs.count == 1, Self.isExperiment(runs[0]) {
            let report = try Experiment.rewriteReport(in: runs[0], to: output.map(ResultOutput.prepared))
            return print("The report is at \(report.path)")
        }
        let records = try runs.map { run in
            if Self.isExperiment(run) { throw CommandError.experimentAmongRuns(path: run.path) }
            return try TrainingRecord(run)
        }
        let place =
            output ?? (runs.count == 1 ? runs[0] : URL(fileURLWithPath: ".")).appendingPathComponent("report.html")
        try AtomicFile.write(TrainingReport(records).html.utf8, to: ResultOutput.prepared(place))
        print("The report is at \(place.path)")
    }

    private func summarize() throws {
        if let run = runs.first(where: { !Self.isExperiment($0) }) { throw CommandError.noExperiment(path: run.path) }
        let summary = try StudySummary(of: runs)
        for (file, text) in [(svg, summary.svg), (markdown, summary.markdown)] {
            guard let file else { continue }
            try AtomicFile.write(text.utf8, to: ResultOutput.prepared(file))
            print("Written: \(file.path)")
        }
    }

    private static func isExperiment(_ folder: URL) -> Bool {
        FileManager.default.fileExists(atPath: folder.appendingPathComponent("experiment.json").path)
    }
}
