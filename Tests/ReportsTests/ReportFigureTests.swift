import Testing

@testable import Reports

/// Pictures that stand by themselves.
@Suite struct ReportFigureTests {
    private static func panel(_ values: [[(Double, Double, ClosedRange<Double>?)]], xLabel: String? = "examples")
        -> ReportFigure.Panel
    {
        ReportFigure.Panel(
            title: "E2E & <others>", valueLabel: "BLEU", xLabel: xLabel,
            series: values.enumerated().map { index, values in
                .init(
                    name: "row \(index)", tone: .automatic(index),
                    values: values.map { .init(x: xLabel == nil ? nil : $0.0, value: $0.1, interval: $0.2) })
            }, group: "e2e")
    }

    private static func elements(_ panels: ReportFigure.Panel..., caption: String = "a caption") throws
        -> [ReportElement]
    {
        try ReportDocument.parse(ReportFigure(title: "Few", panels: panels, caption: caption).svg)
    }

    private static func number(_ element: ReportElement, _ name: String) throws -> Double {
        try #require(element.attributes[name].flatMap(Double.init), "\(name)")
    }

    @Test("lines: a path and a dot per value, intervals around the dots, the axes' names")
    func lines() throws {
        let elements = try Self.elements(
            Self.panel([[(50, 40, 38...42), (100, 50, 47...53), (500, 60, nil)], [(50, 45, nil), (500, 62, nil)]]))
        let drawn = elements.filter { $0.ancestors.contains("g") }
        // Two of the legend's.
        #expect(drawn.count { $0.name == "circle" } == 5 + 2 && drawn.count { $0.name == "path" } == 2 + 2)
        #expect(drawn.count { $0.attributes["class"] == "bar" } == 2 * 3)
        let texts = elements.filter { $0.name == "text" }.map(\.text)
        for text in ["Few", "E2E & <others>", "BLEU", "examples", "50", "100", "500", "row 0", "row 1", "a caption"] {
            #expect(texts.contains(text), "\(text)")
        }
        // Higher values stand higher, and ratios have equal distances: 50 to 100 is less than a third of 50 to 500.
        let dots = drawn.filter { $0.name == "circle" }.dropFirst(2).prefix(3)
        let x = try dots.map { try Self.number($0, "cx") }, y = try dots.map { try Self.number($0, "cy") }
        #expect(y[0] > y[1] && y[1] > y[2])
        #expect(abs((x[1] - x[0]) / (x[2] - x[0]) - 0.301) < 0.002)
        // The bar of the first goes through its dot, as far up as down.
        let bar = try #require(drawn.first { $0.attributes["class"] == "bar" })
        #expect(bar.attributes["x1"] == dots.first?.attributes["cx"])
        #expect(try abs((Self.number(bar, "y1") + Self.number(bar, "y2")) / 2 - y[0]) < 0.11)
    }

    @Test("rows: values along one axis for all panels of a group; the numbers stand beside")
    func rows() throws {
        let low = Self.panel([[(0, 20, 18...22)], [(0, 25, nil)]], xLabel: nil)
        let high = Self.panel([[(0, 80, nil)], [(0, 75, 70...80)]], xLabel: nil)
        let elements = try Self.elements(low, high)
        let dots = elements.filter { $0.name == "circle" }
        #expect(dots.count == 4 && elements.count { $0.attributes["class"] == "bar" } == 2 * 3)
        #expect(elements.filter { $0.name == "text" }.map(\.text).contains("80.0"))
        // Both panels are as wide, so that the same distance is the same difference.
        let x = try dots.map { try Self.number($0, "cx") }
        #expect(abs((x[1] - x[0]) + (x[3] - x[2])) < 0.21 && x[1] > x[0])
        for element in elements where element.name == "line" || element.name == "circle" {
            for (name, value) in element.attributes where ["x1", "x2", "cx"].contains(name) {
                #expect(try #require(Double(value)) >= 0 && #require(Double(value)) <= 860)
            }
        }
    }

    @Test("an interval of too few runs does not flatten the rest, and scores do not go below 0")
    func extents() throws {
        let wide = Self.panel([[(50, 40, -90...170), (100, 50, 49...51)]])
        #expect(wide.extent == 30...60)
        let bars = try Self.elements(wide).filter { $0.attributes["class"] == "bar" }
        // The wide one has no ends.
        #expect(bars.count == 1 + 3)
        #expect(Self.panel([[(50, 2, -1...5), (100, 4, nil)]]).extent == 0...5)
        #expect(Self.panel([[(50, .nan, nil)]]).extent == nil && Self.panel([]).extent == nil)
        #expect(try Self.elements(Self.panel([])).contains { $0.text == "There is nothing to draw." })
    }

    @Test("a long caption is broken into lines; the picture has its own paper for dark and light")
    func form() throws {
        let elements = try Self.elements(
            Self.panel([[(1, 2, nil)]]), caption: String(repeating: "words of a caption ", count: 20))
        let lines = elements.filter { $0.attributes["class"] == "caption" }
        #expect(lines.count > 2 && lines.allSatisfy { $0.text.count < 130 })
        let style = try #require(elements.first { $0.name == "style" }?.text)
        #expect(style.contains("prefers-color-scheme: dark") && elements.contains { $0.attributes["class"] == "paper" })
    }
}
