import ArgumentParser
import Foundation
import PrefixExperiments
import Tensors

/// The command-line tool: one file per subcommand, each a thin layer over the library.
struct PrefixTune: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "prefixtune",
        abstract: "Prefix-tuning (Li & Liang 2021) for frozen language models.",
        discussion: """
            Train a small prefix for a frozen language model, generate with it, score and evaluate. Start with:

              prefixtune demo

            Exit codes: 0, done; 1, failed; 2, the command line was not understood; 130, 143 or 129 after Ctrl-C, SIGTERM or a \
            closed terminal, once what is done was saved. $PREFIXTUNE_MODEL and $PREFIXTUNE_THREADS stand for --model and \
            --threads.
            """,
        version: Version.text,
        subcommands: [DemoCommand.self, Train.self, Generate.self, Chat.self, Evaluate.self, Score.self] + serving,
        groupedSubcommands: [
            CommandGroup(
                name: "Prefixes",
                subcommands: [
                    Inspect.self, Report.self, Compare.self, Attention.self, Words.self, Convert.self, Combine.self,
                    Deploy.self,
                ]),
            CommandGroup(name: "Hub", subcommands: [Pull.self, Push.self, List.self, Remove.self]),
            CommandGroup(
                name: "Experiment",
                subcommands: [ExperimentCommand.self, Benchmark.self, Pretrain.self, Synthesize.self]),
        ])
}

extension PrefixTune {
    /// Serve, where the program was built with it.
    private static var serving: [any ParsableCommand.Type] {
        #if Serving
            [Serve.self]
        #else
            []
        #endif
    }
}

/// Exit codes: 0 for success, 1 for a failure of the work, 2 for a command line that cannot be understood; 128 + n where
/// signal n ended it: 130 after Ctrl-C, 143 after SIGTERM, 129 after a terminal was closed.
@main enum Main {
    /// What was typed, with what files of options say.
    ///
    /// - Throws: ``OptionFileError``.
    static func arguments() throws -> [String] {
        try OptionFile.expanded(NegativeNumbers.joined(Array(CommandLine.arguments.dropFirst())))
    }

    static func main() async {
        Patience.apply()
        Interrupt.listen()
        LastWords.speak { CommandError.sentence(for: $0) }
        do {
            try Spelling.checkSubcommand(Array(CommandLine.arguments.dropFirst()))
            var command = try PrefixTune.parseAsRoot(arguments())
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
            Interrupt.conclude()
        } catch {
            let code = PrefixTune.exitCode(for: error)
            if code == .success {
                print(HelpText.ordered(PrefixTune.fullMessage(for: error)))
                exit(0)
            }
            let isUsage = code == .validationFailure
            let message =
                isUsage
                ? Spelling.improved(
                    PrefixTune.fullMessage(for: error), for: Array(CommandLine.arguments.dropFirst()))
                : "Error: \(CommandError.sentence(for: error))"
            StandardError.write(message + "\n")
            Interrupt.conclude()
            exit(isUsage ? 2 : 1)
        }
    }
}
