/// A map with a bias of its own beside it: y = m(x) + b.
///
/// b may be trained over a frozen map (BitFit, Ben Zaken et al. 2022, and LoRA's trained biases), which itself has none.
public final class BiasedMap: LinearMap {
    /// m.
    public let base: any LinearMap
    /// b [output].
    public let bias: Tensor

    /// A map and its bias [output].
    public init(base: any LinearMap, bias: Tensor) {
        precondition(bias.count == base.outputWidth, "a bias of \(bias.shape) beside \(base.outputWidth) columns")
        self.base = base
        self.bias = bias
    }

    /// Width of x.
    public var inputWidth: Int { base.inputWidth }
    /// Width of y.
    public var outputWidth: Int { base.outputWidth }
    /// The slot of b, or of the map under it; nil where both are constant.
    public var parameterGradient: Gradient? { Gradient.first(bias.gradient, base.parameterGradient) }
    /// Whether the map under it drops some of x.
    public var drops: Bool { base.drops }
    /// What the map under it prefers.
    public var rowsForLoss: Int { base.rowsForLoss }

    /// y = m(x) + b; the map under it by itself where that drops some of x.
    public func callAsFunction(_ x: Tensor) -> Tensor {
        guard drops else { return product(with: x) }
        let y = base(x)
        return BiasedMap(base: Passage(width: outputWidth), bias: bias)(y)
    }

    /// y = m(x) + b.
    public func apply(_ x: UnsafePointer<Float>, rows: Int, into y: UnsafeMutablePointer<Float>) {
        base.apply(x, rows: rows, into: y)
        add(to: y, rows: rows)
    }

    /// y = m(x) + b, as the map under it does it for a loss.
    public func applyForLoss(_ x: UnsafePointer<Float>, rows: Int, into y: UnsafeMutablePointer<Float>) {
        base.applyForLoss(x, rows: rows, into: y)
        add(to: y, rows: rows)
    }

    /// dx (+)= what the map under it pulls back.
    public func pullBack(
        _ dy: UnsafePointer<Float>, rows: Int, accumulate: Bool, into dx: UnsafeMutablePointer<Float>
    ) {
        base.pullBack(dy, rows: rows, accumulate: accumulate, into: dx)
    }

    /// db += the sum of dy's rows, and what the map under it collects.
    public func collectGradient(_ dy: UnsafePointer<Float>, x: UnsafePointer<Float>, rows: Int) {
        if base.parameterGradient != nil { base.collectGradient(dy, x: x, rows: rows) }
        bias.gradient?.accumulate { backend.addRowSums(dy, rows: rows, columns: outputWidth, into: $0) }
    }

    private func add(to y: UnsafeMutablePointer<Float>, rows: Int) {
        for row in 0..<rows {
            let line = y + row * outputWidth
            backend.add(line, bias.floats, count: outputWidth, into: line)
        }
    }
}

/// y = x.
///
/// What is computed by several operations is handed to one that expects a map before it: a loss, a bias.
public final class Passage: LinearMap {
    /// Width of x and y.
    public let inputWidth: Int

    /// A passage of rows of this width.
    public init(width: Int) { inputWidth = width }

    /// The same width.
    public var outputWidth: Int { inputWidth }
    /// None.
    public var parameterGradient: Gradient? { nil }

    /// y = x.
    public func apply(_ x: UnsafePointer<Float>, rows: Int, into y: UnsafeMutablePointer<Float>) {
        y.update(from: x, count: rows * inputWidth)
    }

    /// dx (+)= dy.
    public func pullBack(
        _ dy: UnsafePointer<Float>, rows: Int, accumulate: Bool, into dx: UnsafeMutablePointer<Float>
    ) {
        if accumulate {
            backend.add(dx, dy, count: rows * inputWidth, into: dx)
        } else {
            dx.update(from: dy, count: rows * inputWidth)
        }
    }

    /// Nothing: it has no parameters.
    public func collectGradient(_ dy: UnsafePointer<Float>, x: UnsafePointer<Float>, rows: Int) {}
}
