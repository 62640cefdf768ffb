import ArgumentParser
import Foundation

/// A prompt as an argument gives it: the text itself, or all of standard input where it is `-`.
enum PromptText {
    /// - Throws: ``CommandError/promptNotUTF8``.
    static func read(_ argument: String) throws -> String {
        guard argument == "-" else { return argument }
        if isatty(STDIN_FILENO) != 0 {
            StandardError.write("type the prompt, then Ctrl-D at the beginning of a line\n")
        }
        guard let text = String(validating: try FileHandle.standardInput.readToEnd() ?? Data(), as: UTF8.self) else {
            throw CommandError.promptNotUTF8
        }
        return text
    }

    /// A text without the end of its last line.
    static func withoutLineEnd(_ text: String) -> String {
        text.last?.isNewline == true ? String(text.dropLast()) : text
    }
}
