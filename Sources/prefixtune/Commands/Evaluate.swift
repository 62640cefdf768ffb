import ArgumentParser
import Foundation
import LanguageModels
import PrefixTuning
import TextMetrics

/// Scores texts against references.
struct Evaluate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Score generated texts against references.",
        discussion: """
            Predictions: a text per line, or JSON lines with "text". References: blocks separated by blank lines, a text \
            per line, JSON lines with "references", a table (CSV, TSV), or the files of the task itself, whose entries of equal \
            source count as one, as they do for generate. Either may be gzip-compressed.

            METEOR takes synonyms from an installed WordNet, if there is one. With PREFIXTUNE_METEOR_DATA set to a folder \
            where meteor-1.5.jar was unpacked, and paraphrase-en.gz beside it, all is as METEOR has it.

            EXAMPLE
              prefixtune evaluate --predictions texts.jsonl --task e2e \\
                --references src1_test.txt
              prefixtune evaluate --predictions texts.jsonl --task dart \\
                --references test.jsonl --bert-score FacebookAI/roberta-large
            """)

    @Option(help: .file("The generated texts; - for standard input.")) var predictions: InputFile
    @Option(help: .file("What they are compared with.")) var references: InputFile
    @Option(help: "The rules: e2e, webnlg, dart (their scripts), xsum (ROUGE), or plain.") var task = EvaluationSuite
        .plain
    @OptionGroup(title: "Fields of JSON and tables") var fields: FieldOptions
    @Option(help: .file("Another system's texts for the same instances, to compare with.")) var baseline: InputFile?
    @Option(help: .n("Resampled test sets for 95% intervals and paired tests; 0 for none.")) var bootstrap = 0
    @Flag(help: "Print JSON instead of a table.") var json = false
    @OptionGroup(title: "BERTScore") var bertScore: BERTScoreOptions
    @OptionGroup(title: "General") var common: CommonOptions

    func validate() throws {
        guard (0...Bootstrap.mostSamples).contains(bootstrap) else {
            throw ValidationError(
                "--bootstrap is \(bootstrap), but "
                    + (bootstrap < 0 ? "at least 0 is needed." : "at most \(Bootstrap.mostSamples) is possible."))
        }
        try InputFile.validate([predictions, references, baseline, bertScore.rescaleBaseline])
    }

    func run() async throws {
        let outputs = try PredictionFile(contentsOf: predictions.url)
        let count = outputs.predictions.count
        // A table is never read as lines: its heading would count as a reference.
        let isLines = fields.given == nil && !DataFile.isNamed(references.path, [".csv", ".tsv"])
        let right =
            isLines
            ? try TaskReferences(references.url(.test), for: task, expecting: count)
            : try TaskReferences(references.url(.test), of: fields.applied(to: .jsonl))
        guard count == right.references.count else {
            if isLines, task == .plain, references.path != "/dev/stdin",
                let other = try? TuningTask.recognized(DataFile(references.url(.test)))
            {
                throw CommandError.otherRules(
                    predictions: count, file: outputs.path, sources: right.references.count,
                    references: references.path,
                    task: other.name)
            }
            throw CommandError.countMismatch(
                predictions: count, file: outputs.path, sources: right.references.count, entries: right.entries,
                references: references.path)
        }
        if common.verbose { common.note("\(references.path) was read as \(right.layout)") }
        let others = try baseline.map { try PredictionFile(contentsOf: $0.url) }
        if let others, others.predictions.count != count {
            throw CommandError.baselineCount(
                predictions: count, file: outputs.path, baseline: others.predictions.count, other: others.path)
        }
        let resampling = bootstrap > 0 ? Bootstrap(samples: bootstrap) : nil
        var report = try EvaluationReport.evaluate(
            predictions: outputs.predictions, references: right.references, suite: task, bootstrap: resampling,
            baseline: others?.predictions)
        try await bertScore.add(
            to: &report, predictions: outputs.predictions, references: right.references, baseline: others?.predictions,
            bootstrap: resampling, common)
        let text = json ? try JSONText.document(report) : "\(report)\n"
        try ResultOutput.write(to: nil) { write in try write(text) }
    }
}

extension EvaluationSuite: ExpressibleByArgument {}
