extension ReportPage {
    /// A table: the first cell of a row names the row, the others are its values.
    public struct Table: Sendable {
        /// What the table shows; follows its number.
        public var caption: String
        /// The columns, that of the row names included.
        public var columns: [Column]
        /// The rows. A row shorter than the columns is filled with missing values; cells beyond them are not shown.
        public var rows: [Row]

        /// A table with a caption above it.
        public init(caption: String, columns: [Column], rows: [Row]) {
            self.caption = caption
            self.columns = columns
            self.rows = rows
        }
    }

    /// A column of a ``Table``.
    public struct Column: Sendable {
        /// Which value of a column is set in bold.
        public enum Best: Sendable {
            /// The largest.
            case highest
            /// The least.
            case lowest
        }

        /// The column's heading.
        public var name: String
        /// A heading over this and neighbouring columns of the same group; none when empty.
        public var group: String
        /// The value to be set in bold; nil for none.
        public var best: Best?

        /// A column, and whether its best cell is marked.
        public init(_ name: String, group: String = "", best: Best? = nil) {
            self.name = name
            self.group = group
            self.best = best
        }
    }

    /// A row of a ``Table``.
    public struct Row: Sendable {
        /// The cells, the row's name first.
        public var cells: [Cell]
        /// Whether its values take part in the search for the best of a column.
        public var isRanked: Bool

        /// A row, and whether it takes part in the search for the best.
        public init(_ cells: [Cell], isRanked: Bool = true) {
            self.cells = cells
            self.isRanked = isRanked
        }
    }

    /// The answer to a question.
    public enum Verdict: String, Sendable {
        /// Yes.
        case yes
        /// No.
        case no
        /// Neither can be said.
        case open

        var mark: String {
            switch self {
            case .yes: "✓"
            case .no: "✗"
            case .open: "?"
            }
        }
    }

    /// A cell of a ``Table``. A string literal is a text.
    public enum Cell: Sendable, ExpressibleByStringLiteral {
        /// Text, aligned to the left.
        case text(String)
        /// A number, aligned to the right, rounded to some decimals and followed by a unit.
        case number(Double, decimals: Int = 0, unit: String = "")
        /// An answer with its words, aligned to the left; it is told by a mark and by its colour as well.
        case verdict(Verdict, String)
        /// No value.
        case missing

        /// A cell that holds a text.
        public init(stringLiteral value: String) {
            self = .text(value)
        }
    }
}

extension ReportPage.Table {
    /// The same without the columns in which no row has a value; the row names stay.
    var withoutEmptyColumns: ReportPage.Table {
        let kept = columns.indices.filter { column in
            column == 0 || rows.isEmpty
                || rows.indices.contains { row in
                    switch cell(row: row, column: column) {
                    case .missing, .text(""): false
                    default: true
                    }
                }
        }
        guard kept.count < columns.count else { return self }
        var table = self
        table.columns = kept.map { columns[$0] }
        table.rows = rows.indices.map { row in
            ReportPage.Row(kept.map { cell(row: row, column: $0) }, isRanked: rows[row].isRanked)
        }
        return table
    }

    /// The cell at a place, whatever the length of its row.
    func cell(row: Int, column: Int) -> ReportPage.Cell {
        let cells = rows[row].cells
        return column < cells.count ? cells[column] : .missing
    }

    /// Whether a column holds numbers and is thus aligned to the right: its first cell that is not missing decides.
    func isNumeric(column: Int) -> Bool {
        for row in rows.indices {
            switch cell(row: row, column: column) {
            case .number: return true
            case .text, .verdict: return false
            case .missing: continue
            }
        }
        return false
    }

    /// The rows whose value is the best of a column. Values that look alike as shown share the first place, and a
    /// column with only one value has no best.
    func bestRows(column: Int) -> Set<Int> {
        guard let best = columns[column].best else { return [] }
        var values: [(row: Int, value: Double)] = []
        for row in rows.indices where rows[row].isRanked {
            guard case .number(let number, let decimals, _) = cell(row: row, column: column), number.isFinite else {
                continue
            }
            values.append((row, ReportNumber.rounded(number, decimals: decimals)))
        }
        guard values.count > 1 else { return [] }
        let ordered = values.map(\.value).sorted()
        let target = best == .highest ? ordered[ordered.count - 1] : ordered[0]
        return Set(values.filter { $0.value == target }.map(\.row))
    }
}
