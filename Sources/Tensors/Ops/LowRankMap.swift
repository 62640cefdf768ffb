/// A map with a correction of low rank beside it (LoRA, Hu et al. 2021): y = m(x) + s · (x·Aᵀ)·Bᵀ.
///
/// A and B may be trained or constant, and so may the map under them.
public final class LowRankMap: LinearMap {
    /// The map that is corrected.
    public let base: any LinearMap
    /// A [rank × input].
    public let down: Tensor
    /// B [output × rank].
    public let up: Tensor
    /// s; α/rank in the paper.
    public let scale: Float
    /// Drops some of the x that A reads, and only of that, while training; nil for none.
    public var dropout: ((Tensor) -> Tensor)?

    /// A corrected map.
    ///
    /// - Parameters:
    ///   - base: m.
    ///   - down: A [rank × input].
    ///   - up: B [output × rank].
    ///   - scale: s.
    public init(base: any LinearMap, down: Tensor, up: Tensor, scale: Float) {
        precondition(
            down.shape.count == 2 && up.shape == [base.outputWidth, down.rows] && down.width == base.inputWidth,
            "A \(down.shape) and B \(up.shape) beside a map of \(base.inputWidth) × \(base.outputWidth)")
        self.base = base
        self.down = down
        self.up = up
        self.scale = scale
    }

    private var rank: Int { up.width }

    /// Whether x is read with some of it dropped.
    public var drops: Bool { dropout != nil && Tape.recording(down.gradient, up.gradient) != nil }
    /// What the map under it prefers.
    public var rowsForLoss: Int { base.rowsForLoss }

    /// y = m(x) + s · (x·Aᵀ)·Bᵀ, with ``dropout`` on the x that A reads.
    public func callAsFunction(_ x: Tensor) -> Tensor {
        guard drops, let dropout else { return product(with: x) }
        let projected = TrainableMatrix(weight: down, orientation: .outputByInput)(dropout(x))
        return base(x) + TrainableMatrix(weight: up, orientation: .outputByInput)(projected).scaled(by: scale)
    }

    /// Width of x.
    public var inputWidth: Int { base.inputWidth }
    /// Width of y.
    public var outputWidth: Int { base.outputWidth }
    /// The slot of A, of B, or of the map under them; nil where all are constant.
    public var parameterGradient: Gradient? { Gradient.first(down.gradient, up.gradient, base.parameterGradient) }

    /// y = m(x) + s · (x·Aᵀ)·Bᵀ.
    public func apply(_ x: TensorRows, into y: TensorRows) {
        base.apply(x, into: y)
        addUpdate(of: x, to: y)
    }

    /// The same, as the map under it does it for a loss.
    public func applyForLoss(_ x: TensorRows, into y: TensorRows) {
        base.applyForLoss(x, into: y)
        addUpdate(of: x, to: y)
    }

    private func addUpdate(of x: TensorRows, to y: TensorRows) {
        let projection = scaledProjection(of: x)
        backend.multiply(
            projection.floats, transposed: false, up.floats, transposed: true, m: x.count, n: outputWidth, k: rank,
            accumulate: true, into: y.floats)
        // A tensor may go with the last use of it, and its memory with it: the pointer alone does not keep it.
        withExtendedLifetime(projection) {}
    }

    /// dx (+)= dy·Wᵀ + s · (dy·B)·A.
    public func pullBack(_ dy: TensorRows, accumulate: Bool, into dx: TensorRows) {
        base.pullBack(dy, accumulate: accumulate, into: dx)
        let narrow = scaledGradient(of: dy)
        backend.multiply(
            narrow.floats, transposed: false, down.floats, transposed: false, m: dy.count, n: inputWidth, k: rank,
            accumulate: true, into: dx.floats)
        withExtendedLifetime(narrow) {}
    }

    /// dA += s · (dy·B)ᵀ·x, dB += s · dyᵀ·(x·Aᵀ), and what the map under them collects.
    public func collectGradient(_ dy: TensorRows, x: TensorRows) {
        if base.parameterGradient != nil { base.collectGradient(dy, x: x) }
        down.gradient?.update { sum, accumulate in
            let narrow = scaledGradient(of: dy)
            backend.multiply(
                narrow.floats, transposed: true, x.floats, transposed: false, m: rank, n: inputWidth, k: x.count,
                accumulate: accumulate, into: sum.floats)
            withExtendedLifetime(narrow) {}
        }
        up.gradient?.update { sum, accumulate in
            let projection = scaledProjection(of: x)
            backend.multiply(
                dy.floats, transposed: true, projection.floats, transposed: false, m: outputWidth, n: rank,
                k: x.count, accumulate: accumulate, into: sum.floats)
            withExtendedLifetime(projection) {}
        }
    }

    /// s · x·Aᵀ [rows × rank].
    private func scaledProjection(of x: TensorRows) -> Tensor {
        let result = Tensor(shape: [x.count, rank])
        backend.multiply(
            x.floats, transposed: false, down.floats, transposed: true, m: x.count, n: rank, k: inputWidth,
            accumulate: false, into: result.floats)
        backend.scale(result.floats, by: scale, count: result.count)
        return result
    }

    /// s · dy·B [rows × rank].
    private func scaledGradient(of dy: TensorRows) -> Tensor {
        let result = Tensor(shape: [dy.count, rank])
        backend.multiply(
            dy.floats, transposed: false, up.floats, transposed: false, m: dy.count, n: rank, k: outputWidth,
            accumulate: false, into: result.floats)
        backend.scale(result.floats, by: scale, count: result.count)
        return result
    }
}
