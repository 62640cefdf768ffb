import PrefixTuning
import Reports

/// Tables of runs that differ in a length, a size or a part of the data.
extension StudyResults {
    /// A table per data set and part of its test: a row per method and value of what varies.
    func addPointTables(_ rows: [String], pointName: String, to page: inout ReportPage) {
        for data in dataSets.map(\.name) {
            for split in splits(of: data) {
                page.add(.table(pointTable(data, split: split, rows: rows, pointName: pointName)))
            }
        }
    }

    private func pointTable(
        _ data: String, split: String, rows: [String], pointName: String
    ) -> ReportPage.Table {
        let scores = scores(of: data)
        let cells = rows.flatMap { row in points(data, row: row).map { (row, $0, runs(data, row: row, point: $0)) } }
        // Columns of deviations only where there are several runs of a kind.
        let repeats = cells.contains { $0.2.count > 1 }
        var columns: [ReportPage.Column] = [.init("method"), .init(pointName)]
        for score in scores { columns += repeats ? [.init(score), .init("±")] : [.init(score)] }
        columns += [.init("validation loss"), .init("runs")]
        func scoreCells(_ found: [RunResult], _ score: String) -> [ReportPage.Cell] {
            let mean = Self.mean(found, score, split: split)
            func cell(_ value: Double?) -> ReportPage.Cell {
                value.map { .number($0, decimals: decimals(score, data)) } ?? .missing
            }
            return repeats ? [cell(mean?.value), cell(mean?.deviation)] : [cell(mean?.value)]
        }
        return ReportPage.Table(
            caption: "\(title(data)), \(Self.title(split: split)): means over the runs of each row.", columns: columns,
            rows: cells.map { row, point, found in
                let loss = SampleMean(found.compactMap(\.bestValidationLoss))
                return .init(
                    [.text(row), .number(point)] + scores.flatMap { scoreCells(found, $0) }
                        + [loss.map { .number($0.value, decimals: 3) } ?? .missing, .number(Double(found.count))])
            })
    }
}
