import ArgumentParser

/// The command-line tool.
@main struct PrefixTune: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "prefixtune",
        abstract: "Prefix-tuning (Li & Liang 2021) for frozen language models.",
        subcommands: [Pretrain.self, Synthesize.self])
}
