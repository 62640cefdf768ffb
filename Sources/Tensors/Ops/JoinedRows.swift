extension Tensor {
    /// Rows of several matrices of equal width, one after another.
    ///
    /// On the way back the rows of dy are added to those that they came from.
    ///
    /// - Parameter parts: At least one; a part may be empty, and rows may occur in several.
    /// - Returns: [the sum of the counts × width].
    public static func joiningRows(_ parts: [(source: Tensor, rows: Range<Int>)]) -> Tensor {
        guard let width = parts.first?.source.width else { preconditionFailure("no rows to join") }
        precondition(
            parts.allSatisfy {
                $0.source.width == width && $0.rows.lowerBound >= 0 && $0.rows.upperBound <= $0.source.rows
            },
            "rows of matrices of \(parts.map(\.source.shape)) cannot be joined")
        let tape = parts.lazy.compactMap { Tape.recording($0.source.gradient) }.first
        let y = Tensor(shape: [parts.reduce(0) { $0 + $1.rows.count }, width], tape: tape)
        var start = 0
        for (source, rows) in parts where !rows.isEmpty {
            (y.floats + start * width).update(from: source.floats + rows.lowerBound * width, count: rows.count * width)
            start += rows.count
        }
        if let tape, let dy = y.gradient {
            let targets = parts.map { ($0.source.gradient, $0.rows) }
            tape.record {
                guard let g = dy.take() else { return }
                var start = 0
                for (dx, rows) in targets where !rows.isEmpty {
                    dx?.accumulate {
                        let place = $0.floats + rows.lowerBound * width
                        backend.add(place, g.floats + start * width, count: rows.count * width, into: place)
                    }
                    start += rows.count
                }
            }
        }
        return y
    }
}
