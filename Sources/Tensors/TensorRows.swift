/// Consecutive rows of a tensor, as an operation reads or writes them: nothing is copied.
///
/// Where an operation works on rows in multiples of 16 (see ``Tensor``), it may also write to rows behind these: a caller that
/// goes through a tensor from the front writes them later.
@Compute public struct TensorRows {
    /// The tensor, which lives at least as long as this.
    public let tensor: Tensor
    /// The first row.
    public let first: Int
    /// How many rows.
    public let count: Int

    init(_ tensor: Tensor, _ range: Range<Int>) {
        precondition(range.lowerBound >= 0 && range.upperBound <= tensor.rows, "rows \(range) of \(tensor.shape)")
        self.tensor = tensor
        first = range.lowerBound
        count = range.count
    }

    /// The first element.
    package var floats: UnsafeMutablePointer<Float> { tensor.floats + first * tensor.width }

    /// Makes each row equal to `values` [width].
    func fill(with values: Tensor) {
        for row in 0..<count { (floats + row * tensor.width).update(from: values.floats, count: tensor.width) }
    }
}

extension Tensor {
    /// All rows of the tensor.
    public var allRows: TensorRows { TensorRows(self, 0..<rows) }

    /// Some rows; `range` lies in 0..<``rows``.
    public subscript(rows range: Range<Int>) -> TensorRows { TensorRows(self, range) }
}
