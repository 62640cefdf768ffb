import Foundation
import TestSupport
import Testing

/// Every numeric option of every subcommand takes or refuses every number: exit code 0, 1 or 2, never a signal, within 4 GB of
/// addresses and 20 seconds of CPU time. A sample here; `Tools/numbers.py` runs all.
@Suite struct NumbersTests {
    /// What `Tests/Numbers/commands.json` holds.
    private struct Table: Decodable {
        struct Beside: Decodable {
            var adds: [String]?
            var drops: [String]?
            var again: Int?
        }
        let values: [String]
        let text: Set<String>
        let endless: [String: Set<String>]
        let commands: [String: [String]]
        let besides: [String: Beside]
    }

    /// The part of `--experimental-dump-help` that names options.
    private struct Help: Decodable {
        struct Command: Decodable {
            let commandName: String
            let arguments: [Argument]?
            let subcommands: [Command]?
        }
        struct Argument: Decodable {
            struct Name: Decodable {
                let kind: String
                let name: String
            }
            let kind: String
            let names: [Name]?
            let allValues: [String]?
        }
        let command: Command
    }

    private struct Case {
        let command: String
        let option: String
        let arguments: [String]
    }

    private static func table() throws -> Table {
        let file = Fixtures.goldens.deletingLastPathComponent().appendingPathComponent("Numbers/commands.json")
        return try JSONDecoder().decode(Table.self, from: Data(contentsOf: file))
    }

    /// A command line without some of its options.
    private static func without(_ arguments: [String], _ names: [String]) -> [String] {
        var skips = false
        return arguments.filter { word in
            if word.hasPrefix("--") { skips = names.contains(String(word.dropFirst(2))) }
            return !skips
        }
    }

    private static func cases(_ table: Table, in workspace: Workspace) async throws -> [Case] {
        let text = try await Tool.run(["--experimental-dump-help"], in: workspace).output
        var cases: [Case] = [], unused = table.text
        for command in try JSONDecoder().decode(Help.self, from: Data(text.utf8)).command.subcommands ?? [] {
            for argument in command.arguments ?? [] where argument.kind == "option" && argument.allValues == nil {
                guard let option = argument.names?.first(where: { $0.kind == "long" })?.name else { continue }
                unused.remove(option)
                if table.text.contains(option) { continue }
                let base = try #require(table.commands[command.commandName], "\(command.commandName) is new")
                let beside = table.besides["\(command.commandName) \(option)"] ?? table.besides[option]
                for value in table.values {
                    let given = Array(repeating: "--\(option)=\(value)", count: beside?.again ?? 1)
                    cases.append(
                        Case(
                            command: command.commandName, option: option,
                            arguments: [command.commandName] + given
                                + without(base, [option] + (beside?.drops ?? [])) + (beside?.adds ?? [])))
                }
            }
        }
        #expect(unused.subtracting(["alpha"]).isEmpty, "no option of these names: \(unused)")
        return cases
    }

    @Test func aSample() async throws {
        let workspace = try Workspace(), table = try Self.table()
        try await workspace.makePrefix()
        try workspace.write("{\"text\": \"Some text to learn. And some more of it.\"}\n", to: "text.jsonl")
        try workspace.write("{% for message in messages %}{{ message.content }}{% endfor %}", to: "chat.jinja")
        try workspace.write("the cat sat\na dog ran\n", to: "texts.txt")
        try workspace.write("the cat sat down\n\na dog ran\n\n", to: "references.txt")
        var generator = Seeded(state: 3)
        let cases = try await Self.cases(table, in: workspace).shuffled(using: &generator).prefix(120)
        #expect(cases.count == 120)
        for one in cases {
            let isEndless = table.endless[one.command]?.contains(one.option) ?? false
            let result = try await Tool.start(
                one.arguments, in: workspace, limits: Tool.limits(megabytes: 4096, seconds: isEndless ? 3 : 20)
            ).result()
            let line = one.arguments.joined(separator: " ")
            // Asked for a run that is as long as can be, and still at it.
            let isAtIt = isEndless && result.wasKilled && [SIGXCPU, SIGKILL].contains(result.code)
            #expect(isAtIt || (!result.wasKilled && (0...2).contains(result.code)), "\(line): \(result.code)")
            if !isAtIt, result.code != 0 { #expect(!result.errors.isEmpty, "\(line)") }
            for name in ["out", "out.jsonl"] { try? FileManager.default.removeItem(at: workspace[name]) }
        }
    }

    /// Those that ended with a signal once.
    @Test(arguments: [
        [
            "generate", "--model", "model", "--input", "data.jsonl", "--batch-size", "9223372036854775807", "--beams",
            "4",
            "--max-new-tokens", "2",
        ],
        ["train", "--tokens-per-pass", "9223372036854775807", "--batch-size", "2"],
        ["train", "--reparametrization", "4611686018427387904"],
        ["train", "--reparametrization", "1000000000"],
        ["train", "--method", "lora", "--lora-rank", "9223372036854775807"],
        ["train", "--method", "adapter", "--bottleneck", "2147483648"],
        ["train", "--epochs", "3", "--batch-size", "9223372036854775807"],
        ["generate", "--model", "model", "--input", "data.jsonl", "--max-new-tokens", "9223372036854775807"],
        ["benchmark", "--model", "model", "--beams", "4611686018427387904"],
        ["benchmark", "--model", "model", "--prefix-length", "9223372036854775807"],
        [
            "evaluate", "--predictions", "data.jsonl", "--references", "data.jsonl", "--bootstrap",
            "9223372036854775807",
        ],
        ["pretrain", "--text", "text.jsonl", "--output", "base", "--batch-size", "9223372036854775807"],
    ])
    func numbersThatWereTooMuch(_ arguments: [String]) async throws {
        let workspace = try Workspace()
        try workspace.write("{\"text\": \"Some text to learn. And some more of it.\"}\n", to: "text.jsonl")
        var arguments = arguments
        if arguments[0] == "train" {
            arguments += ["--model", "model", "--data", "data.jsonl", "--output", "out"]
            if !arguments.contains("--epochs") { arguments += ["--steps", "1"] }
            if !arguments.contains("--method") { arguments += ["--prefix-length", "2"] }
        }
        let result = try await Tool.start(
            arguments, in: workspace, limits: Tool.limits(megabytes: 4096, seconds: 20)
        ).result()
        #expect(!result.wasKilled && (0...2).contains(result.code), "\(result.code): \(result.errors)")
        if result.code != 0 { #expect(result.errors.contains("is "), "\(result.errors)") }
    }
}
