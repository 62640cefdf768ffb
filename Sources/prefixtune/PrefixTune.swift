import ArgumentParser
import Foundation
import PrefixExperiments

/// The command-line tool: one file per subcommand, each a thin layer over the library.
struct PrefixTune: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "prefixtune",
        abstract: "Prefix-tuning (Li & Liang 2021) for frozen language models.",
        discussion: """
            Train a small prefix for a frozen language model, generate with it, score and evaluate. Start with:

              prefixtune demo
            """,
        version: Version.text,
        subcommands: [
            DemoCommand.self, Train.self, Generate.self, Score.self, Evaluate.self, Compare.self, Attention.self,
            Words.self, Inspect.self, Convert.self, Combine.self, ExperimentCommand.self, Benchmark.self, Pretrain.self,
            Synthesize.self, Pull.self, Push.self,
        ])
}

/// Exit codes: 0 for success, 1 for a failure of the work, 2 for a command line that cannot be understood.
@main enum Main {
    static func main() async {
        Patience.apply()
        do {
            var command = try PrefixTune.parseAsRoot(NegativeNumbers.joined(Array(CommandLine.arguments.dropFirst())))
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
        } catch {
            let code = PrefixTune.exitCode(for: error)
            if code == .success {
                print(PrefixTune.fullMessage(for: error))
                exit(0)
            }
            let isUsage = code == .validationFailure
            let message = isUsage ? PrefixTune.fullMessage(for: error) : "Error: \(error)"
            FileHandle.standardError.write(Data((message + "\n").utf8))
            exit(isUsage ? 2 : 1)
        }
    }
}
