import ArgumentParser
import Foundation

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
        "lora-path": "lora", "system-prompt": "prompt", "file": "input", "input": "data", "dataset": "data",
        "template": "prompt-template", "cache-type-k": "cache-type", "cache-type-v": "cache-type",
        "kv-cache-dtype": "cache-type",
    ]

    /// How other programs call commands.
    static let otherCommands = [
        "eval": "evaluate", "metrics": "evaluate", "predict": "generate", "infer": "generate", "inference": "generate",
        "run": "generate", "sample": "generate", "complete": "generate", "answer": "generate", "finetune": "train",
        "fine-tune": "train", "tune": "train", "fit": "train", "perplexity": "score", "ppl": "score", "info": "inspect",
        "show": "inspect", "describe": "inspect", "merge": "combine", "export": "convert", "download": "pull",
        "upload": "push", "delete": "remove", "bench": "benchmark", "plot": "report", "version": "--version",
    ]

    /// How other programs call values.
    private static let otherValues = [
        "bfloat16": "bf16", "fp16": "stored", "f16": "stored", "float16": "stored", "fp32": "f32",
        "float32": "f32", "8bit": "int8", "q8": "int8", "q8_0": "int8", "4bit": "int4", "q4": "int4", "q4_0": "int4",
        "full": "fine-tune", "sft": "fine-tune", "prefix-tuning": "prefix", "soft-prompt": "prompt-tuning",
        "ptuning": "p-tuning", "csv": "jsonl", "json": "jsonl", "tsv": "jsonl",
    ]

    /// An error about a command line, with its first line in words that help more.
    ///
    /// - Parameters:
    ///   - message: The parser's.
    ///   - arguments: The command line.
    static func improved(_ message: String, for arguments: [String]) -> String {
        guard let line = message.split(separator: "\n", maxSplits: 1).first,
            let command = arguments.first.flatMap(CommandDescription.subcommand)
        else { return message }
        let rest = message.dropFirst(line.count), words = arguments.dropFirst()
        if let option = between("Error: Unknown option '", "'", in: line) {
            return "Error: " + unknown(option, in: command) + rest
        }
        if let value = between("Error: The value '", "'", in: line),
            let place = between("is invalid for '", "'", in: line)?.split(separator: " ").first
        {
            guard let meant = meant(value, of: String(place), message) else { return message }
            let end = line.range(of: " Please provide")?.lowerBound ?? line.endIndex, head = line[..<end]
            return "\(head)\(head.hasSuffix(".") ? "" : ".") \(meant)\(line[end...])\(rest)"
        }
        // Something that is missing was often given, by another name.
        let isMissing = line.hasPrefix("Error: Missing expected argument")
        if isMissing, let option = words.first(where: { isUnknown($0, in: command) }) {
            return "Error: " + unknown(option, in: command) + "\n" + usage(rest)
        }
        if isMissing, words.contains("--resume"), command.commandName == "train" {
            return "Error: --resume needs the folder of the run; give --output, too.\n" + usage(rest)
        }
        guard let stray = stray(words, in: command) else { return message }
        let name =
            between("Error: Missing expected argument '--", " ", in: line)
            ?? (command.optionNames.contains("prompt") && line.contains("--prompt")
                ? FileManager.default.fileExists(atPath: stray) ? "input" : "prompt" : nil)
        guard let name else { return message }
        return
            "\(line)\(line.hasSuffix(".") ? "" : ".") \(TerminalText.quoted(stray)) stands there by itself; write --\(name) before "
            + "it.\(rest)"
    }

    /// The lines of a message from the usage on: without what an argument is for that was not missing.
    private static func usage(_ rest: Substring) -> String {
        rest.split(separator: "\n", omittingEmptySubsequences: false).drop { !$0.hasPrefix("Usage:") }
            .joined(separator: "\n")
    }

    /// What is between two pieces of a text.
    private static func between(_ start: String, _ end: String, in text: some StringProtocol) -> String? {
        guard let from = text.range(of: start), let to = text[from.upperBound...].range(of: end) else { return nil }
        return String(text[from.upperBound..<to.lowerBound])
    }

    /// Of an option that a command does not have: its name in a sentence, and what was probably meant.
    private static func unknown(_ option: String, in command: CommandDescription) -> String {
        let typed = String(option.split(separator: "=", maxSplits: 1).first ?? "")
        let plain = String(typed.drop { $0 == "-" }).replacing("_", with: "-"), sentence = "Unknown option '\(typed)'"
        if let other = otherName(of: plain, in: command) { return sentence + ". Here it is called '--\(other)'." }
        if let near = nearest(to: plain, among: command.optionNames) { return sentence + ". Did you mean '--\(near)'?" }
        return sentence
    }

    /// Whether an argument looks like an option, and the command has none of this name.
    private static func isUnknown(_ argument: String, in command: CommandDescription) -> Bool {
        guard argument.hasPrefix("--"), argument.count > 2 else { return false }
        let name = argument.dropFirst(2).prefix { $0 != "=" }
        return command.argument(String(name)) == nil
    }

    /// The first word that is neither an option nor the value of one; nil where the command takes such words.
    private static func stray(_ words: ArraySlice<String>, in command: CommandDescription) -> String? {
        guard command.arguments?.contains(where: { $0.kind == .positional }) == false else { return nil }
        var values = 0
        for word in words {
            if word.hasPrefix("-"), word != "-" {
                let parts = word.drop { $0 == "-" }.split(separator: "=", maxSplits: 1)
                let argument = parts.first.flatMap { command.argument(String($0)) }
                values = argument?.kind == .option && parts.count == 1 ? argument?.isRepeating == true ? .max : 1 : 0
            } else if values == 0 {
                return word
            } else {
                values -= values == .max ? 0 : 1
            }
        }
        return nil
    }

    /// The value that was probably meant, as a sentence.
    private static func meant(_ value: String, of option: String, _ message: String) -> String? {
        if option == "--init", FileManager.default.fileExists(atPath: value) {
            return "Write adapter:\(value) to go on from an adapter, file:\(value) to begin with the words of a text."
        }
        // The parser's list: 'a', 'b' or 'c', or a line for each.
        guard let list = message.range(of: "Please provide one of ") else { return nil }
        let lines = message[list.upperBound...].split(separator: "\n")
        let quoted = (lines.first ?? "").split(separator: "'", omittingEmptySubsequences: false)
        let values =
            quoted.count > 1
            ? quoted.indices.filter { $0 % 2 == 1 }.map { String(quoted[$0]) }
            : lines.filter { $0.hasPrefix("  - ") }.map { String($0.dropFirst(4)) }
        let plain = value.lowercased().replacing("_", with: "-")
        let other = (otherValues[plain] ?? otherValues[value.lowercased()]).flatMap { values.contains($0) ? $0 : nil }
        return (other ?? nearest(to: plain, among: values)).map { "Did you mean '\($0)'?" }
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
                + (otherCommands[word.lowercased()].map { "; here it is called \"\($0)\"." }
                    ?? nearest(to: word, among: commands).map { "; did you mean \"\($0)\"?" }
                    ?? "; prefixtune --help lists them."))
    }
}
