extension ReportPage {
    /// A drawing of one or more lines over a common horizontal axis.
    ///
    /// Points that cannot be drawn (not a number, infinite, beyond 1e150, or not positive on a logarithmic axis) leave
    /// a gap, and the caption counts them. A chart without any point that can be drawn says so.
    public struct LineChart: Sendable {
        /// A point of a line.
        public struct Point: Sendable, Equatable {
            /// Horizontal position, in units of the axis.
            public var x: Double
            /// Vertical position, in units of the axis.
            public var y: Double

            /// A point of a line.
            public init(x: Double, y: Double) {
                self.x = x
                self.y = y
            }
        }

        /// The spread of the values at one place.
        public struct Band: Sendable, Equatable {
            /// Horizontal position, in units of the axis.
            public var x: Double
            /// The lower end.
            public var low: Double
            /// The upper end.
            public var high: Double

            /// A vertical bar from `low` to `high`: a confidence interval, say.
            public init(x: Double, low: Double, high: Double) {
                self.x = x
                self.low = low
                self.high = high
            }
        }

        /// How a line is stroked: with the tone, what tells lines apart.
        public enum Stroke: String, Sendable {
            /// Without interruptions.
            case solid
            /// In dashes, such as for validation beside training.
            case dashed
            /// In dots.
            case dotted
            /// Not at all: values of things that lie in no order, such as positions, are points.
            case points
        }

        /// How values are spread along the vertical axis.
        public enum Scale: Sendable {
            /// Equal differences have equal heights.
            case linear
            /// Equal ratios have equal heights.
            case logarithmic
        }

        /// A named line.
        public struct Series: Sendable {
            /// The name in the legend.
            public var name: String
            /// The points; they are drawn in the order of x.
            public var points: [Point]
            /// The colour; nil takes the next one.
            public var tone: Tone?
            /// How the line is drawn.
            public var stroke: Stroke
            /// What the values spread over, drawn as a faint surface behind the line; empty for none.
            public var band: [Band] = []
            /// Points in the moving average that is drawn over the values, which then fade; 1 draws the values alone.
            public var smoothing: Int

            /// A named line.
            public init(
                name: String, points: [Point], tone: Tone? = nil, stroke: Stroke = .solid, smoothing: Int = 1
            ) {
                self.name = name
                self.points = points
                self.tone = tone
                self.stroke = stroke
                self.smoothing = smoothing
            }
        }

        /// What the chart shows, in a few words.
        public var title: String
        /// More about it; follows the title in the caption.
        public var caption: String
        /// Quantity and unit of the horizontal axis.
        public var xLabel: String
        /// Quantity and unit of the vertical axis.
        public var yLabel: String
        /// The vertical scale.
        public var yScale: Scale
        /// The lines, in the order of the legend.
        public var series: [Series]

        /// A chart of lines over one pair of axes.
        public init(
            title: String, caption: String = "", xLabel: String, yLabel: String, yScale: Scale = .linear,
            series: [Series]
        ) {
            self.title = title
            self.caption = caption
            self.xLabel = xLabel
            self.yLabel = yLabel
            self.yScale = yScale
            self.series = series
        }
    }
}

extension ReportPage.LineChart {
    /// Whether a point has a place in the drawing.
    func canDraw(_ point: Point) -> Bool {
        let inRange = abs(point.x) < 1e150 && abs(point.y) < 1e150  // false for NaN
        return inRange && (yScale == .linear || point.y > 1e-150)
    }

    /// The tone of a series.
    func tone(_ index: Int) -> ReportPage.Tone {
        series[index].tone ?? .automatic(index)
    }

    /// How many points leave a gap.
    var undrawable: Int {
        series.reduce(0) { sum, series in sum + series.points.filter { !canDraw($0) }.count }
    }

    /// The points of a series as runs without a gap, in the order of x.
    func runs(of points: [Point]) -> [[Point]] {
        let ordered = points.filter { $0.x.isFinite }.sorted { $0.x < $1.x }
        return ordered.split { !canDraw($0) }.map(Array.init)
    }
}

extension ReportPage.LineChart.Series {
    /// The ends of the band as points, for the axes.
    var bandPoints: [ReportPage.LineChart.Point] {
        band.flatMap { [.init(x: $0.x, y: $0.low), .init(x: $0.x, y: $0.high)] }
    }

    /// Each value replaced by the mean of itself and its predecessors, `smoothing` values at most. A value that is not
    /// finite stays as it is and is left out of the means of others.
    var smoothed: [ReportPage.LineChart.Point] {
        guard smoothing > 1 else { return points }
        var window: [Double] = []
        return points.map { point in
            guard point.y.isFinite else { return point }
            window.append(point.y)
            if window.count > smoothing { window.removeFirst() }
            return .init(x: point.x, y: window.reduce(0, +) / Double(window.count))
        }
    }
}
