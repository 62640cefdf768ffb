/// A map with a bias of its own beside it: y = m(x) + b.
///
/// b may be trained over a frozen map (BitFit, Ben Zaken et al. 2022, and LoRA's trained biases), which itself has none.
public final class BiasedMap: LinearMap {
    /// m, the map without the bias.
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
    public func apply(_ x: TensorRows, into y: TensorRows) {
        base.apply(x, into: y)
        add(to: y)
    }

    /// y = m(x) + b, as the map under it does it for a loss.
    public func applyForLoss(_ x: TensorRows, into y: TensorRows) {
        base.applyForLoss(x, into: y)
        add(to: y)
    }

    /// dx (+)= what the map under it pulls back.
    public func pullBack(_ dy: TensorRows, accumulate: Bool, into dx: TensorRows) {
        base.pullBack(dy, accumulate: accumulate, into: dx)
    }

    /// db += the sum of dy's rows, and what the map under it collects.
    public func collectGradient(_ dy: TensorRows, x: TensorRows) {
        if base.parameterGradient != nil { base.collectGradient(dy, x: x) }
        bias.gradient?.addRowSums(of: dy)
    }

    private func add(to y: TensorRows) {
        for row in 0..<y.count {
            let line = y.floats + row * outputWidth
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
    /// Nil: there are no parameters.
    public var parameterGradient: Gradient? { nil }

    /// y = x.
    public func apply(_ x: TensorRows, into y: TensorRows) {
        y.floats.update(from: x.floats, count: x.count * inputWidth)
    }

    /// dx (+)= dy.
    public func pullBack(_ dy: TensorRows, accumulate: Bool, into dx: TensorRows) {
        if accumulate {
            backend.add(dx.floats, dy.floats, count: dy.count * inputWidth, into: dx.floats)
        } else {
            dx.floats.update(from: dy.floats, count: dy.count * inputWidth)
        }
    }

    /// Nothing: it has no parameters.
    public func collectGradient(_ dy: TensorRows, x: TensorRows) {}
}
