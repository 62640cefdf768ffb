/// Arguments as they would be typed in a shell.
enum ShellWords {
    /// The command line of this process.
    static var commandLine: String { commandLine(without: []) }

    /// The same without some options and their values: those that choose what this process does of a common work.
    static func commandLine(without options: Set<String>) -> String {
        var arguments: [String] = [], isLeftOut = false
        for argument in CommandLine.arguments {
            if argument.hasPrefix("-") { isLeftOut = options.contains(String(argument.prefix { $0 != "=" })) }
            if !isLeftOut { arguments.append(argument) }
        }
        let program = arguments.first?.split(separator: "/").last.map(String.init) ?? "prefixtune"
        return joined([program] + arguments.dropFirst())
    }

    /// Arguments in one line; what the shell would take apart or replace stands in quotes.
    static func joined(_ arguments: [String]) -> String { arguments.map(quoted).joined(separator: " ") }

    private static func quoted(_ argument: String) -> String {
        let isPlain = argument.unicodeScalars.allSatisfy {
            $0.properties.isAlphabetic || $0.properties.numericType != nil || "-_./=:,@%+".unicodeScalars.contains($0)
        }
        guard argument.isEmpty || !isPlain else { return argument }
        return "'" + argument.replacing("'", with: #"'\''"#) + "'"
    }
}
