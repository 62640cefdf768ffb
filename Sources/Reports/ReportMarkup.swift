/// Writes elements that are well-formed by construction, both as HTML and as XML, and gives numbers and identifiers.
struct ReportMarkup {
    /// Attributes of an element, in order.
    typealias Attributes = KeyValuePairs<String, String>

    /// What has been written.
    private(set) var markup = ""
    private var identifiers: Set<String> = []
    private var tables = 0
    private var figures = 0

    /// Writes text, taken literally.
    mutating func text(_ text: String) {
        markup += Self.escaped(text)
    }

    /// Writes text that is markup already: the style sheet.
    mutating func verbatim(_ text: String) {
        markup += text
    }

    /// Starts a new line, where white space does not count.
    mutating func newline() {
        markup += "\n"
    }

    /// Writes an element with what the closure writes inside it.
    mutating func element(_ name: String, _ attributes: Attributes = [:], content: (inout Self) -> Void) {
        open(name, attributes, end: ">")
        content(&self)
        markup += "</\(name)>"
    }

    /// Writes an element that holds text.
    mutating func element(_ name: String, _ text: String) {
        element(name) { $0.text(text) }
    }

    /// Writes an element that holds text.
    mutating func element(_ name: String, _ attributes: Attributes, _ text: String) {
        element(name, attributes) { $0.text(text) }
    }

    /// Writes an element without contents.
    mutating func empty(_ name: String, _ attributes: Attributes = [:]) {
        open(name, attributes, end: "/>")
    }

    /// An identifier that the page does not have yet, made from a name.
    mutating func identifier(_ name: String) -> String {
        let letters = name.lowercased().map { ("a"..."z").contains($0) || ("0"..."9").contains($0) ? $0 : "-" }
        let words = String(letters).split(separator: "-").joined(separator: "-")
        let base = words.isEmpty ? "section" : words
        var identifier = base
        var count = 1
        while !identifiers.insert(identifier).inserted {
            count += 1
            identifier = "\(base)-\(count)"
        }
        return identifier
    }

    /// The number of the next table.
    mutating func nextTable() -> Int {
        tables += 1
        return tables
    }

    /// The number of the next figure.
    mutating func nextFigure() -> Int {
        figures += 1
        return figures
    }

    private mutating func open(_ name: String, _ attributes: Attributes, end: String) {
        markup += "<\(name)"
        for (key, value) in attributes { markup += " \(key)=\"\(Self.escaped(value))\"" }
        markup += end
    }

    /// Text in which no character has a meaning in HTML; characters that HTML and XML forbid are
    /// replaced by U+FFFD, and every line ends with a line feed.
    static func escaped(_ text: String) -> String {
        var result = ""
        result.reserveCapacity(text.utf8.count)
        var previous: Unicode.Scalar = " "
        for scalar in text.unicodeScalars {
            defer { previous = scalar }
            switch scalar {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\"": result += "&quot;"
            case "'": result += "&#39;"
            case "\n" where previous == "\r": break
            case "\t", "\n": result.unicodeScalars.append(scalar)
            case "\r": result += "\n"
            case "\u{0}"..."\u{1F}", "\u{7F}"..."\u{9F}", "\u{FFFE}", "\u{FFFF}": result += "\u{FFFD}"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}
