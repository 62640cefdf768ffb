import ArgumentParser

/// What was probably meant by words that the argument parser does not know.
extension Spelling {
    /// How other programs call options: those of transformers, PEFT, axolotl, LLaMA-Factory, torchtune, mlx-lm, llama.cpp.
    static let otherNames = [
        "lr": "learning-rate", "num-epochs": "epochs", "num-train-epochs": "epochs", "max-steps": "steps",
        "num-steps": "steps", "iters": "steps", "train-batch-size": "batch-size", "micro-batch-size": "batch-size",
        "per-device-train-batch-size": "batch-size", "per-device-eval-batch-size": "batch-size",
        "eval-steps": "validate-every", "steps-per-eval": "validate-every", "eval-every": "validate-every",
        "save-steps": "save-every", "early-stopping": "patience", "early-stopping-patience": "patience",
        "num-virtual-tokens": "prefix-length", "prefix-projection": "reparametrization",
        "warmup-steps": "warmup", "num-warmup-steps": "warmup", "lr-warmup-steps": "warmup", "lr-scheduler": "schedule",
        "lr-scheduler-type": "schedule", "max-grad-norm": "clip", "gradient-clipping": "clip",
        "gradient-checkpointing": "recompute", "grad-checkpoint": "recompute", "model-name": "model",
        "model-name-or-path": "model", "base-model": "model", "train-file": "data", "train-data": "data",
        "validation-file": "validation", "eval-file": "validation", "val-data": "validation", "valid": "validation",
        "test-file": "test", "output-dir": "output", "out": "output", "save-path": "output",
        "resume-from-checkpoint": "resume", "peft-type": "method", "lora-r": "lora-rank", "rank": "lora-rank",
        "target-modules": "lora-targets", "use-dora": "dora", "random-seed": "seed", "num-seeds": "seeds",
        "num-beams": "beams", "beam-size": "beams", "max-tokens": "max-new-tokens", "n-predict": "max-new-tokens",
        "min-tokens": "min-new-tokens", "do-sample": "sample", "temp": "temperature", "num-return-sequences": "answers",
        "bad-words-ids": "forbid-ids", "repeat-penalty": "repetition-penalty", "stop-sequences": "stop",
        "dtype": "precision", "torch-dtype": "precision", "quantization": "precision", "load-in-8bit": "precision",
        "load-in-4bit": "precision", "num-threads": "threads", "n-threads": "threads", "adapter-path": "prefix",
        "lora-path": "lora", "system-prompt": "prompt", "file": "input", "template": "prompt-template",
    ]

    /// The first line of an error about an option or a subcommand, in words that help more.
    ///
    /// - Parameters:
    ///   - message: The parser's.
    ///   - arguments: The command line.
    static func improved(_ message: String, for arguments: [String]) -> String {
        let unknown = "Error: Unknown option '--"
        guard let line = message.split(separator: "\n", maxSplits: 1).first, line.hasPrefix(unknown),
            let command = arguments.first.flatMap(CommandDescription.subcommand),
            let name = line.dropFirst(unknown.count).split(separator: "'").first.map(String.init)
        else { return message }
        var sentence = unknown + name + "'"
        let plain = name.replacing("_", with: "-")
        if let other = otherName(of: plain, in: command) {
            sentence += ". Here it is called '--\(other)'."
        } else if let near = nearest(to: plain, among: command.optionNames) {
            sentence += ". Did you mean '--\(near)'?"
        }
        return sentence + message.dropFirst(line.count)
    }

    /// The option that was probably meant: what another program calls so, or the nearest one.
    static func meant(by name: String, in command: CommandDescription) -> String? {
        otherName(of: name, in: command) ?? nearest(to: name, among: command.optionNames)
    }

    private static func otherName(of name: String, in command: CommandDescription) -> String? {
        otherNames[name.lowercased()].flatMap { command.optionNames.contains($0) ? $0 : nil }
    }

    /// Refuses a first word that is no subcommand: the parser would complain of what follows it.
    ///
    /// - Throws: `ValidationError`.
    static func checkSubcommand(_ arguments: [String]) throws {
        var words = arguments[...]
        if words.first == "help" { words.removeFirst() }
        let commands = (CommandDescription.program?.subcommands ?? []).flatMap(\.names)
        guard let word = words.first, !word.hasPrefix("-"), !commands.isEmpty, !commands.contains(word), word != "help"
        else { return }
        throw ValidationError(
            "\"\(word)\" is no command"
                + (nearest(to: word, among: commands).map { "; did you mean \"\($0)\"?" }
                    ?? "; prefixtune --help lists them."))
    }
}
