/// A map with an update of low rank whose columns have trained lengths (DoRA, Liu et al. 2024):
/// y = c ∘ (m(x) + s · (x·Aᵀ)·Bᵀ) with c = μ / ‖W + s·B·A‖, one norm for each output over its inputs.
///
/// As in section 4.3 of the paper and in PEFT, the norm follows A and B but passes no gradient to them.
public final class MagnitudeMap: LinearMap {
    /// The map with its update. The map under it has no bias: its weights' lengths are measured by applying it.
    public let direction: LowRankMap
    /// μ [output].
    public let magnitude: Tensor

    /// ‖W‖² of each output.
    private let squares: [Double]
    /// c of the values that A, B and μ had when it was found.
    private var factors: Tensor?

    /// A map whose outputs have lengths of their own.
    ///
    /// - Parameters:
    ///   - direction: A map without a bias, and its update.
    ///   - magnitude: Makes μ [output] from ‖W + s·B·A‖: to start from, or one that was trained.
    public init(direction: LowRankMap, magnitude: ([Float]) -> Tensor) {
        self.direction = direction
        squares = Self.squaredNorms(of: direction.base)
        let norms = Self.norms(of: direction, squares: squares)
        self.magnitude = magnitude(norms)
        precondition(
            self.magnitude.count == direction.outputWidth,
            "\(self.magnitude.count) magnitudes for \(direction.outputWidth) outputs")
    }

    /// Width of x.
    public var inputWidth: Int { direction.inputWidth }
    /// Width of y.
    public var outputWidth: Int { direction.outputWidth }
    /// The slot of μ, A, B or the map under them; nil where all are constant.
    public var parameterGradient: Gradient? { Gradient.first(magnitude.gradient, direction.parameterGradient) }
    /// Whether x is read with some of it dropped.
    public var drops: Bool { direction.drops }
    /// What the map under it prefers.
    public var rowsForLoss: Int { direction.rowsForLoss }

    /// y = c ∘ (m(x) + s · (x·Aᵀ)·Bᵀ). Where some of x is dropped, as PEFT has it: m(x) − m(d(x)) + c ∘ (m(d(x)) + …).
    public func callAsFunction(_ x: Tensor) -> Tensor {
        guard drops, let dropout = direction.dropout else { return product(with: x) }
        let dropped = dropout(x)
        return direction.base(x) + direction.base(dropped).scaled(by: -1) + product(with: dropped)
    }

    /// y = c ∘ (m(x) + s · (x·Aᵀ)·Bᵀ).
    public func apply(_ x: TensorRows, into y: TensorRows) {
        direction.apply(x, into: y)
        scale(y, by: freshFactors())
    }

    /// The same, as the map under it does it for a loss.
    public func applyForLoss(_ x: TensorRows, into y: TensorRows) {
        direction.applyForLoss(x, into: y)
        scale(y, by: freshFactors())
    }

    /// dx (+)= what the updated map pulls back of c ∘ dy.
    public func pullBack(_ dy: TensorRows, accumulate: Bool, into dx: TensorRows) {
        direction.pullBack(scaled(dy).allRows, accumulate: accumulate, into: dx)
    }

    /// dμ += Σ dy ∘ (m(x) + s · (x·Aᵀ)·Bᵀ) / ‖W + s·B·A‖, and A and B collect from c ∘ dy.
    public func collectGradient(_ dy: TensorRows, x: TensorRows) {
        if direction.parameterGradient != nil { direction.collectGradient(scaled(dy).allRows, x: x) }
        guard let gradient = magnitude.gradient else { return }
        let y = Tensor(shape: [x.count, outputWidth]), norms = Self.norms(of: direction, squares: squares)
        direction.apply(x, into: y.allRows)
        var sums = [Double](repeating: 0, count: outputWidth)
        for row in 0..<x.count {
            let start = row * outputWidth
            for column in 0..<outputWidth {
                sums[column] += Double(dy.floats[start + column]) * Double(y.floats[start + column])
            }
        }
        // A tensor may go with the last use of it, and its memory with it: the pointer alone does not keep it.
        withExtendedLifetime(y) {}
        gradient.add(Tensor(zip(sums, norms).map { Float($0 / Double($1)) }, shape: magnitude.shape))
    }

    /// c of the values of now. Constants keep theirs.
    private func freshFactors() -> Tensor {
        if let factors, parameterGradient == nil { return factors }
        let norms = Self.norms(of: direction, squares: squares)
        let result = Tensor(zip(magnitude.values, norms).map { $0 / $1 }, shape: [outputWidth])
        factors = result
        return result
    }

    private func scale(_ y: TensorRows, by factors: Tensor) {
        for row in 0..<y.count {
            let line = y.floats + row * outputWidth
            for column in 0..<outputWidth { line[column] *= factors.floats[column] }
        }
        withExtendedLifetime(factors) {}
    }

    /// c ∘ dy; c is that of the way forward.
    private func scaled(_ dy: TensorRows) -> Tensor {
        let result = Tensor(shape: [dy.count, outputWidth])
        result.floats.update(from: dy.floats, count: result.count)
        scale(result.allRows, by: factors ?? freshFactors())
        return result
    }

    /// ‖W + s·B·A‖ of each output: ‖W‖² + 2s·B·(A·Wᵀ) + s²·B·(A·Aᵀ)·Bᵀ, without the product of B and A.
    private static func norms(of map: LowRankMap, squares: [Double]) -> [Float] {
        let rank = map.down.rows, input = map.inputWidth, output = map.outputWidth, scale = Double(map.scale)
        let crossed = Tensor(shape: [rank, output]), gram = Tensor(shape: [rank, rank])  // A·Wᵀ, A·Aᵀ
        map.base.apply(map.down.allRows, into: crossed.allRows)
        backend.multiply(
            map.down.floats, transposed: false, map.down.floats, transposed: true, m: rank, n: rank, k: input,
            accumulate: false, into: gram.floats)
        let up = map.up.floats
        let result = (0..<output).map { column in
            var sum = squares[column]
            for i in 0..<rank {
                var inner = 0.0
                for j in 0..<rank { inner += Double(gram.floats[i * rank + j]) * Double(up[column * rank + j]) }
                sum +=
                    Double(up[column * rank + i]) * scale
                    * (2 * Double(crossed.floats[i * output + column]) + scale * inner)
            }
            // The norm of a matrix that is zero, or all but zero after rounding, must not divide by zero.
            return Float(max(sum, Double(Float.leastNormalMagnitude)).squareRoot())
        }
        withExtendedLifetime((crossed, gram, map)) {}
        return result
    }

    /// ‖W‖² of each output of a map of any kind: W is what it makes of the rows of the identity.
    private static func squaredNorms(of map: any LinearMap) -> [Double] {
        let width = map.inputWidth, output = map.outputWidth, chunk = 64
        var sums = [Double](repeating: 0, count: output)
        for start in stride(from: 0, to: width, by: chunk) {
            let rows = min(chunk, width - start), x = Tensor.zeros([rows, width]), y = Tensor(shape: [rows, output])
            for row in 0..<rows { x.floats[row * width + start + row] = 1 }
            map.apply(x.allRows, into: y.allRows)
            for row in 0..<rows {
                for column in 0..<output {
                    let value = Double(y.floats[row * output + column])
                    sums[column] += value * value
                }
            }
            withExtendedLifetime((x, y)) {}
        }
        return sums
    }
}
