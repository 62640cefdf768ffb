import Foundation

/// Draws a ``ReportFigure``: title, legend, panels in one column or two, caption.
struct ReportFigureDrawing {
    private typealias Panel = ReportFigure.Panel
    private typealias Point = (x: Double, y: Double)

    private static let width = 860.0, margin = 22.0, gap = 26.0
    private static let lineHeight = 18.0, rowHeight = 27.0, plotHeight = 210.0
    private let figure: ReportFigure

    init(_ figure: ReportFigure) { self.figure = figure }

    private static let style = """
        :root { color-scheme: light dark; --paper: #ffffff; --ink: #1b1f24; --muted: #59616b; --rule: #d5d9de; --grid: #e7eaed; \
        --blue: #0b6cb3; --vermilion: #c4500a; --green: #007d5b; --purple: #a8447f; --ochre: #8a6a00; --gray: #6b737c; }
        @media (prefers-color-scheme: dark) { :root { --paper: #14171b; --ink: #e7e9ec; --muted: #a3acb6; --rule: #3a4149; \
        --grid: #2a3037; --blue: #62b0ee; --vermilion: #f08a4b; --green: #3ec79a; --purple: #e58fc2; --ochre: #dcb74a; \
        --gray: #9aa4af; } }
        text { font: 13px system-ui, -apple-system, "Segoe UI", "Helvetica Neue", "Noto Sans", "Liberation Sans", Arial, sans-serif; \
        fill: var(--ink); }
        .title { font-size: 17px; font-weight: 600; } .panel { font-size: 14px; font-weight: 600; }
        .tick, .caption { fill: var(--muted); font-size: 12.5px; } .tick { font-variant-numeric: tabular-nums; }
        .paper { fill: var(--paper); stroke: var(--rule); } .grid { stroke: var(--grid); } .base { stroke: var(--muted); }
        .line { fill: none; stroke: var(--tone); stroke-width: 2; stroke-linejoin: round; }
        .bar { stroke: var(--tone); stroke-width: 1.6; } .dot { fill: var(--tone); }
        .tone-blue { --tone: var(--blue); } .tone-vermilion { --tone: var(--vermilion); } .tone-green { --tone: var(--green); }
        .tone-purple { --tone: var(--purple); } .tone-ochre { --tone: var(--ochre); } .tone-gray { --tone: var(--gray); }
        """

    var svg: String {
        let columns = figure.panels.count > 1 ? 2 : 1
        let panelWidth = (Self.width - 2 * Self.margin - Double(columns - 1) * Self.gap) / Double(columns)
        let legend = legendLines, caption = Self.wrapped(figure.caption, width: Self.width - 2 * Self.margin)
        let head = Self.margin + 22 + Double(legend.count) * 22
        var top = head + 8, places: [Point] = []
        for start in stride(from: 0, to: figure.panels.count, by: columns) {
            let row = figure.panels[start..<min(start + columns, figure.panels.count)]
            for column in row.indices {
                places.append((Self.margin + Double(column - start) * (panelWidth + Self.gap), top))
            }
            top += (row.map(height).max() ?? 0) + 14
        }
        let height = top + Double(caption.count) * Self.lineHeight + 12
        var markup = ReportMarkup()
        let size = "\(Self.text(Self.width)) \(Self.text(height))"
        markup.element(
            "svg",
            [
                "xmlns": "http://www.w3.org/2000/svg", "viewBox": "0 0 \(size)", "width": Self.text(Self.width),
                "height": Self.text(height), "role": "img", "aria-labelledby": "figure-title figure-values",
            ]
        ) { markup in
            markup.element("title", ["id": "figure-title"], figure.title)
            markup.element("desc", ["id": "figure-values"], spoken)
            markup.element("style") { $0.verbatim(Self.style) }
            markup.empty(
                "rect",
                [
                    "class": "paper", "x": "0.5", "y": "0.5", "width": Self.text(Self.width - 1),
                    "height": Self.text(height - 1), "rx": "8",
                ])
            label(figure.title, Self.margin, Self.margin + 10, "start", "title", to: &markup)
            write(legend, to: &markup)
            for (panel, place) in zip(figure.panels, places) {
                write(panel, at: place, width: panelWidth, to: &markup)
            }
            for (index, line) in caption.enumerated() {
                label(line, Self.margin, top + 10 + Double(index) * Self.lineHeight, "start", "caption", to: &markup)
            }
        }
        return "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n" + markup.markup + "\n"
    }

    private func height(_ panel: Panel) -> Double {
        panel.xLabel == nil ? 30 + Double(panel.series.count) * Self.rowHeight + 44 : 46 + Self.plotHeight + 44
    }

    // MARK: Legend

    private typealias Entry = (name: String, tone: ReportPage.Tone, x: Double)

    /// The lines' names, in as many lines as they need.
    private var legendLines: [[Entry]] {
        var lines: [[Entry]] = [], x = Double.infinity, names: Set<String> = []
        for series in figure.panels.filter({ $0.xLabel != nil }).flatMap(\.series)
        where names.insert(series.name).inserted {
            let width = 34 + Self.width(of: series.name, size: 13) + 18
            if x + width > Self.width - Self.margin {
                lines.append([])
                x = Self.margin
            }
            lines[lines.count - 1].append((series.name, series.tone, x))
            x += width
        }
        return lines
    }

    private func write(_ legend: [[Entry]], to markup: inout ReportMarkup) {
        for (index, line) in legend.enumerated() {
            let y = Self.margin + 36 + Double(index) * 22
            for entry in line {
                markup.element("g", ["class": "tone-\(entry.tone.rawValue)"]) { markup in
                    path([(entry.x, y - 4), (entry.x + 26, y - 4)], to: &markup)
                    dot((entry.x + 13, y - 4), to: &markup)
                }
                label(entry.name, entry.x + 34, y, "start", nil, to: &markup)
            }
        }
    }

    // MARK: Panels

    private func write(_ panel: Panel, at place: Point, width: Double, to markup: inout ReportMarkup) {
        label(panel.title, place.x, place.y + 14, "start", "panel", to: &markup)
        let extents = figure.panels.filter { $0.group == panel.group }.compactMap(\.extent)
        guard let low = extents.map(\.lowerBound).min(), let high = extents.map(\.upperBound).max() else {
            return label("There is nothing to draw.", place.x, place.y + 40, "start", "caption", to: &markup)
        }
        let axis = ReportAxis(linear: low...high, count: 5, widened: true)
        if let xLabel = panel.xLabel {
            writeLines(panel, axis, xLabel, at: place, width: width, to: &markup)
        } else {
            writeRows(panel, axis, at: place, width: width, to: &markup)
        }
    }

    private func writeLines(
        _ panel: Panel, _ axis: ReportAxis, _ xLabel: String, at place: Point, width: Double,
        to markup: inout ReportMarkup
    ) {
        let top = place.y + 46, bottom = top + Self.plotHeight, left = place.x + 38, right = place.x + width - 16
        label(panel.valueLabel, place.x, place.y + 34, "start", "tick", to: &markup)
        func y(_ value: Double) -> Double { bottom - axis.position(value) * (bottom - top) }
        for tick in axis.ticks {
            line("grid", (left, y(tick.value)), (right, y(tick.value)), to: &markup)
            label(tick.label, left - 8, y(tick.value) + 4, "end", "tick", to: &markup)
        }
        let marks = Set(panel.series.flatMap(\.values).compactMap(\.x)).sorted()
        guard let first = marks.first, let last = marks.last else { return }
        // Sizes and rates are chosen by ratios.
        let isLogarithmic = first > 0 && last / first >= 5
        func x(_ value: Double) -> Double {
            let share = isLogarithmic ? log(value / first) / log(last / first) : (value - first) / (last - first)
            return last > first ? left + 22 + share * (right - left - 44) : (left + right) / 2
        }
        line("base", (left, bottom), (right, bottom), to: &markup)
        var taken = -Double.infinity
        for mark in marks {
            line("base", (x(mark), bottom), (x(mark), bottom + 4), to: &markup)
            let text = ReportNumber.short(mark), half = Self.width(of: text, size: 12.5) / 2
            guard x(mark) - half > taken + 4 else { continue }
            taken = x(mark) + half
            label(text, x(mark), bottom + 18, "middle", "tick", to: &markup)
        }
        label(xLabel, (left + right) / 2, bottom + 36, "middle", "tick", to: &markup)
        for (index, series) in panel.series.enumerated() {
            // Intervals of the same place stand beside each other.
            let shift = (Double(index) - Double(panel.series.count - 1) / 2) * 5
            let values = series.values.filter { $0.value.isFinite && $0.x != nil }.sorted { $0.x ?? 0 < $1.x ?? 0 }
            markup.element("g", ["class": "tone-\(series.tone.rawValue)"]) { markup in
                let points = values.map { (x: x($0.x ?? 0) + shift, y: y($0.value)) }
                if points.count > 1 { path(points, to: &markup) }
                for (value, point) in zip(values, points) {
                    if let interval = value.interval {
                        let ends = [interval.lowerBound, interval.upperBound]
                        line("bar", (point.x, y(ends[0])), (point.x, y(ends[1])), to: &markup)
                        for end in ends where axis.range.contains(end) {
                            line("bar", (point.x - 3, y(end)), (point.x + 3, y(end)), to: &markup)
                        }
                    }
                    dot(point, to: &markup)
                }
            }
        }
    }

    private func writeRows(
        _ panel: Panel, _ axis: ReportAxis, at place: Point, width: Double, to markup: inout ReportMarkup
    ) {
        let names = panel.series.map { Self.width(of: $0.name, size: 13) }.max() ?? 0
        let top = place.y + 30, bottom = top + Double(panel.series.count) * Self.rowHeight
        let left = place.x + min(names, width / 2) + 14, right = place.x + width - 46
        func x(_ value: Double) -> Double { left + axis.position(value) * (right - left) }
        for tick in axis.ticks {
            line("grid", (x(tick.value), top), (x(tick.value), bottom), to: &markup)
            label(tick.label, x(tick.value), bottom + 18, "middle", "tick", to: &markup)
        }
        line("base", (left, bottom), (right, bottom), to: &markup)
        label(panel.valueLabel, (left + right) / 2, bottom + 36, "middle", "tick", to: &markup)
        for (index, series) in panel.series.enumerated() {
            let y = top + (Double(index) + 0.5) * Self.rowHeight
            label(series.name, left - 12, y + 4.5, "end", nil, to: &markup)
            guard let value = series.values.first(where: { $0.value.isFinite }) else { continue }
            markup.element("g", ["class": "tone-\(series.tone.rawValue)"]) { markup in
                if let interval = value.interval {
                    let ends = [interval.lowerBound, interval.upperBound]
                    line("bar", (x(ends[0]), y), (x(ends[1]), y), to: &markup)
                    for end in ends where axis.range.contains(end) {
                        line("bar", (x(end), y - 4), (x(end), y + 4), to: &markup)
                    }
                }
                dot((x(value.value), y), to: &markup)
            }
            label(
                ReportNumber.fixed(value.value, decimals: 1), place.x + width, y + 4.5, "end", "tick", to: &markup)
        }
    }

    // MARK: Parts

    /// The values in words, for those who do not see the drawing.
    private var spoken: String {
        figure.panels.map { panel in
            let series = panel.series.map { series in
                let values = series.values.map { value in
                    (value.x.map { "\(ReportNumber.short($0)): " } ?? "") + ReportNumber.short(value.value)
                }
                return "\(series.name) \(values.joined(separator: ", "))"
            }
            return "\(panel.title), \(panel.valueLabel): \(series.joined(separator: "; "))."
        }.joined(separator: " ") + " " + figure.caption
    }

    private func dot(_ place: Point, to markup: inout ReportMarkup) {
        markup.empty("circle", ["class": "dot", "cx": Self.text(place.x), "cy": Self.text(place.y), "r": "4"])
    }

    private func path(_ points: [Point], to markup: inout ReportMarkup) {
        let path = points.map { "\(Self.text($0.x)) \(Self.text($0.y))" }.joined(separator: "L")
        markup.empty("path", ["class": "line", "d": "M" + path])
    }

    private func line(_ style: String, _ from: Point, _ to: Point, to markup: inout ReportMarkup) {
        markup.empty(
            "line",
            [
                "class": style, "x1": Self.text(from.x), "y1": Self.text(from.y), "x2": Self.text(to.x),
                "y2": Self.text(to.y),
            ])
    }

    private func label(
        _ text: String, _ x: Double, _ y: Double, _ anchor: String, _ style: String?, to markup: inout ReportMarkup
    ) {
        let place: ReportMarkup.Attributes = ["x": Self.text(x), "y": Self.text(y), "text-anchor": anchor]
        let styled: ReportMarkup.Attributes = [
            "class": style ?? "", "x": Self.text(x), "y": Self.text(y), "text-anchor": anchor,
        ]
        markup.element("text", style == nil ? place : styled, text)
    }

    /// About the width of a text: letters of these fonts are a little more than half as wide as they are high.
    private static func width(of text: String, size: Double) -> Double { Double(text.count) * size * 0.55 }

    /// A text in lines of a width, at 12.5 pixels.
    private static func wrapped(_ text: String, width: Double) -> [String] {
        var lines: [String] = []
        for word in text.split(separator: " ") {
            if let line = lines.last, Self.width(of: "\(line) \(word)", size: 12.5) <= width {
                lines[lines.count - 1] = "\(line) \(word)"
            } else {
                lines.append(String(word))
            }
        }
        return lines
    }

    /// A coordinate, to a tenth of a pixel.
    private static func text(_ coordinate: Double) -> String { String(format: "%g", (coordinate * 10).rounded() / 10) }
}
