/// A report that is one HTML file: style sheet and drawings are inside, there is no script, nothing is fetched.
///
/// A page is a list of blocks; numbers of figures and tables and all identifiers are given while it is written.
/// The document is well-formed XML as well as HTML. It follows the reader's choice of a light or dark scheme, fits a
/// phone, prints, and reads without colours: every drawing has a text equivalent.
///
/// ```swift
/// var page = ReportPage(title: "Prefix-tuning", subtitle: "A frozen model and a 40 kB file")
/// page.add(.heading("Training"))
/// page.add(.chart(.init(title: "Validation loss", xLabel: "step", yLabel: "loss", series: [
///     .init(name: "prefix", points: [.init(x: 0, y: 4.1), .init(x: 100, y: 1.9)])
/// ])))
/// let file = page.html
/// ```
public struct ReportPage: Sendable {
    /// What the report is about; also the title of the browser's window.
    public var title: String
    /// One sentence under the title; none when empty.
    public var subtitle: String
    /// What came of it, in one sentence under the subtitle; none when empty.
    public var finding: String
    /// Small print under the subtitle (version, date, machine), joined by dots.
    public var byline: [String]
    /// Small print at the end of the page; none when empty.
    public var footer: String
    /// The contents, in reading order.
    public private(set) var blocks: [Block] = []

    /// An empty page.
    public init(
        title: String, subtitle: String = "", finding: String = "", byline: [String] = [], footer: String = ""
    ) {
        self.title = title
        self.subtitle = subtitle
        self.finding = finding
        self.byline = byline
        self.footer = footer
    }

    /// Puts a block at the end.
    public mutating func add(_ block: Block) {
        blocks.append(block)
    }

    /// Puts blocks at the end.
    public mutating func add(_ blocks: [Block]) {
        self.blocks += blocks
    }

    /// One piece of a page. All text is taken literally: nothing in it is read as HTML.
    public indirect enum Block: Sendable {
        /// Opens a section.
        case heading(String)
        /// Opens a part of a section.
        case subheading(String)
        /// Running text.
        case paragraph(String)
        /// A remark set apart: a caveat, a reading aid.
        case note(String)
        /// What a reader must know before anything else: that the numbers below mean little, say.
        case warning(String)
        /// Commands or other text in which line breaks and spaces count.
        case code(String)
        /// A few results in large type.
        case keyFigures([KeyFigure])
        /// Names and values of a run: settings, hardware, times.
        case facts([Fact])
        /// A numbered table.
        case table(Table)
        /// A numbered figure with lines.
        case chart(LineChart)
        /// One input with the outputs of several systems side by side.
        case example(ExampleCard)
        /// Blocks that stay folded until the reader opens them.
        case details(summary: String, blocks: [Block])
    }

    /// A result in large type.
    public struct KeyFigure: Sendable {
        /// The result, with its unit: "0.4%".
        public var value: String
        /// What it is.
        public var label: String
        /// What to compare it with; none when empty.
        public var note: String

        /// A key figure.
        public init(_ value: String, label: String, note: String = "") {
            self.value = value
            self.label = label
            self.note = note
        }
    }

    /// A name with a value.
    public struct Fact: Sendable {
        /// What is stated.
        public var name: String
        /// Its value, with its unit.
        public var value: String

        /// A name and a value, shown at the head of the page.
        public init(_ name: String, _ value: String) {
            self.name = name
            self.value = value
        }
    }

    /// A colour with a name, the same for a system in every chart and card. They differ for readers with any of the
    /// usual colour deficiencies (after Okabe and Ito) and are darker or lighter with the scheme.
    public enum Tone: String, CaseIterable, Sendable {
        /// Blue.
        case blue
        /// A red near orange.
        case vermilion
        /// A green near blue.
        case green
        /// A red near purple.
        case purple
        /// A dark yellow.
        case ochre
        /// Grey, for what others are compared with.
        case gray

        /// The tone of the series at a position, where none was chosen.
        package static func automatic(_ index: Int) -> Tone {
            allCases[index % allCases.count]
        }
    }
}
