/// A picture of one or more panels that stands by itself, as SVG: for a README, a page or a paper. It has its own paper, light or
/// dark as its reader's system is, and needs no font and no style sheet.
package struct ReportFigure: Sendable {
    /// A value with the interval that it may lie in.
    package struct Value: Sendable, Equatable {
        /// Where it stands on the horizontal axis of lines; nil in a panel of rows.
        package var x: Double?
        /// The value.
        package var value: Double
        /// The ends of its interval; nil where none is known.
        package var interval: ClosedRange<Double>?

        /// A value.
        package init(x: Double? = nil, value: Double, interval: ClosedRange<Double>? = nil) {
            (self.x, self.value, self.interval) = (x, value, interval)
        }
    }

    /// The values of one thing: a line, or a row.
    package struct Series: Sendable {
        package var name: String
        package var tone: ReportPage.Tone
        package var values: [Value]

        /// Values with a name.
        package init(name: String, tone: ReportPage.Tone, values: [Value]) {
            (self.name, self.tone, self.values) = (name, tone, values)
        }
    }

    /// One pair of axes.
    package struct Panel: Sendable {
        /// What is shown, in a few words.
        package var title: String
        /// The quantity of the values.
        package var valueLabel: String
        /// What the lines run over; nil for a row per series, with its value along the horizontal axis.
        package var xLabel: String?
        /// The lines or rows.
        package var series: [Series]
        /// Panels of one group have the same axis of values.
        package var group: String

        /// A panel.
        package init(title: String, valueLabel: String, xLabel: String?, series: [Series], group: String) {
            (self.title, self.valueLabel, self.xLabel, self.series) = (title, valueLabel, xLabel, series)
            self.group = group
        }
    }

    /// What the picture shows; above it.
    package var title: String
    /// The panels, row by row.
    package var panels: [Panel]
    /// How values and intervals came about; below it.
    package var caption: String

    /// A picture.
    package init(title: String, panels: [Panel], caption: String) {
        (self.title, self.panels, self.caption) = (title, panels, caption)
    }

    /// The file's text.
    package var svg: String { ReportFigureDrawing(self).svg }
}

extension ReportFigure.Panel {
    /// Whether an interval reaches beyond ``extent``: it is drawn without an end there.
    package var isCut: Bool {
        guard let extent else { return false }
        return series.flatMap(\.values).compactMap(\.interval)
            .contains { $0.lowerBound < extent.lowerBound || $0.upperBound > extent.upperBound }
    }

    /// The values between which all that matters lies: of intervals at most as much again, on each side, as the values span.
    /// One run too few can make an interval so wide that nothing else would be seen.
    var extent: ClosedRange<Double>? {
        let values = series.flatMap(\.values).filter { $0.value.isFinite }
        guard let low = values.map(\.value).min(), let high = values.map(\.value).max() else { return nil }
        let room = max(high - low, 0.1 * max(abs(low), abs(high)), 1e-3)
        let ends = values.compactMap(\.interval).flatMap { [$0.lowerBound, $0.upperBound] }.filter(\.isFinite)
        let least = max(min(low, ends.min() ?? low), low - room),
            greatest = min(max(high, ends.max() ?? high), high + room)
        // Scores do not go below 0, whatever an interval says.
        return (low >= 0 ? max(0, least) : least)...greatest
    }
}
