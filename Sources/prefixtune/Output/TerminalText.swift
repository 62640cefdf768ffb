import Foundation

/// Text for people at a terminal.
enum TerminalText {
    /// Without control characters: what a model writes must not steer the terminal.
    static func withoutControls(_ text: String) -> String {
        String(
            String.UnicodeScalarView(
                text.unicodeScalars.map {
                    $0.properties.generalCategory == .control && $0 != "\n" && $0 != "\t" ? "\u{fffd}" : $0
                }))
    }

    /// Lines of at most `width` characters, broken at blanks where there are any, without white space at both ends of the
    /// text; never empty.
    static func lines(_ text: String, width: Int) -> [String] {
        let trimmed = withoutControls(text).trimmingCharacters(in: .whitespacesAndNewlines)
        return trimmed.split(separator: "\n", omittingEmptySubsequences: false).flatMap { paragraph in
            var lines: [String] = [], line = ""
            for word in paragraph.split(whereSeparator: \.isWhitespace) {
                if !line.isEmpty, line.count + 1 + word.count > width {
                    lines.append(line)
                    line = ""
                }
                line += (line.isEmpty ? "" : " ") + word
                while line.count > width {
                    lines.append(String(line.prefix(width)))
                    line = String(line.dropFirst(width))
                }
            }
            return line.isEmpty && !lines.isEmpty ? lines : lines + [line]
        }
    }

    /// A name, then a text beside it, wrapped.
    ///
    /// - Parameters:
    ///   - indent: Columns before the text; the name takes their beginning.
    ///   - width: Columns of the terminal.
    static func item(_ name: String, _ text: String, indent: Int, width: Int) -> String {
        let lines = lines(text, width: max(20, width - indent))
        return lines.enumerated().map { index, line in
            (line.isEmpty && index > 0 ? "" : padded(index == 0 ? name : "", to: indent) + line) + "\n"
        }.joined()
    }

    /// Filled with blanks, at the end or at the beginning; longer text stays as it is.
    static func padded(_ text: String, to width: Int, atStart: Bool = false) -> String {
        let blanks = String(repeating: " ", count: max(0, width - text.count))
        return atStart ? blanks + text : text + blanks
    }

    /// In quotes, on one line: what begins or ends with a blank is seen to do so.
    static func quoted(_ text: String) -> String {
        "\"" + withoutControls(text.replacing("\n", with: "\\n").replacing("\t", with: "\\t")) + "\""
    }

    /// Columns of the terminal that standard output goes to; 100 elsewhere.
    static var columns: Int {
        var size = winsize()
        return ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 0 ? Int(size.ws_col) : 100
    }
}
