extension ReportPage.Table {
    func write(to markup: inout ReportMarkup) {
        let number = markup.nextTable()
        let identifier = markup.identifier("table")
        markup.element("figure") { markup in
            markup.element("figcaption", ["id": identifier, "class": "above"]) { markup in
                markup.element("b", "Table \(number).")
                markup.text(" " + caption)
            }
            markup.element(
                "div", ["class": "scroll", "role": "region", "tabindex": "0", "aria-labelledby": identifier]
            ) { withoutEmptyColumns.writeGrid(to: &$0) }
        }
    }

    /// Writes the table itself, without caption and number.
    func writeGrid(to markup: inout ReportMarkup) {
        markup.element("table") { markup in
            markup.element("thead") { writeHead(to: &$0) }
            markup.element("tbody") { markup in
                let best = columns.indices.map { bestRows(column: $0) }
                for row in rows.indices {
                    markup.element("tr") { markup in
                        for column in columns.indices {
                            write(
                                cell(row: row, column: column), column: column, isBest: best[column].contains(row),
                                to: &markup)
                        }
                    }
                }
            }
        }
    }

    private func writeHead(to markup: inout ReportMarkup) {
        if columns.contains(where: { !$0.group.isEmpty }) {
            markup.element("tr", ["class": "groups"]) { markup in
                var column = 0
                while column < columns.count {
                    let group = columns[column].group
                    let span = group.isEmpty ? 1 : columns[column...].prefix { $0.group == group }.count
                    if group.isEmpty {
                        markup.element("td", "")
                    } else {
                        markup.element("th", ["scope": "colgroup", "colspan": "\(span)"]) { $0.element("span", group) }
                    }
                    column += span
                }
            }
        }
        markup.element("tr") { markup in
            for column in columns.indices {
                markup.element(
                    "th",
                    [
                        "scope": "col",
                        "class": (isNumeric(column: column) ? "number" : "text") + (column == 0 ? " name" : ""),
                    ],
                    columns[column].name)
            }
        }
    }

    private func write(_ cell: ReportPage.Cell, column: Int, isBest: Bool, to markup: inout ReportMarkup) {
        let alignment = isNumeric(column: column) ? "number" : "text"
        let text =
            switch cell {
            case .text(let text): text
            case .number(let value, let decimals, let unit):
                ReportNumber.fixed(value, decimals: decimals) + (value.isFinite ? unit : "")
            case .verdict(let verdict, let words): "\(verdict.mark) \(words)"
            case .missing: "–"
            }
        if case .verdict(let verdict, _) = cell {
            markup.element("td", ["class": "\(alignment) verdict \(verdict.rawValue)"], text)
        } else if column == 0 {
            // A short name stays in sight and whole where the table scrolls.
            markup.element("th", ["scope": "row", "class": alignment + (text.count <= 18 ? " name" : "")], text)
        } else if isBest {
            markup.element("td", ["class": alignment]) { $0.element("strong", text) }
        } else {
            markup.element("td", ["class": alignment], text)
        }
    }
}
