import Foundation
import Testing

@testable import Reports

@Suite struct ReportPageTests {
    static let hostile = "<script>alert(\"1\")</script> & 'x' \u{0}\u{8}\u{1B} \u{FFFE} ]]> é 漢 👩🏽‍🚀 \r\nend"

    /// A page with every kind of block, all of whose texts are the given one.
    static func page(_ text: String) -> ReportPage {
        var page = ReportPage(title: text, subtitle: text, byline: [text, text], footer: text)
        page.add([
            .heading(text), .subheading(text), .paragraph(text), .note(text), .code(text),
            .keyFigures([.init(text, label: text, note: text)]), .facts([.init(text, text)]),
            .table(
                .init(
                    caption: text, columns: [.init(text), .init(text, group: text, best: .highest)],
                    rows: [.init([.text(text), .number(1, decimals: 1, unit: text)]), .init([.text(text)])])),
            .chart(
                .init(
                    title: text, caption: text, xLabel: text, yLabel: text,
                    series: [.init(name: text, points: [.init(x: 0, y: 1), .init(x: 1, y: 2)])])),
            .example(
                .init(
                    title: text, source: .text(text), outputs: [.init(system: text, text: text, remark: text)],
                    references: [text])),
            .example(.init(title: text, source: .fields([.init(text, text)]), outputs: [])),
            .details(summary: text, blocks: [.paragraph(text), .heading(text)]),
        ])
        return page
    }

    @Test func hostileTextStaysText() throws {
        let elements = try ReportDocument.parse(Self.page(Self.hostile).html)
        #expect(elements.named("script").isEmpty)
        let shown = "<script>alert(\"1\")</script> & 'x' \u{FFFD}\u{FFFD}\u{FFFD} \u{FFFD} ]]> é 漢 👩🏽‍🚀 \nend"
        let title = try #require(elements.named("title").first)
        #expect(title.text.unicodeScalars.elementsEqual(shown.unicodeScalars))
        let note = try #require(elements.styled("note").first)
        #expect(note.text == title.text)
    }

    @Test func attributesAreEscaped() throws {
        var markup = ReportMarkup()
        markup.empty("br", ["title": "\"><b>&'"])
        #expect(markup.markup == "<br title=\"&quot;&gt;&lt;b&gt;&amp;&#39;\"/>")
    }

    @Test func everyIdentifierIsUniqueAndEveryReferenceHasItsTarget() throws {
        var page = Self.page("Results")
        page.add(Self.page("Results").blocks)
        page.add([.heading("Results 2"), .heading("漢字"), .heading("")])
        let elements = try ReportDocument.parse(page.html)
        let identifiers = elements.compactMap { $0.attributes["id"] }
        #expect(identifiers.count > 20)
        #expect(Set(identifiers).count == identifiers.count)
        #expect(identifiers.allSatisfy { !$0.isEmpty && !$0.contains(" ") })
        let references = elements.compactMap { $0.attributes["aria-labelledby"] }.flatMap { $0.split(separator: " ") }
        #expect(!references.isEmpty)
        for reference in references { #expect(identifiers.contains(String(reference))) }
    }

    @Test func nothingIsFetched() throws {
        let html = Self.page("plain").html
        let elements = try ReportDocument.parse(html)
        for name in ["script", "link", "img", "iframe", "object", "use"] { #expect(elements.named(name).isEmpty) }
        for element in elements {
            #expect(element.attributes["src"] == nil && element.attributes["href"] == nil)
            #expect(element.attributes["style"] == nil)
        }
        #expect(!html.contains("url(") && !html.contains("@import") && !html.contains("http"))
    }

    @Test func figuresAndTablesAreNumberedApart() throws {
        let table = ReportPage.Block.table(.init(caption: "t", columns: [.init("a")], rows: []))
        let chart = ReportPage.Block.chart(.init(title: "c", xLabel: "x", yLabel: "y", series: []))
        var page = ReportPage(title: "numbers")
        page.add([table, chart, .details(summary: "more", blocks: [chart, table])])
        let captions = try ReportDocument.parse(page.html).named("figcaption").map(\.text)
        #expect(captions == ["Table 1. t", "Figure 1. c.", "Figure 2. c.", "Table 2. t"])
    }

    @Test func theStyleSheetServesDarkSchemesAndPhones() throws {
        let style = try #require(try ReportDocument.parse(ReportPage(title: "s").html).named("style").first)
        #expect(style.text.contains("prefers-color-scheme: dark") && style.text.contains("max-width: 40rem"))
        #expect(style.text.count { $0 == "{" } == style.text.count { $0 == "}" })
        for tone in ReportPage.Tone.allCases {
            #expect(style.text.contains(".tone-\(tone.rawValue) { --tone: var(--\(tone.rawValue)); }"))
            // A colour for each of the two schemes.
            #expect(style.text.components(separatedBy: " --\(tone.rawValue): #").count == 3)
        }
    }

    @Test func aLinearizedTableBecomesFields() throws {
        func fields(_ line: String) -> [[String]]? {
            guard case .fields(let fields) = ReportPage.ExampleCard.Source(linearized: line) else { return nil }
            return fields.map { [$0.name, $0.value] }
        }
        #expect(
            fields(" name : Le Pont | type : hotel | opens : 7:30\n")
                == [["name", "Le Pont"], ["type", "hotel"], ["opens", "7:30"]])
        #expect(fields("no table at all") == nil)
        #expect(fields("name : x | and more") == nil)
        #expect(fields("") == nil)
    }

    @Test func anOutputWithoutTextSaysSo() throws {
        var page = ReportPage(title: "o")
        page.add(.example(.init(title: "e", source: .text("in"), outputs: [.init(system: "s", text: "", tone: .gray)])))
        let elements = try ReportDocument.parse(page.html)
        #expect(elements.styled("none").map(\.text) == ["(no text)"])
        #expect(elements.styled("tone-gray").count == 1)
        #expect(elements.styled("references").isEmpty)
    }
}
