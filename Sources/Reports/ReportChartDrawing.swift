import Foundation

/// A chart as SVG at one size. Coordinates are in pixels of the intended display, so that type keeps its size.
struct ReportChartDrawing {
    /// The size of a drawing and the room around its frame.
    struct Size {
        /// Name of its style class.
        let name: String
        let width: Double
        let height: Double
        let xTicks: Int
        let yTicks: Int

        /// For windows from a tablet's width on.
        static let wide = Size(name: "wide-drawing", width: 760, height: 360, xTicks: 8, yTicks: 6)
        /// For phones.
        static let narrow = Size(name: "narrow-drawing", width: 360, height: 280, xTicks: 4, yTicks: 5)
    }

    let chart: ReportPage.LineChart
    let size: Size
    private let axes: (x: ReportAxis, y: ReportAxis)
    private let frame: (left: Double, top: Double, right: Double, bottom: Double)

    /// A drawing; nil where the chart has no point that can be drawn.
    init?(chart: ReportPage.LineChart, size: Size) {
        let points = chart.series.flatMap { $0.points + $0.bandPoints }.filter(chart.canDraw)
        guard let left = points.map(\.x).min(), let right = points.map(\.x).max(),
            let low = points.map(\.y).min(), let high = points.map(\.y).max()
        else { return nil }
        let y =
            switch chart.yScale {
            case .linear: ReportAxis(linear: low...high, count: size.yTicks, widened: true)
            case .logarithmic: ReportAxis(logarithmic: low...high, count: size.yTicks)
            }
        self.chart = chart
        self.size = size
        let isWhole = points.allSatisfy { $0.x == $0.x.rounded() }
        axes = (ReportAxis(linear: left...right, count: size.xTicks, widened: false, whole: isWhole), y)
        // Seven units per character is a little more than digits take at the style sheet's 12 units.
        let labelWidth = y.ticks.map { Double($0.label.count) * 7 }.max() ?? 0
        frame = (left: max(28, labelWidth + 12), top: 30, right: size.width - 18, bottom: size.height - 46)
    }

    func write(to markup: inout ReportMarkup) {
        let title = markup.identifier("chart-title")
        let description = markup.identifier("chart-description")
        markup.element(
            "svg",
            [
                "class": size.name, "viewBox": "0 0 \(Int(size.width)) \(Int(size.height))", "role": "img",
                "aria-labelledby": "\(title) \(description)",
            ]
        ) { markup in
            markup.element("title", ["id": title], chart.title)
            markup.element("desc", ["id": description], chart.spokenDescription)
            writeAxes(to: &markup)
            for index in chart.series.indices { write(series: index, to: &markup) }
            label(chart.yLabel, x: 2, y: 14, anchor: "start", style: "axis", to: &markup)
            label(
                chart.xLabel, x: (frame.left + frame.right) / 2, y: size.height - 6, anchor: "middle", style: "axis",
                to: &markup)
        }
    }

    private func writeAxes(to markup: inout ReportMarkup) {
        for tick in axes.y.ticks {
            let y = place(axes.y.position(tick.value), from: frame.bottom, to: frame.top)
            line("grid", from: (frame.left, y), to: (frame.right, y), markup: &markup)
            label(tick.label, x: frame.left - 8, y: y + 4, anchor: "end", to: &markup)
        }
        for tick in axes.x.ticks {
            let x = place(axes.x.position(tick.value), from: frame.left, to: frame.right)
            line("mark", from: (x, frame.bottom), to: (x, frame.bottom + 5), markup: &markup)
            // The last label must not run out of the drawing.
            let half = Double(tick.label.count) * 3.5
            label(tick.label, x: min(x, size.width - half), y: frame.bottom + 19, anchor: "middle", to: &markup)
        }
        line("base", from: (frame.left, frame.bottom), to: (frame.right, frame.bottom), markup: &markup)
    }

    /// A line, the values it smooths in a faint form under it; a point without neighbours is a dot.
    private func write(series index: Int, to markup: inout ReportMarkup) {
        let series = chart.series[index]
        markup.element("g", ["class": "tone-\(chart.tone(index).rawValue)"]) { markup in
            write(band: series.band, to: &markup)
            if series.stroke == .points {
                return series.points.filter(chart.canDraw).forEach { dot(place($0), to: &markup) }
            }
            if series.smoothing > 1 {
                write(series.points, style: "line faint", to: &markup)
            }
            write(series.smoothed, style: "line \(series.stroke.rawValue)", to: &markup)
            if series.points.count <= Self.fewPoints { mark(series.points, to: &markup) }
        }
    }

    /// So many points are told from the line that joins them.
    private static let fewPoints = 16

    private func mark(_ points: [ReportPage.LineChart.Point], to markup: inout ReportMarkup) {
        for run in chart.runs(of: points) where run.count > 1 {
            for point in run { dot(place(point), to: &markup) }
        }
    }

    private func dot(_ place: (x: Double, y: Double), to markup: inout ReportMarkup) {
        markup.empty("circle", ["class": "dot", "cx": text(place.x), "cy": text(place.y), "r": "3"])
    }

    private func place(_ point: ReportPage.LineChart.Point) -> (x: Double, y: Double) {
        (
            x: place(axes.x.position(point.x), from: frame.left, to: frame.right),
            y: place(axes.y.position(point.y), from: frame.bottom, to: frame.top)
        )
    }

    /// The upper ends of a band from left to right, then the lower ones back.
    private func write(band: [ReportPage.LineChart.Band], to markup: inout ReportMarkup) {
        let band = band.filter { chart.canDraw(.init(x: $0.x, y: $0.low)) && chart.canDraw(.init(x: $0.x, y: $0.high)) }
            .sorted { $0.x < $1.x }
        guard band.count > 1 else { return }
        let corners = band.map { ($0.x, $0.high) } + band.reversed().map { ($0.x, $0.low) }
        let path = corners.map { x, y in
            "\(text(place(axes.x.position(x), from: frame.left, to: frame.right))) "
                + text(place(axes.y.position(y), from: frame.bottom, to: frame.top))
        }.joined(separator: "L")
        markup.empty("path", ["class": "band", "d": "M\(path)Z"])
    }

    private func write(
        _ points: [ReportPage.LineChart.Point], style: String, to markup: inout ReportMarkup
    ) {
        for run in chart.runs(of: points) {
            let places = thinned(run.map { place($0) })
            if places.count == 1 {
                dot(places[0], to: &markup)
            } else {
                let path = places.map { "\(text($0.x)) \(text($0.y))" }.joined(separator: "L")
                markup.empty("path", ["class": style, "d": "M" + path])
            }
        }
    }

    /// At most four points per column of pixels, its first, lowest, highest and last: long curves look the same and stay
    /// small.
    private func thinned(_ places: [(x: Double, y: Double)]) -> [(x: Double, y: Double)] {
        guard places.count > 4 * Int(frame.right - frame.left) else { return places }
        var result: [(x: Double, y: Double)] = []
        var start = 0
        while start < places.count {
            var end = start
            var low = start
            var high = start
            while end < places.count, places[end].x.rounded(.down) == places[start].x.rounded(.down) {
                if places[end].y < places[low].y { low = end }
                if places[end].y > places[high].y { high = end }
                end += 1
            }
            result += Set([start, low, high, end - 1]).sorted().map { places[$0] }
            start = end
        }
        return result
    }

    private func place(_ position: Double, from start: Double, to end: Double) -> Double {
        start + position * (end - start)
    }

    private func line(
        _ style: String, from start: (x: Double, y: Double), to end: (x: Double, y: Double), markup: inout ReportMarkup
    ) {
        markup.empty(
            "line", ["class": style, "x1": text(start.x), "y1": text(start.y), "x2": text(end.x), "y2": text(end.y)])
    }

    private func label(
        _ label: String, x: Double, y: Double, anchor: String, style: String = "tick", to markup: inout ReportMarkup
    ) {
        markup.element("text", ["class": style, "x": text(x), "y": text(y), "text-anchor": anchor], label)
    }

    /// A coordinate, to a tenth of a pixel.
    private func text(_ coordinate: Double) -> String {
        let tenths = Int((coordinate * 10).rounded())
        let digit = abs(tenths) % 10
        let whole = (tenths < 0 ? "-" : "") + "\(abs(tenths) / 10)"
        return digit == 0 ? whole : "\(whole).\(digit)"
    }
}
