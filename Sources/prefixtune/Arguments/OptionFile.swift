import Foundation
import LanguageModels
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
        "config", "resume", "output", "dry-run", "quiet", "verbose", "help", "version",
    ]
    /// Options that exclude each other: where one was typed, the file's other one does not count.
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
        for (key, value) in object {
            let name = key.replacing("_", with: "-")
            guard let argument = command.argument(name), name != "config" else {
                let near = Spelling.nearest(to: name, among: command.optionNames)?.replacing("-", with: "_")
                throw OptionFileError.unknownKey(key, file: url.path, nearest: near)
            }
            switch (argument.kind, value) {
            case (_, .none), (.flag, .switched(false)): break
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
    /// - Parameter arguments: With negative numbers joined to their options; see ``NegativeNumbers``.
    init(typed arguments: [String]) {
        values = [:]
        var name: String?
        for argument in arguments {
            if argument.hasPrefix("--") {
                let parts = argument.dropFirst(2).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                let option = String(parts[0])
                name = option
                values[option, default: []] += parts.dropFirst().map(String.init)
            } else if let name {
                values[name, default: []].append(argument)
            }
        }
    }

    /// The options as arguments.
    ///
    /// - Parameter typed: What was typed, which counts instead.
    func arguments(besides typed: OptionFile) -> [String] {
        var names = Set(typed.values.keys)
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
    /// - Throws: ``OptionFileError``.
    static func expanded(_ arguments: [String]) throws -> [String] {
        guard arguments.first == "train",
            let command = CommandDescription.subcommand("train")
        else { return arguments }
        let typed = OptionFile(typed: arguments)
        let file: URL
        if let path = typed.values["config"]?.last, let url = URL(argument: path) {
            file = url
        } else if typed.values["resume"] != nil, let path = typed.values["output"]?.last,
            let folder = URL(argument: path),
            FileManager.default.fileExists(atPath: run(in: folder).path)
        {
            file = run(in: folder)
        } else {
            return arguments
        }
        let more = try OptionFile(file, of: command).arguments(besides: typed)
        return [arguments[0]] + more + arguments.dropFirst()
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
            } else if let number = Double(text), number.isFinite, "\(number)" == text {
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
        case .badValue(let key, let file, let needed): "\(file): \"\(key)\" has another value, but \(needed) is needed"
        }
    }
}
