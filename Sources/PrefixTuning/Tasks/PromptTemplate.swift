/// How a prompt is made of the fields of a line of data: text with the names of fields in braces, as Python's `str.format` has
/// it, `Question: {question}\nAnswer:`.
///
/// Because shells pass on no line breaks easily, `\n`, `\t` and `\\` stand for a line break, a tab and a backslash; `{{` and
/// `}}` stand for braces. A name is taken letter by letter, blanks included.
public struct PromptTemplate: Equatable, Sendable, CustomStringConvertible {
    private enum Piece: Equatable, Sendable {
        case text(String)
        case field(String)
    }

    /// The template as it was given.
    public let description: String
    /// The names of its fields, each once, in the order of their first places.
    public let fields: [String]
    private let pieces: [Piece]

    /// Reads a template.
    ///
    /// - Throws: ``PromptTemplateError``.
    public init(_ template: String) throws {
        var reader = Reader(rest: template.unicodeScalars[...], template: template)
        try reader.read()
        description = template
        pieces = reader.pieces
        var fields: [String] = []
        for case .field(let name) in pieces where !fields.contains(name) { fields.append(name) }
        guard !fields.isEmpty else { throw PromptTemplateError.noField(template) }
        self.fields = fields
    }

    /// The prompt.
    ///
    /// - Parameter value: Gives the text of a field.
    public func filled(_ value: (_ field: String) throws -> String) rethrows -> String {
        try pieces.reduce(into: "") { prompt, piece in
            switch piece {
            case .text(let text): prompt += text
            case .field(let name): prompt += try value(name)
            }
        }
    }

    /// Goes over a template scalar by scalar: a combining mark behind a brace does not hide it.
    private struct Reader {
        var rest: Substring.UnicodeScalarView
        let template: String
        var pieces: [Piece] = []
        private var text = String.UnicodeScalarView()

        init(rest: Substring.UnicodeScalarView, template: String) {
            self.rest = rest
            self.template = template
        }

        mutating func read() throws {
            while let scalar = rest.popFirst() {
                switch scalar {
                case "\\": text.append(try escaped())
                case "{" where rest.first == "{", "}" where rest.first == "}":
                    rest.removeFirst()
                    text.append(scalar)
                case "{":
                    let name = try name()
                    endText()
                    pieces.append(.field(name))
                case "}": throw PromptTemplateError.strayBrace(template)
                default: text.append(scalar)
                }
            }
            endText()
        }

        private mutating func endText() {
            if !text.isEmpty { pieces.append(.text(String(text))) }
            text = String.UnicodeScalarView()
        }

        private mutating func escaped() throws -> Unicode.Scalar {
            switch rest.popFirst() {
            case "n": "\n"
            case "t": "\t"
            case "\\": "\\"
            case let other: throw PromptTemplateError.unknownEscape("\\" + (other.map { String($0) } ?? ""), template)
            }
        }

        private mutating func name() throws -> String {
            guard let end = rest.firstIndex(where: { $0 == "{" || $0 == "}" }), rest[end] == "}" else {
                throw PromptTemplateError.openBrace(template)
            }
            guard rest.startIndex < end else { throw PromptTemplateError.namelessField(template) }
            defer { rest = rest[rest.index(after: end)...] }
            return String(rest[..<end])
        }
    }
}
