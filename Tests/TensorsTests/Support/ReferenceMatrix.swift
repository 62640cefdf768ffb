/// A matrix in double precision, multiplied one element at a time.
struct ReferenceMatrix {
    let rows: Int
    let columns: Int
    var values: [Double]

    init(_ values: [Double], rows: Int, columns: Int) {
        precondition(values.count == rows * columns)
        self.rows = rows
        self.columns = columns
        self.values = values
    }

    var transposed: ReferenceMatrix {
        var result = ReferenceMatrix(values, rows: columns, columns: rows)
        for i in 0..<rows { for j in 0..<columns { result.values[j * rows + i] = values[i * columns + j] } }
        return result
    }

    static func * (a: ReferenceMatrix, b: ReferenceMatrix) -> ReferenceMatrix {
        precondition(a.columns == b.rows)
        var c = [Double](repeating: 0, count: a.rows * b.columns)
        for i in 0..<a.rows {
            for k in 0..<a.columns {
                let x = a.values[i * a.columns + k]
                for j in 0..<b.columns { c[i * b.columns + j] += x * b.values[k * b.columns + j] }
            }
        }
        return ReferenceMatrix(c, rows: a.rows, columns: b.columns)
    }

    /// With `bias` added to each row.
    func adding(_ bias: [Double]) -> ReferenceMatrix {
        var result = self
        for i in values.indices { result.values[i] += bias[i % columns] }
        return result
    }

    /// The sum of all rows.
    var rowSum: [Double] { (0..<columns).map { j in (0..<rows).reduce(0) { $0 + values[$1 * columns + j] } } }
}
