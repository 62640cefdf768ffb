import Reports

/// A page that shows what several systems made of the same inputs.
public struct SideBySideReport: Sendable {
    private var page: ReportPage
    private let systems: [(name: String, tone: ReportPage.Tone)]
    private var count = 0

    /// A page without inputs.
    ///
    /// - Parameters:
    ///   - systems: Names, in the order of the outputs; nil for the model alone.
    ///   - subtitle: What was compared.
    ///   - facts: How answers were chosen, and the like.
    ///   - byline: Small print: program, date.
    public init(systems: [String?], subtitle: String, facts: [ReportPage.Fact] = [], byline: [String] = []) {
        page = ReportPage(title: "Side by side", subtitle: subtitle, byline: byline)
        if !facts.isEmpty { page.add(.facts(facts)) }
        // The model alone is what others are compared with.
        let colours = ReportPage.Tone.allCases.filter { $0 != .gray }
        var named = 0
        self.systems = systems.map { name in
            guard let name else { return ("no prefix", .gray) }
            named += 1
            return (name, colours[(named - 1) % colours.count])
        }
    }

    /// Adds an input.
    ///
    /// - Parameters:
    ///   - example: The input, and what people wrote.
    ///   - outputs: What each system wrote.
    ///   - isTable: Whether the input is to be shown as names and values where it has that form.
    public mutating func add(_ example: Example, outputs: [String], isTable: Bool) {
        count += 1
        let texts = example.completion.map { [$0] } ?? example.references
        page.add(
            .example(
                .init(
                    title: "Input \(count)",
                    source: isTable ? .init(linearized: example.prompt) : .text(example.prompt),
                    outputs: zip(systems, outputs).map { .init(system: $0.name, text: $1, tone: $0.tone) },
                    references: texts.filter { !$0.isEmpty })))
    }

    /// The page as one HTML document.
    public var html: String { page.html }
}
