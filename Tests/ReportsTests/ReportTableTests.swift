import Testing

@testable import Reports

@Suite struct ReportTableTests {
    static func cells(_ table: ReportPage.Table) throws -> [ReportElement] {
        var page = ReportPage(title: "t")
        page.add(.table(table))
        return try ReportDocument.parse(page.html)
    }

    @Test func theBestOfAColumnIsBold() throws {
        let table = ReportPage.Table(
            caption: "c",
            columns: [.init("system"), .init("BLEU", best: .highest), .init("size", best: .lowest), .init("plain")],
            rows: [
                .init(["reference", .number(99), .number(1), .number(9)], isRanked: false),
                .init(["a", .number(61.24, decimals: 1), .number(200, unit: " kB"), .number(1)]),
                .init(["b", .number(61.16, decimals: 1), .number(.nan), .number(2)]),
                .init(["c", .number(-3, decimals: 1), .number(47_763, unit: " kB"), .number(3)]),
                .init(["d", .number(.infinity), .missing, .number(4)]),
            ])
        let bold = try Self.cells(table).named("strong").map(\.text)
        #expect(bold == ["61.2", "200 kB", "61.2"])  // a and b look the same, so both are the best
    }

    @Test func oneValueIsNotTheBestOfItself() throws {
        let columns: [ReportPage.Column] = [.init("system"), .init("BLEU", best: .highest)]
        let table = ReportPage.Table(caption: "c", columns: columns, rows: [.init(["a", .number(1)]), .init(["b"])])
        #expect(try Self.cells(table).named("strong").isEmpty)
    }

    @Test func numbersAreAlignedToTheRight() throws {
        let table = ReportPage.Table(
            caption: "c", columns: [.init("name"), .init("n"), .init("word")],
            rows: [
                .init(["a", .missing]), .init(["b", .number(1234.5, decimals: 1), "w"]), .init(["c", "x", "y", "z"]),
            ])
        let elements = try Self.cells(table)
        #expect(elements.styled("number").map(\.text) == ["n", "–", "1,234.5", "x"])
        #expect(elements.named("tr").count == 4)
        #expect(!elements.contains { $0.text == "z" })
        #expect(elements.named("th").filter { $0.attributes["scope"] == "row" }.map(\.text) == ["a", "b", "c"])
    }

    @Test func columnsOfAGroupShareAHeading() throws {
        let columns: [ReportPage.Column] = [
            .init("s"), .init("B", group: "seen"), .init("R", group: "seen"), .init("B", group: "unseen"),
        ]
        let groups = try Self.cells(.init(caption: "c", columns: columns, rows: []))
            .filter { $0.attributes["scope"] == "colgroup" }
        #expect(groups.map(\.text) == ["seen", "unseen"])
        #expect(groups.map { $0.attributes["colspan"] } == ["2", "1"])
    }

    @Test func aTableWithoutColumnsIsNoError() throws {
        #expect(try Self.cells(.init(caption: "c", columns: [], rows: [.init(["a"])])).named("table").count == 1)
    }
}

@Suite struct ReportNumberTests {
    @Test(arguments: [
        (0.0, 0, "0"), (-0.0, 1, "0.0"), (-0.04, 1, "0.0"), (-0.05001, 1, "−0.1"), (999.5, 0, "1,000"),
        (1_234_567.891, 2, "1,234,567.89"), (-1234, 0, "−1,234"), (12, 0, "12"), (123, 3, "123.000"),
        (Double.nan, 1, "n/a"), (-Double.infinity, 1, "n/a"), (1e300, 1, "10³⁰⁰"), (-2.5e20, 1, "−2.5×10²⁰"),
    ])
    func fixedDecimals(value: Double, decimals: Int, text: String) {
        #expect(ReportNumber.fixed(value, decimals: decimals) == text)
    }

    @Test(arguments: [
        (0.0, "0"), (1, "1"), (0.001234567, "0.001235"), (12.3, "12.3"), (123_456, "123,456"), (1e-5, "10⁻⁵"),
        (-1e-5, "−10⁻⁵"), (3.25e9, "3.25×10⁹"), (999_999.4, "999,999"), (Double.nan, "n/a"),
        (.leastNonzeroMagnitude, "4.941×10⁻³²⁴"),
    ])
    func shortForm(value: Double, text: String) {
        #expect(ReportNumber.short(value) == text)
    }
}

@Suite struct ReportReadingTests {
    @Test func columnsWithoutAnyValueAreLeftOut() throws {
        let table = ReportPage.Table(
            caption: "c", columns: [.init("name"), .init("empty"), .init("n", best: .lowest), .init("blank")],
            rows: [.init(["a", .missing, .number(1), ""]), .init(["b", .missing, .number(2)], isRanked: false)])
        let elements = try ReportTableTests.cells(table)
        #expect(elements.filter { $0.attributes["scope"] == "col" }.map(\.text) == ["name", "n"])
        #expect(elements.named("td").map(\.text) == ["1", "2"])
        // One ranked row is not the best of itself, left out columns or not.
        #expect(elements.named("strong").isEmpty)
    }

    @Test func aVerdictHasMarkColourAndWord() throws {
        let table = ReportPage.Table(
            caption: "c", columns: [.init("claim"), .init("here")],
            rows: [
                .init(["a", .verdict(.yes, "holds")]), .init(["b", .verdict(.no, "does not hold")]),
                .init(["c", .verdict(.open, "too low to tell")]),
            ])
        let cells = try ReportTableTests.cells(table).named("td")
        #expect(cells.map(\.text) == ["✓ holds", "✗ does not hold", "? too low to tell"])
        #expect(cells.map { $0.attributes["class"] } == ["text verdict yes", "text verdict no", "text verdict open"])
    }

    @Test func aShortNameOfARowStaysInSight() throws {
        let table = ReportPage.Table(
            caption: "c", columns: [.init("method"), .init("n")],
            rows: [.init(["prefix-2%", .number(1)]), .init(["a name that is a whole sentence", .number(2)])])
        let names = try ReportTableTests.cells(table).filter { $0.attributes["scope"] == "row" }
        #expect(names.map { $0.attributes["class"] } == ["text name", "text"])
        #expect(ReportPage.styleSheet.contains("th.name { position: sticky; left: 0;"))
    }

    @Test func proseWithAColonIsNoTable() throws {
        let article = "Report: " + String(repeating: "the minister said nothing new. ", count: 40)
        guard case .text(let text) = ReportPage.ExampleCard.Source(linearized: article) else {
            Issue.record("prose was taken for a table")
            return
        }
        #expect(text == article)
        var page = ReportPage(title: "t")
        page.add(.example(.init(title: "e", source: .text(article), outputs: [])))
        let elements = try ReportDocument.parse(page.html)
        let texts = elements.styled("text").map(\.text)
        #expect(texts.count == 2 && texts[0].hasSuffix(" …") && texts[0].count < 490 && texts[1] == article)
        #expect(elements.named("summary").map(\.text) == ["The whole text"])
    }

    @Test func whatWasFoundStandsUnderWhatIsClaimed() throws {
        var page = ReportPage(title: "t", subtitle: "The paper says: a.", finding: "Here: 0 of 1.", byline: ["b"])
        page.add(.warning("A toy run."))
        let elements = try ReportDocument.parse(page.html)
        #expect(elements.named("p").map(\.text) == ["The paper says: a.", "Here: 0 of 1.", "b", "A toy run."])
        #expect(elements.styled("finding").count == 1 && elements.styled("warning").count == 1)
    }

    @Test func layersAndStepsAreMarkedAtWholeNumbers() throws {
        let axis = ReportAxis(linear: 0...3, count: 8, widened: false, whole: true)
        #expect(axis.ticks.map(\.label) == ["0", "1", "2", "3"])
        let points = [0.0, 1, 2, 3].map { ReportPage.LineChart.Point(x: $0, y: $0) }
        let chart = ReportPage.LineChart(
            title: "t", xLabel: "layer", yLabel: "y", series: [.init(name: "s", points: points)])
        var markup = ReportMarkup()
        try #require(ReportChartDrawing(chart: chart, size: .wide)).write(to: &markup)
        let ticks = try ReportDocument.parse(markup.markup).styled("tick").filter {
            $0.attributes["text-anchor"] == "middle"
        }
        #expect(ticks.map(\.text) == ["0", "1", "2", "3"])
    }

    @Test func fewPointsAreMarked() throws {
        for (count, marks) in [(5, 5), (40, 0)] {
            let points = (0..<count).map { ReportPage.LineChart.Point(x: Double($0), y: Double($0)) }
            let chart = ReportPage.LineChart(
                title: "t", xLabel: "x", yLabel: "y", series: [.init(name: "s", points: points)])
            var markup = ReportMarkup()
            try #require(ReportChartDrawing(chart: chart, size: .wide)).write(to: &markup)
            #expect(try ReportDocument.parse(markup.markup).named("circle").count == marks)
        }
    }
}
