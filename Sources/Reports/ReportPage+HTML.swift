import Foundation

extension ReportPage {
    /// The page as one HTML document.
    public var html: String {
        var markup = ReportMarkup()
        markup.verbatim("<!DOCTYPE html>\n")
        markup.element("html", ["lang": "en"]) { markup in
            markup.element("head") { writeHead(to: &$0) }
            markup.newline()
            markup.element("body") { markup in
                writeHeader(to: &markup)
                markup.element("main") { markup in
                    for block in blocks {
                        markup.newline()
                        block.write(to: &markup)
                    }
                }
                markup.newline()
                if !footer.isEmpty { markup.element("footer", footer) }
            }
        }
        markup.newline()
        return markup.markup
    }

    private func writeHead(to markup: inout ReportMarkup) {
        markup.empty("meta", ["charset": "utf-8"])
        markup.empty("meta", ["name": "viewport", "content": "width=device-width, initial-scale=1"])
        markup.empty("meta", ["name": "color-scheme", "content": "light dark"])
        markup.element("title", title)
        markup.element("style") { $0.verbatim(Self.styleSheet) }
    }

    private func writeHeader(to markup: inout ReportMarkup) {
        markup.element("header") { markup in
            markup.element("h1", title)
            if !subtitle.isEmpty { markup.element("p", ["class": "subtitle"], subtitle) }
            if !finding.isEmpty { markup.element("p", ["class": "finding"], finding) }
            if !byline.isEmpty { markup.element("p", ["class": "byline"], byline.joined(separator: " · ")) }
        }
    }
}

extension ReportPage.Block {
    func write(to markup: inout ReportMarkup) {
        switch self {
        case .heading(let text): markup.element("h2", ["id": markup.identifier(text)], text)
        case .subheading(let text): markup.element("h3", ["id": markup.identifier(text)], text)
        case .paragraph(let text): markup.element("p", text)
        case .note(let text): markup.element("p", ["class": "note", "role": "note"], text)
        case .warning(let text): markup.element("p", ["class": "note warning", "role": "note"], text)
        case .code(let text): markup.element("pre", ["tabindex": "0"]) { $0.element("code", text) }
        case .keyFigures(let figures): Self.write(figures, to: &markup)
        case .facts(let facts): Self.write(facts, to: &markup)
        case .table(let table): table.write(to: &markup)
        case .chart(let chart): chart.write(to: &markup)
        case .example(let card): card.write(to: &markup)
        case .details(let summary, let blocks):
            markup.element("details") { markup in
                markup.element("summary", summary)
                for block in blocks { block.write(to: &markup) }
            }
        }
    }

    private static func write(_ figures: [ReportPage.KeyFigure], to markup: inout ReportMarkup) {
        markup.element("dl", ["class": "key-figures"]) { markup in
            for figure in figures {
                markup.element("div") { markup in
                    markup.element("dt", figure.label)
                    markup.element("dd", ["class": "value"], figure.value)
                    if !figure.note.isEmpty { markup.element("dd", ["class": "remark"], figure.note) }
                }
            }
        }
    }

    /// Text of a few lines; of a longer one the beginning, and the whole behind a fold.
    static func write(prose text: String, to markup: inout ReportMarkup) {
        let limit = 480
        guard text.count > limit + 80 else { return markup.element("p", ["class": "text"], text) }
        let cut = text.prefix(limit)
        let words = cut.lastIndex(where: \.isWhitespace).map { cut[..<$0] } ?? cut
        markup.element("p", ["class": "text"], words.trimmingCharacters(in: .whitespacesAndNewlines) + " …")
        markup.element("details") { markup in
            markup.element("summary", "The whole text")
            markup.element("p", ["class": "text"], text)
        }
    }

    static func write(_ facts: [ReportPage.Fact], to markup: inout ReportMarkup) {
        markup.element("dl", ["class": "facts"]) { markup in
            for fact in facts {
                markup.element("div") { markup in
                    markup.element("dt", fact.name)
                    markup.element("dd", fact.value)
                }
            }
        }
    }
}

extension ReportPage.ExampleCard {
    func write(to markup: inout ReportMarkup) {
        let identifier = markup.identifier(title)
        markup.element("article", ["class": "card", "aria-labelledby": identifier]) { markup in
            markup.element("h3", ["id": identifier], title)
            markup.element("div", ["class": "source"]) { markup in
                markup.element("p", ["class": "label"], "Input")
                switch source {
                case .text(let text): ReportPage.Block.write(prose: text, to: &markup)
                case .fields(let fields): ReportPage.Block.write(fields, to: &markup)
                }
            }
            markup.element("div", ["class": "outputs"]) { markup in
                for (index, output) in outputs.enumerated() {
                    let tone = output.tone ?? .automatic(index)
                    markup.element("section", ["class": "output tone-\(tone.rawValue)"]) { write(output, to: &$0) }
                }
            }
            if !references.isEmpty {
                markup.element("div", ["class": "references"]) { markup in
                    markup.element("p", ["class": "label"], references.count == 1 ? "Reference" : "References")
                    markup.element("ol") { markup in
                        for reference in references { markup.element("li", reference) }
                    }
                }
            }
        }
    }

    private func write(_ output: Output, to markup: inout ReportMarkup) {
        markup.element("p", ["class": "label"]) { markup in
            markup.element("b", output.system)
            if !output.remark.isEmpty { markup.element("span", ["class": "remark"], " " + output.remark) }
        }
        if output.text.isEmpty {
            markup.element("p", ["class": "text none"], "(no text)")
        } else {
            markup.element("p", ["class": "text"], output.text)
        }
    }
}
