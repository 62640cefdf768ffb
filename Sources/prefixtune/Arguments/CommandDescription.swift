import ArgumentParser
import Foundation

/// What the argument parser knows of a command: the names of its options and subcommands.
struct CommandDescription: Decodable {
    /// An option, a flag, or an argument without a name.
    struct Argument: Decodable {
        enum Kind: String, Decodable { case positional, option, flag }
        struct Name: Decodable { var name: String }

        var kind: Kind
        var isRepeating: Bool
        var names: [Name]?
        /// The title of its group in the help.
        var sectionTitle: String?
    }

    var commandName: String
    var aliases: [String]?
    var subcommands: [CommandDescription]?
    var arguments: [Argument]?

    /// The whole program.
    static let program: CommandDescription? = {
        struct Tool: Decodable { var command: CommandDescription }
        // Underscored, but what `--experimental-dump-help` prints for other tools to read.
        return try? JSONDecoder().decode(Tool.self, from: Data(PrefixTune._dumpHelp().utf8)).command
    }()

    /// A subcommand of the program.
    static func subcommand(_ name: String) -> CommandDescription? {
        program?.subcommands?.first { $0.names.contains(name) }
    }

    /// Its name, then other names for it.
    var names: [String] { [commandName] + (aliases ?? []) }

    /// The option or flag of a name such as "data".
    func argument(_ name: String) -> Argument? {
        arguments?.first { $0.names?.contains { $0.name == name } ?? false }
    }

    /// The names of the options and flags of a group.
    func optionNames(in section: String) -> [String] {
        (arguments ?? []).filter { $0.sectionTitle == section }.flatMap { ($0.names ?? []).map(\.name) }
    }

    /// All names of options and flags.
    var optionNames: [String] { (arguments ?? []).flatMap { ($0.names ?? []).map(\.name) } }
}
