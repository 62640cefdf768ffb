import Foundation

extension ReportPage {
    /// One input with what several systems made of it, and what people wrote.
    public struct ExampleCard: Sendable {
        /// What the systems were given.
        public enum Source: Sendable {
            /// Text as it is.
            case text(String)
            /// Names and values of a table.
            case fields([Fact])
        }

        /// What one system wrote.
        public struct Output: Sendable {
            /// Whose output it is.
            public var system: String
            /// Its text; an empty one is shown as such.
            public var text: String
            /// A remark beside the system's name, such as a score; none when empty.
            public var remark: String
            /// The system's colour, the same as in charts; nil takes the next one.
            public var tone: Tone?

            /// What a system wrote, and what is to be said of it.
            public init(system: String, text: String, remark: String = "", tone: Tone? = nil) {
                self.system = system
                self.text = text
                self.remark = remark
                self.tone = tone
            }
        }

        /// The heading of the card.
        public var title: String
        /// What all systems read.
        public var source: Source
        /// The outputs, in order.
        public var outputs: [Output]
        /// Texts to compare with; may be empty.
        public var references: [String]

        /// One input beside what each system made of it.
        public init(title: String, source: Source, outputs: [Output], references: [String] = []) {
            self.title = title
            self.source = source
            self.outputs = outputs
            self.references = references
        }
    }
}

extension ReportPage.ExampleCard.Source {
    /// A table written on one line, "name : Brakel | type : hotel", as names and values; as text where a part of it has
    /// no colon, or is too long to be a cell: prose has colons, too. White space around the parts does not count.
    public init(linearized line: String) {
        var fields: [ReportPage.Fact] = []
        for part in line.split(separator: "|") {
            let field = part.split(separator: ":", maxSplits: 1).map {
                $0.trimmingCharacters(in: .whitespacesAndNewlines)
            }
            guard field.count == 2, field[0].count <= 60, field[1].count <= 160 else {
                self = .text(line)
                return
            }
            fields.append(.init(field[0], field[1]))
        }
        self = fields.isEmpty ? .text(line) : .fields(fields)
    }
}
