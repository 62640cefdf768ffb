import ArgumentParser
import Foundation
import LanguageModels
import PrefixExperiments
import PrefixTuning

/// Writes the generated part of the base model's pretraining text.
struct Synthesize: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Write generated prose, lists, records and descriptions to pretrain a small model on.",
        discussion: """
            EXAMPLE
              prefixtune synthesize --megabytes 80 --output synthetic.jsonl
            """)

    @Option(help: .file("The file to write: JSON lines with \"text\".")) var output: URL
    @Option(help: .x("How much text, in millions of bytes.")) var megabytes: Double = 80
    @Option(help: .n("Equal seeds give equal text.")) var seed: UInt64 = 1

    @OptionGroup(title: "General") var common: CommonOptions

    func validate() throws {
        guard megabytes > 0 else { throw ValidationError("--megabytes must be positive, not \(megabytes).") }
    }

    func run() async throws {
        var corpus = SyntheticCorpus(seed: seed), written = 0.0
        try AtomicFile.write(to: ResultOutput.prepared(output)) { file in
            while written < megabytes * 1e6 {
                let document = corpus.nextDocument()
                written += Double(document.utf8.count)
                try file.write(JSONText.line(["text": document]).utf8)
            }
        }
    }
}
