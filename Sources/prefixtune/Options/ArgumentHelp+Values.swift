import ArgumentParser

/// Help of an option by what its value is: a short word stands for it, not the option's name once more.
extension ArgumentHelp {
    /// A whole number.
    static func n(_ text: String) -> ArgumentHelp { ArgumentHelp("\(text)", valueName: "n") }
    /// A number.
    static func x(_ text: String) -> ArgumentHelp { ArgumentHelp("\(text)", valueName: "x") }
    /// A token's number.
    static func id(_ text: String) -> ArgumentHelp { ArgumentHelp("\(text)", valueName: "id") }
    /// A text.
    static func text(_ text: String) -> ArgumentHelp { ArgumentHelp("\(text)", valueName: "text") }
    /// A file.
    static func file(_ text: String) -> ArgumentHelp { ArgumentHelp("\(text)", valueName: "file") }
    /// A folder.
    static func folder(_ text: String) -> ArgumentHelp { ArgumentHelp("\(text)", valueName: "folder") }
    /// A model's folder or name.
    static func model(_ text: String) -> ArgumentHelp { ArgumentHelp("\(text)", valueName: "model") }
    /// An adapter's folder, file or name.
    static func adapter(_ text: String) -> ArgumentHelp { ArgumentHelp("\(text)", valueName: "adapter") }
}
