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
    public var drops: Bool { dropout != nil && Tape.recording(down.gradient) != nil }
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
    public func apply(_ x: UnsafePointer<Float>, rows: Int, into y: UnsafeMutablePointer<Float>) {
        base.apply(x, rows: rows, into: y)
        addUpdate(of: x, rows: rows, to: y)
    }

    /// The same, as the map under it does it for a loss.
    public func applyForLoss(_ x: UnsafePointer<Float>, rows: Int, into y: UnsafeMutablePointer<Float>) {
        base.applyForLoss(x, rows: rows, into: y)
        addUpdate(of: x, rows: rows, to: y)
    }

    private func addUpdate(of x: UnsafePointer<Float>, rows: Int, to y: UnsafeMutablePointer<Float>) {
        withScaledProjection(of: x, rows: rows) {
            backend.multiply(
                $0, transposed: false, up.floats, transposed: true, m: rows, n: outputWidth, k: rank, accumulate: true,
                into: y)
        }
    }

    /// dx (+)= dy·Wᵀ + s · (dy·B)·A.
    public func pullBack(
        _ dy: UnsafePointer<Float>, rows: Int, accumulate: Bool, into dx: UnsafeMutablePointer<Float>
    ) {
        base.pullBack(dy, rows: rows, accumulate: accumulate, into: dx)
        withScaledGradient(of: dy, rows: rows) {
            backend.multiply(
                $0, transposed: false, down.floats, transposed: false, m: rows, n: inputWidth, k: rank,
                accumulate: true, into: dx)
        }
    }

    /// dA += s · (dy·B)ᵀ·x, dB += s · dyᵀ·(x·Aᵀ), and what the map under them collects.
    public func collectGradient(_ dy: UnsafePointer<Float>, x: UnsafePointer<Float>, rows: Int) {
        if base.parameterGradient != nil { base.collectGradient(dy, x: x, rows: rows) }
        down.gradient?.update { sum, accumulate in
            withScaledGradient(of: dy, rows: rows) {
                backend.multiply(
                    $0, transposed: true, x, transposed: false, m: rank, n: inputWidth, k: rows,
                    accumulate: accumulate, into: sum)
            }
        }
        up.gradient?.update { sum, accumulate in
            withScaledProjection(of: x, rows: rows) {
                backend.multiply(
                    dy, transposed: true, $0, transposed: false, m: outputWidth, n: rank, k: rows,
                    accumulate: accumulate, into: sum)
            }
        }
    }

    /// Lends s · x·Aᵀ [rows × rank].
    private func withScaledProjection(
        of x: UnsafePointer<Float>, rows: Int, _ body: (UnsafePointer<Float>) -> Void
    ) {
        let result = Tensor(shape: [rows, rank])
        backend.multiply(
            x, transposed: false, down.floats, transposed: true, m: rows, n: rank, k: inputWidth, accumulate: false,
            into: result.floats)
        backend.scale(result.floats, by: scale, count: result.count)
        // A tensor may go with the last use of it, and its memory with it: the pointer alone does not keep it.
        withExtendedLifetime(result) { body(result.floats) }
    }

    /// Lends s · dy·B [rows × rank].
    private func withScaledGradient(
        of dy: UnsafePointer<Float>, rows: Int, _ body: (UnsafePointer<Float>) -> Void
    ) {
        let result = Tensor(shape: [rows, rank])
        backend.multiply(
            dy, transposed: false, up.floats, transposed: false, m: rows, n: rank, k: outputWidth, accumulate: false,
            into: result.floats)
        backend.scale(result.floats, by: scale, count: result.count)
        withExtendedLifetime(result) { body(result.floats) }
    }
}
