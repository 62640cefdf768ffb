import Foundation
import LanguageModels
import PrefixTuning
import TextMetrics

/// Options in a file: JSON with the names of the command line, as `{"learning_rate": 0.005, "data": ["a.jsonl"]}`.
///
/// Every training run writes its own, run.json, so that it can be continued, repeated and changed. The file's options are put
/// between what was typed, as if they had been typed, but for those that were: so whatever is an option can be in a file.
struct OptionFile: Equatable {
    /// Values by option, which is named as on the command line; none for a flag.
    var values: [String: [String]]

    /// What has a place in no file.
    private static let unrecorded: Set = [
        "config", "resume", "output", "dry-run", "summary-only", "quiet", "verbose", "help", "version",
    ]
    /// What a file must not say: it would be obeyed instead of what the command is for.
    private static let refused: Set = ["config", "help", "version", "h"]
    /// Options that exclude each other: where one was typed, the file's other one does not count.
    private static let sections = [
        "task": [Train.fieldsTitle], "method": [Train.prefixTitle, Train.othersTitle],
    ]
    private static let alternatives = [
        ["epochs", "steps"], ["text-at-zero", "text-after-prefix"], ["seed", "seeds"],
        ["prompt-template", "prompt-field"],
    ]

    /// The options of a file.
    ///
    /// - Parameter command: Whose options they are.
    /// - Throws: ``OptionFileError``.
    init(_ url: URL, of command: CommandDescription) throws {
        guard let data = try? Data(contentsOf: url) else { throw OptionFileError.unreadable(file: url.path) }
        guard let object = try? JSONDecoder().decode([String: Value].self, from: data) else {
            throw OptionFileError.notOptions(file: url.path)
        }
        values = [:]
        var names: Set<String> = []
        for (key, value) in object.sorted(by: { $0.key < $1.key }) {
            let name = key.replacing("_", with: "-")
            guard let argument = command.argument(name), !Self.refused.contains(name) else {
                let near =
                    Self.refused.contains(name)
                    ? nil : Spelling.meant(by: name, in: command)?.replacing("-", with: "_")
                throw OptionFileError.unknownKey(key, file: url.path, nearest: near)
            }
            guard names.insert(name).inserted else { throw OptionFileError.twice(key, file: url.path) }
            switch (argument.kind, value) {
            case (_, .none), (.flag, .switched(false)), (.option, .many([])): break
            case (.flag, .switched(true)): values[name] = []
            case (.option, .one(let text)): values[name] = [text]
            case (.option, .many(let texts)) where argument.isRepeating: values[name] = texts
            default:
                throw OptionFileError.badValue(
                    key: key, file: url.path,
                    needed: argument.kind == .flag
                        ? "true or false"
                        : argument.isRepeating ? "a text, a number or a list of them" : "a text or a number")
            }
        }
    }

    /// The options among arguments that were typed.
    ///
    /// - Parameters:
    ///   - arguments: With negative numbers joined to their options; see ``NegativeNumbers``.
    ///   - command: Whose options they are.
    init(typed arguments: [String], of command: CommandDescription) {
        values = [:]
        var name: String?
        for argument in arguments where argument != "--" {
            if argument.hasPrefix("--") {
                let parts = argument.dropFirst(2).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                let option = String(parts[0])
                name = option
                // Of an option that takes one value, the parser takes the last one.
                if command.argument(option)?.isRepeating != true { values[option] = [] }
                values[option, default: []] += parts.dropFirst().map(String.init)
            } else if argument.hasPrefix("-"), argument != "-" {
                name = nil
            } else if let name {
                values[name, default: []].append(argument)
            }
        }
    }

    /// The options as arguments.
    ///
    /// - Parameters:
    ///   - typed: What was typed, which counts instead.
    ///   - command: Whose options they are.
    func arguments(besides typed: OptionFile, of command: CommandDescription) -> [String] {
        var names = Set(typed.values.keys)
        // Another task has no use for the fields of the file's, another method none for its options.
        for (option, sections) in Self.sections {
            guard let value = typed.values[option], value != values[option] else { continue }
            for section in sections { names.formUnion(command.optionNames(in: section)) }
        }
        for group in Self.alternatives where !names.isDisjoint(with: group) { names.formUnion(group) }
        return values.sorted { $0.key < $1.key }.filter { !names.contains($0.key) }.flatMap { name, texts in
            texts.count == 1 ? ["--\(name)=\(texts[0])"] : ["--\(name)"] + texts
        }
    }

    /// Writes the file.
    ///
    /// - Throws: `CheckpointError.cannotWrite`.
    func write(to url: URL) throws {
        let recorded = values.filter { !Self.unrecorded.contains($0.key) }
        let object = Dictionary(uniqueKeysWithValues: recorded.map { ($0.replacing("-", with: "_"), Value($1)) })
        try AtomicFile.write(Data(JSONText.document(object).utf8), to: url)
    }
}

extension OptionFile {
    /// Puts the options of files between the arguments of a command line.
    ///
    /// `train --config FILE` names a file; `train --resume --output FOLDER` means the one that the run in the folder wrote.
    ///
    /// - Throws: ``OptionFileError``, `TrainingError.nothingToResume` where there is no run in the folder.
    static func expanded(_ arguments: [String]) throws -> [String] {
        guard arguments.first == "train",
            let command = CommandDescription.subcommand("train")
        else { return arguments }
        let arguments = resolvingResume(arguments, of: command), typed = OptionFile(typed: arguments, of: command)
        let asksForHelp = !Set(["-h", "--help", "--version"]).isDisjoint(with: arguments)
        guard !asksForHelp, let file = try file(named: typed) else { return arguments }
        let more = try OptionFile(file, of: command).arguments(besides: typed, of: command)
        return [arguments[0]] + more + arguments.dropFirst()
    }

    /// `--resume auto` as `--resume` where there is a run to continue, and as nothing where it has to begin: a queue starts the
    /// same command again and again.
    private static func resolvingResume(_ arguments: [String], of command: CommandDescription) -> [String] {
        var rest = arguments
        if let index = rest.firstIndex(of: "--resume"), index + 1 < rest.count, rest[index + 1] == "auto" {
            rest.removeSubrange(index...index + 1)
        } else if let index = rest.firstIndex(of: "--resume=auto") {
            rest.remove(at: index)
        } else {
            return arguments
        }
        guard let path = OptionFile(typed: rest, of: command).values["output"]?.last, let folder = URL(argument: path)
        else { return rest }
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
        let isBegun = (["."] + names.filter { $0.hasPrefix("seed-") }).contains {
            TrainingRun.isBegun(in: folder.appendingPathComponent($0))
        }
        return isBegun ? rest + ["--resume"] : rest
    }

    private static func file(named typed: OptionFile) throws -> URL? {
        if let path = typed.values["config"]?.last, let url = URL(argument: path) { return url }
        guard typed.values["resume"] != nil, let path = typed.values["output"]?.last, let folder = URL(argument: path)
        else { return nil }
        let file = run(in: folder)
        if FileManager.default.fileExists(atPath: file.path) { return file }
        // Whoever says all again needs no record.
        if typed.values["data"] != nil { return nil }
        guard TrainingRun.isBegun(in: folder) else { throw TrainingError.nothingToResume(folder: folder.path) }
        throw OptionFileError.noRecord(folder: folder.path)
    }

    /// Where a run's own options are.
    static func run(in folder: URL) -> URL { folder.appendingPathComponent("run.json") }
}

/// A value in a file of options.
private enum Value: Codable {
    case none
    case switched(Bool)
    case one(String)
    case many([String])

    private struct Scalar: Codable {
        let text: String

        init(_ text: String) { self.text = text }

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            if let text = try? container.decode(String.self) {
                self.text = text
            } else if let number = try? container.decode(Int64.self) {
                text = "\(number)"
            } else {
                text = "\(try container.decode(Double.self))"
            }
        }

        func encode(to encoder: any Encoder) throws {
            var container = encoder.singleValueContainer()
            // A number only where it is read as the same text again.
            if let number = Int64(text), "\(number)" == text {
                try container.encode(number)
            } else if let number = Double(text), Int64(exactly: number) == nil, number.isFinite, "\(number)" == text {
                try container.encode(number)
            } else {
                try container.encode(text)
            }
        }
    }

    init(_ texts: [String]) {
        self = texts.isEmpty ? .switched(true) : texts.count == 1 ? .one(texts[0]) : .many(texts)
    }

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .none
        } else if let value = try? container.decode(Bool.self) {
            self = .switched(value)
        } else if let list = try? container.decode([Scalar].self) {
            self = .many(list.map(\.text))
        } else {
            self = .one(try container.decode(Scalar.self).text)
        }
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .none: try container.encodeNil()
        case .switched(let value): try container.encode(value)
        case .one(let text): try container.encode(Scalar(text))
        case .many(let texts): try container.encode(texts.map(Scalar.init))
        }
    }
}

/// What can be wrong with a file of options.
enum OptionFileError: Error, Equatable {
    /// It cannot be read.
    case unreadable(file: String)
    /// It is not an object of JSON whose values are texts, numbers, lists, true or false.
    case notOptions(file: String)
    /// No option is called so.
    case unknownKey(String, file: String, nearest: String?)
    /// An option stands in it by two spellings.
    case twice(String, file: String)
    /// A run has a state, and no options beside it.
    case noRecord(folder: String)
    /// A value is none for its option.
    case badValue(key: String, file: String, needed: String)
}

extension OptionFileError: CustomStringConvertible {
    /// One sentence: what happened, the value received, what to do.
    var description: String {
        switch self {
        case .unreadable(let file):
            "cannot read the options in \(file); name a file of JSON, such as the run.json of a training run"
        case .notOptions(let file):
            "\(file) is not a file of options; write JSON such as {\"model\": \"gpt2\", \"data\": [\"train.jsonl\"], "
                + "\"learning_rate\": 0.001}"
        case .unknownKey(let key, let file, let nearest):
            "\(file): \"\(key)\" is no option of train; "
                + (nearest.map { "did you mean \"\($0)\"?" } ?? "prefixtune train --help lists them")
        case .twice(let key, let file):
            "\(file): \"\(key)\" stands there twice, by two spellings; leave one of them out"
        case .noRecord(let folder):
            "the run in \(folder) recorded no options; repeat the command that began it, with --resume"
        case .badValue(let key, let file, let needed): "\(file): \"\(key)\" has another value, but \(needed) is needed"
        }
    }
}
