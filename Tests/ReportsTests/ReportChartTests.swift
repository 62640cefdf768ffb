import Testing

@testable import Reports

@Suite struct ReportChartTests {
    typealias Chart = ReportPage.LineChart

    static func points(_ values: [Double]) -> [Chart.Point] {
        values.enumerated().map { .init(x: Double($0.offset), y: $0.element) }
    }

    static func chart(_ series: [Chart.Series], scale: Chart.Scale = .linear) -> Chart {
        Chart(title: "t", xLabel: "step", yLabel: "loss", yScale: scale, series: series)
    }

    static func elements(_ chart: Chart) throws -> [ReportElement] {
        var page = ReportPage(title: "c")
        page.add(.chart(chart))
        return try ReportDocument.parse(page.html)
    }

    /// All coordinates of lines, points and texts of a drawing, in pairs.
    static func coordinates(_ elements: [ReportElement], width: Int) -> [(x: Double, y: Double)] {
        var result: [(Double, Double)] = []
        for element in elements where element.ancestors.contains("svg") && !element.ancestors.contains("ul") {
            let attributes = element.attributes.compactMapValues(Double.init)
            for (x, y) in [("x", "y"), ("x1", "y1"), ("x2", "y2"), ("cx", "cy")] {
                if let x = attributes[x], let y = attributes[y] { result.append((x, y)) }
            }
            if let path = element.attributes["d"] {
                let numbers = path.dropFirst().split { $0 == "L" || $0 == " " }.compactMap { Double($0) }
                #expect(numbers.count.isMultiple(of: 2))
                for index in stride(from: 0, to: numbers.count, by: 2) {
                    result.append((numbers[index], numbers[index + 1]))
                }
            }
        }
        return result
    }

    @Test func pointsAreNotJoined() throws {
        let elements = try Self.elements(
            Self.chart([.init(name: "s", points: Self.points([1, .nan, 3]), stroke: .points)]))
        let drawn = elements.filter { $0.ancestors.contains("svg") }
        // Two in each of two drawings, and one in the legend where there is one.
        #expect(drawn.filter { $0.name == "circle" && !$0.ancestors.contains("ul") }.count == 2 * 2)
        #expect(!drawn.contains { $0.attributes["class"]?.hasPrefix("line") ?? false })
    }

    @Test(arguments: [
        [0.0], [1, 2, 3], [5, 5, 5], [-1e149, 1e149], [0, Double.leastNonzeroMagnitude], [1e9, 1e9 + 1e-3],
        [Double.nan, 1, Double.infinity, 2, -Double.infinity],
        [0.001, 1000, 12], [-3, 0, 3, 0.5],
    ])
    func coordinatesLieInTheDrawing(values: [Double]) throws {
        for scale in [Chart.Scale.linear, .logarithmic] {
            let series = Chart.Series(name: "s", points: Self.points(values), smoothing: 2)
            for size in [ReportChartDrawing.Size.wide, .narrow] {
                let chart = Self.chart([series], scale: scale)
                guard let drawing = ReportChartDrawing(chart: chart, size: size) else {
                    #expect(!series.points.contains(where: chart.canDraw))
                    continue
                }
                var markup = ReportMarkup()
                drawing.write(to: &markup)
                let elements = try ReportDocument.parse(markup.markup)
                let coordinates = Self.coordinates(elements, width: Int(size.width))
                #expect(coordinates.count >= 4)
                #expect(coordinates.allSatisfy { (0...size.width).contains($0.x) && (0...size.height).contains($0.y) })
                #expect(!markup.markup.contains("nan") && !markup.markup.contains("inf"))
            }
        }
    }

    @Test func aLineGoesThroughItsPoints() throws {
        let chart = Self.chart([.init(name: "s", points: Self.points([0, 10, 5]))])
        var markup = ReportMarkup()
        try #require(ReportChartDrawing(chart: chart, size: .wide)).write(to: &markup)
        let path = try ReportDocument.parse(markup.markup).named("path").compactMap { $0.attributes["d"] }
        // The frame: 28 to 742 across, 314 up to 30.
        #expect(path == ["M28 314L385 30L742 172"])
    }

    @Test func whatCannotBeDrawnLeavesAGapAndIsCounted() throws {
        let values = [1, 2, .nan, 3, .infinity, 4, 5, -1]
        let linear = try Self.elements(Self.chart([.init(name: "s", points: Self.points(values))]))
        // Two drawings, each with the runs 1 2, 3, and 4 5 −1; and the line of the legend.
        #expect(linear.named("path").count == 5)
        // The point without neighbours, and a mark on each of the others: there are few.
        #expect(linear.named("circle").count == 2 * 6)
        #expect(linear.named("figcaption").map(\.text) == ["Figure 1. t. 2 values are not finite and not drawn."])
        let logarithmic = try Self.elements(
            Self.chart([.init(name: "s", points: Self.points([-1, 1, 10]))], scale: .logarithmic))
        #expect(
            logarithmic.named("figcaption").map(\.text)
                == ["Figure 1. t. One value is not finite or not positive and not drawn."])
    }

    @Test func aChartWithoutValuesSaysSo() throws {
        for series in [
            [], [Chart.Series(name: "s", points: [])], [Chart.Series(name: "s", points: Self.points([.nan]))],
        ] {
            let elements = try Self.elements(Self.chart(series))
            #expect(elements.named("svg").filter { $0.attributes["role"] == "img" }.isEmpty)
            #expect(elements.styled("label").map(\.text) == ["There is nothing to draw."])
        }
    }

    @Test func pointsAreDrawnInTheOrderOfX() {
        let chart = Self.chart([])
        let points: [Chart.Point] = [.init(x: 3, y: 1), .init(x: 1, y: 2), .init(x: .nan, y: 0), .init(x: 2, y: .nan)]
        #expect(chart.runs(of: points) == [[.init(x: 1, y: 2)], [.init(x: 3, y: 1)]])
    }

    @Test func smoothingIsTheMeanOfTheLastValues() {
        let series = Chart.Series(name: "s", points: Self.points([1, 3, .nan, 8, 10]), smoothing: 2)
        let smoothed = series.smoothed.map(\.y)
        #expect(smoothed[0] == 1 && smoothed[1] == 2 && smoothed[2].isNaN && smoothed[3] == 5.5 && smoothed[4] == 9)
    }

    @Test func longLinesStaySmallAndKeepTheirPeaks() throws {
        var values = (0..<100_000).map { Double($0 % 7) }
        values[43_210] = 80
        let elements = try Self.elements(Self.chart([.init(name: "s", points: Self.points(values))]))
        let paths = elements.named("path").filter { $0.ancestors.contains("g") }.compactMap { $0.attributes["d"] }
        #expect(paths.count == 2)
        for path in paths {
            #expect(path.utf8.count < 60_000)
            let keepsThePeak = path.contains(" 30L")  // the top of the frame
            #expect(keepsThePeak)
        }
    }

    @Test func drawingsHaveATextEquivalent() throws {
        let elements = try Self.elements(
            Self.chart([
                .init(name: "prefix", points: Self.points([4, 2.5, 1]), tone: .green, stroke: .dashed),
                .init(name: "empty", points: []),
            ]))
        let descriptions = elements.named("desc").map(\.text)
        #expect(
            descriptions
                == Array(repeating: "t. loss over step. prefix: from 4 at 0 to 1 at 2; empty: no values.", count: 2))
        #expect(elements.named("td").map(\.text) == ["3", "4", "1", "4", "2", "1", "0", "–", "–", "–", "–", "–"])
        #expect(elements.named("li").map(\.text) == ["prefix", "empty"])
        // The same tone and stroke in the legend and in both drawings.
        #expect(elements.styled("tone-green").count == 3)
        #expect(elements.styled("dashed").count == 3)
    }
}
