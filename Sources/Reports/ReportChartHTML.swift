extension ReportPage.LineChart {
    /// Writes the figure: a legend, the drawing in a form for wide windows and one for phones (the style sheet shows
    /// one of them), the caption, and the main values as a table for those who do not see the drawing.
    func write(to markup: inout ReportMarkup) {
        let number = markup.nextFigure()
        markup.element("figure") { markup in
            writeLegend(to: &markup)
            let drawings = [ReportChartDrawing.Size.wide, .narrow].compactMap {
                ReportChartDrawing(chart: self, size: $0)
            }
            for drawing in drawings { drawing.write(to: &markup) }
            if drawings.isEmpty { markup.element("p", ["class": "label"], "There is nothing to draw.") }
            markup.element("figcaption") { markup in
                markup.element("b", "Figure \(number).")
                markup.text(
                    " "
                        + ([title + (title.hasSuffix(".") ? "" : "."), caption].filter { !$0.isEmpty }).joined(
                            separator: " "))
                if undrawable > 0 { markup.text(" " + undrawableRemark) }
            }
            markup.element("details", ["class": "values"]) { markup in
                markup.element("summary", "Main values of figure \(number)")
                markup.element("div", ["class": "scroll"]) { summary.writeGrid(to: &$0) }
            }
        }
    }

    private var undrawableRemark: String {
        let kind = yScale == .logarithmic ? "not finite or not positive" : "not finite"
        return undrawable == 1
            ? "One value is \(kind) and not drawn." : "\(undrawable) values are \(kind) and not drawn."
    }

    private func writeLegend(to markup: inout ReportMarkup) {
        markup.element("ul", ["class": "legend", "aria-label": "Legend"]) { markup in
            for (index, series) in series.enumerated() {
                markup.element("li", ["class": "tone-\(tone(index).rawValue)"]) { markup in
                    markup.element(
                        "svg", ["viewBox": "0 0 28 10", "width": "28", "height": "10", "aria-hidden": "true"]
                    ) {
                        if series.stroke == .points {
                            $0.empty("circle", ["class": "dot", "cx": "14", "cy": "5", "r": "3"])
                        } else {
                            $0.empty("path", ["class": "line \(series.stroke.rawValue)", "d": "M1 5H27"])
                        }
                    }
                    markup.text(series.name)
                }
            }
        }
    }

    /// First, smallest, largest and last value of each line.
    var summary: ReportPage.Table {
        let rows = series.map { series in
            let points = series.points.filter(canDraw).sorted { $0.x < $1.x }
            let values: [Double?] = [
                points.first?.y, points.map(\.y).min(), points.map(\.y).max(), points.last?.x, points.last?.y,
            ]
            return ReportPage.Row(
                [.text(series.name), .number(Double(points.count))]
                    + values.map { $0.map { .text(ReportNumber.short($0)) } ?? .missing })
        }
        let last = "at last \(xLabel)"
        return ReportPage.Table(
            caption: "",
            columns: ["line", "points", "first", "least", "greatest", last, "last"].map { ReportPage.Column($0) },
            rows: rows)
    }

    /// What the drawing shows, in words.
    var spokenDescription: String {
        let lines = series.map { series in
            let points = series.points.filter(canDraw).sorted { $0.x < $1.x }
            guard let first = points.first, let last = points.last else { return "\(series.name): no values" }
            return "\(series.name): from \(ReportNumber.short(first.y)) at \(ReportNumber.short(first.x))"
                + " to \(ReportNumber.short(last.y)) at \(ReportNumber.short(last.x))"
        }
        return "\(title). \(yLabel) over \(xLabel). \(lines.joined(separator: "; "))."
    }
}
