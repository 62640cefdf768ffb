import Foundation
import Testing

@Suite struct HelpTests {
    static let commands = [
        "demo", "train", "generate", "chat", "score", "evaluate", "compare", "attention", "words", "inspect", "convert",
        "combine", "deploy", "experiment", "benchmark", "pretrain", "synthesize", "pull", "push", "list", "remove",
        "report",
    ]

    @Test(arguments: commands)
    func everyCommandHasHelpWithAnExample(_ command: String) async throws {
        let workspace = try Workspace()
        let result = try await Tool.run([command, "--help"], in: workspace)
        #expect(result.code == 0)
        #expect(result.errors == "")
        #expect(result.output.hasPrefix("OVERVIEW: "))
        #expect(result.output.contains("\nEXAMPLE"))
        #expect(result.output.contains("\n  prefixtune \(command) "))
        for option in ["--threads <n>", "--quiet", "--verbose", "-h, --help"] {
            #expect(result.output.contains("\n  \(option)"), "\(option)")
        }
        #expect(result.output.hasSuffix("\n"))
        let other = try await Tool.run(["help", command], in: workspace)
        #expect(other.output == result.output)
    }

    @Test func theProgramNamesItsCommands() async throws {
        let workspace = try Workspace()
        let result = try await Tool.run(["--help"], in: workspace)
        #expect(result.code == 0)
        #expect(
            result.output == """
                OVERVIEW: Prefix-tuning (Li & Liang 2021) for frozen language models.

                Train a small prefix for a frozen language model, generate with it, score and
                evaluate. Start with:

                  prefixtune demo

                Exit codes: 0, done; 1, failed; 2, the command line was not understood; 130,
                143 or 129 after Ctrl-C, SIGTERM or a closed terminal, once what is done was
                saved. $PREFIXTUNE_MODEL and $PREFIXTUNE_THREADS stand for --model and
                --threads.

                USAGE: prefixtune <subcommand>

                OPTIONS:
                  --version               Show the version.
                  -h, --help              Show help information.

                SUBCOMMANDS:
                  demo                    Tune the embedded model in a few minutes and compare
                                          it with fine-tuning.
                  train                   Train a prefix, or by another method, on a task.
                  generate                Continue a prompt, or all prompts of a file.
                  chat                    Talk with a model, with or without a prefix.
                  evaluate                Score generated texts against references.
                  score                   Log-probabilities of given completions, and their
                                          perplexity.
                  serve                   Serve a model with any number of prefixes over HTTP,
                                          as OpenAI's interface.

                PREFIXES SUBCOMMANDS:
                  inspect                 Say what a model, an adapter or a training run is.
                  report                  Make a page of a training run, lay several over each
                                          other, or make an experiment's report anew.
                  compare                 Answer the same prompts with several prefixes, side
                                          by side.
                  attention               How much attention each position of a prefix gets.
                  words                   The words of the vocabulary that a prefix is nearest
                                          to.
                  convert                 Write a prefix in the form that another program reads.
                  combine                 Make one prefix of two: in a row, or a mixture.
                  deploy                  Check a prefix in a running llama-server, or restore
                                          it there.

                HUB SUBCOMMANDS:
                  pull                    Fetch a model or an adapter from the hub, and print
                                          its folder.
                  push                    Upload an adapter to the hub, with a model card.
                  list, ls                List the models and adapters in the hub's cache.
                  remove, rm              Remove models or adapters from the hub's cache.

                EXPERIMENT SUBCOMMANDS:
                  experiment              Run one of the paper's comparisons and write its
                                          table beside the paper's.
                  benchmark               Measure training, reading and generating on this
                                          machine, by operation.
                  pretrain                Train a small GPT-2 and its vocabulary from text.
                  synthesize              Write generated prose, lists, records and
                                          descriptions to pretrain a small model on.

                  See 'prefixtune help <subcommand>' for detailed help.

                """)
        #expect(try await Tool.run([], in: workspace).output == result.output)
    }
}
