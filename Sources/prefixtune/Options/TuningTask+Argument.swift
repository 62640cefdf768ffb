import ArgumentParser
import PrefixTuning

extension TuningTask: ExpressibleByArgument {
    /// A task by its name.
    public init?(argument: String) {
        guard let task = Self.all.first(where: { $0.name == argument }) else { return nil }
        self = task
    }

    /// The names of all tasks.
    public static var allValueStrings: [String] { all.map(\.name) }

    /// What shells offer.
    public static var defaultCompletionKind: CompletionKind { .list(allValueStrings) }

    /// In help: its name.
    public var defaultValueDescription: String { name }

    /// The names in a sentence.
    static let choices: String = {
        let names = all.map(\.name)
        return names.dropLast().joined(separator: ", ") + " or " + names.suffix(1).joined()
    }()

    /// What every command says of its option.
    static let promptHelp =
        "Each also reads JSON lines with \"prompt\" and \"completion\" or \"references\", in the task's own template."
}
