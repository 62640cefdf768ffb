/// Arguments as they would be typed in a shell.
enum ShellWords {
    /// The command line of this process.
    static var commandLine: String {
        let arguments = CommandLine.arguments
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
