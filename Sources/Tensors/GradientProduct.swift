/// The gradient leftᵀ·right of a matrix that met few rows, not multiplied out.
///
/// The MLP behind a prefix of 10 positions is the case in point: its largest matrix has 9.4 million elements in GPT-2 small,
/// and a gradient of 10 rows of x and of dy. ``AdamWUpdate`` multiplies them in registers, which spares the memory and the
/// writing and reading of it.
@Compute public final class GradientProduct {
    /// The rows up to which multiplying in registers, and the norm by inner products of all pairs of rows, cost less than
    /// the memory traffic of a whole gradient.
    static let greatestRank = 32

    let left: Tensor  // [rank × rows]
    let right: Tensor  // [rank × columns]

    init(_ left: TensorRows, _ right: TensorRows) {
        self.left = Self.copy(left)
        self.right = Self.copy(right)
    }

    private static func copy(_ rows: TensorRows) -> Tensor {
        let copy = Tensor(shape: [rows.count, rows.tensor.width])
        copy.floats.update(from: rows.floats, count: copy.count)
        return copy
    }

    /// Elements of the product.
    var count: Int { left.width * right.width }
    /// Rows of x and of dy.
    var rank: Int { left.rows }

    /// [rows × columns].
    var multipliedOut: Tensor {
        let product = Tensor(shape: [left.width, right.width])
        backend.multiply(
            left.floats, transposed: true, right.floats, transposed: false, m: left.width, n: right.width, k: rank,
            accumulate: false, into: product.floats)
        return product
    }

    /// Σ x² over the elements of the product, in double precision.
    var sumOfSquares: Double { backend.sumOfSquares(self) }
}
