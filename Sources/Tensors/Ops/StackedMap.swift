/// Several maps of the same x whose results lie side by side: y = [m₁(x) | m₂(x) | …].
///
/// Queries, keys and values that a checkpoint holds as three matrices are one map to a model file, and each of the
/// three may be frozen, trained, or adapted on its own. Columns go through scratch memory, since a ``LinearMap`` works
/// on contiguous rows.
public final class StackedMap: LinearMap {
    /// The maps, from the first column on.
    public let parts: [any LinearMap]
    /// Width of x.
    public let inputWidth: Int
    /// Width of y: the sum of the parts'.
    public let outputWidth: Int

    /// Lays maps side by side.
    ///
    /// - Parameter parts: At least one; all take the same width.
    public init(_ parts: [any LinearMap]) {
        guard let first = parts.first else { preconditionFailure("nothing to stack") }
        precondition(
            parts.allSatisfy { $0.inputWidth == first.inputWidth },
            "maps of \(parts.map(\.inputWidth)) columns do not take the same x")
        self.parts = parts
        inputWidth = first.inputWidth
        outputWidth = parts.reduce(0) { $0 + $1.outputWidth }
    }

    /// The slot of the first part that has one; nil where all are frozen.
    public var parameterGradient: Gradient? { Gradient.first(parts.map(\.parameterGradient)) }
    /// Whether a part drops some of x.
    public var drops: Bool { parts.contains(where: \.drops) }

    /// y = [m₁(x) | m₂(x) | …]; each part as operations of its own where one drops some of x.
    public func callAsFunction(_ x: Tensor) -> Tensor {
        guard drops else { return product(with: x) }
        return .joiningColumns(parts.map { (source: $0(x), column: 0, width: $0.outputWidth) })
    }

    /// y = [m₁(x) | m₂(x) | …].
    public func apply(_ x: TensorRows, into y: TensorRows) {
        forEachPart { part, column in
            let scratch = Tensor(shape: [x.count, part.outputWidth])
            part.apply(x, into: scratch.allRows)
            backend.copyColumns(
                scratch.floats, stride: part.outputWidth, rows: x.count, width: part.outputWidth, accumulate: false,
                into: y.floats + column, stride: outputWidth)
        }
    }

    /// dx (+)= Σ dyᵢ·Wᵢᵀ.
    public func pullBack(_ dy: TensorRows, accumulate: Bool, into dx: TensorRows) {
        forEachPart { part, column in
            let columns = columns(column, of: dy, width: part.outputWidth)
            part.pullBack(columns.allRows, accumulate: accumulate || column > 0, into: dx)
        }
    }

    /// Each part collects from its own columns of dy.
    public func collectGradient(_ dy: TensorRows, x: TensorRows) {
        forEachPart { part, column in
            guard part.parameterGradient != nil else { return }
            let columns = columns(column, of: dy, width: part.outputWidth)
            part.collectGradient(columns.allRows, x: x)
        }
    }

    private func forEachPart(_ body: (_ part: any LinearMap, _ column: Int) -> Void) {
        var column = 0
        for part in parts {
            body(part, column)
            column += part.outputWidth
        }
    }

    private func columns(_ column: Int, of dy: TensorRows, width: Int) -> Tensor {
        let scratch = Tensor(shape: [dy.count, width])
        backend.copyColumns(
            dy.floats + column, stride: outputWidth, rows: dy.count, width: width, accumulate: false,
            into: scratch.floats, stride: width)
        return scratch
    }
}
