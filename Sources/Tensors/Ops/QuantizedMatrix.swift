/// A constant matrix rounded to 8 or 4 bits when it is loaded, for multiplying vectors that are rounded to 8 bits on the way.
///
/// Weights: w = q · scale, with one scale per output at 8 bits (q from −127 to 127), and one per output and 32 inputs at
/// 4 bits (q from −8 to 7), found by least squares. Each row of x is cut into blocks of 128 inputs, and each block rounded
/// with a scale of its own, so that an outlier spoils the precision of its own block only. Sums are exact within a block
/// and added up in 32-bit floats; results do not depend on the number of threads.
///
/// One layout serves one row and many, forward and back. On the way back dy is what is rounded, after each element was
/// multiplied by its output's scale; the integers are turned a block at a time in the nearest cache, where 4-bit ones become
/// 8-bit ones with one scale per output. Or tiles of W are widened and multiplied in 32 bits.
public final class QuantizedMatrix: LinearMap {
    /// Bits of a weight.
    public enum Width: Int, Sendable {
        /// A byte each.
        case int8 = 8
        /// Half a byte each, and two bytes for each 32.
        case int4 = 4
    }

    /// How gradients come back.
    public enum Backward: Sendable {
        /// Not at all.
        case none
        /// By 8-bit integers: with many rows nearly as fast as forward.
        case int8
        /// By 32-bit floats through the rounded weights.
        case float32
    }

    /// Width of x.
    public let inputWidth: Int
    /// Width of y.
    public let outputWidth: Int
    /// None: the matrix is frozen.
    public var parameterGradient: Gradient? { nil }

    let width: Width
    let backward: Backward
    let weights: QuantizedWeights
    private let bias: Tensor?

    /// Rounds a matrix, which is not needed afterwards.
    ///
    /// - Parameters:
    ///   - values: The matrix, as `orientation` says; all finite.
    ///   - bias: b [output], or nil.
    ///   - width: Bits of a weight.
    ///   - backward: How gradients come back.
    public init(
        _ values: UnsafeBufferPointer<Float>, input: Int, output: Int, orientation: MatrixOrientation,
        bias: Tensor? = nil, width: Width, backward: Backward
    ) {
        precondition(values.count == input * output && input > 0, "\(values.count) values for \(input) × \(output)")
        precondition(bias.map { $0.count == output } ?? true, "one bias per output")
        inputWidth = input
        outputWidth = output
        self.width = width
        self.bias = bias
        self.backward = backward
        weights = QuantizedWeights(input: input, output: output, width: width)
        guard let start = values.baseAddress else { return }
        backend.quantize(start, orientation: orientation, rows: 0..<output, into: weights)
    }

    /// Rounds a matrix [output × input] that is read some rows at a time: it need never be in memory as a whole.
    ///
    /// - Parameter read: Writes the given rows, all finite.
    /// - Throws: What `read` throws.
    public init(
        input: Int, output: Int, bias: Tensor? = nil, width: Width, backward: Backward,
        reading read: (_ rows: Range<Int>, _ destination: UnsafeMutableBufferPointer<Float>) throws -> Void
    ) throws {
        precondition(input > 0, "a matrix without inputs")
        precondition(bias.map { $0.count == output } ?? true, "one bias per output")
        inputWidth = input
        outputWidth = output
        self.width = width
        self.backward = backward
        self.bias = bias
        weights = QuantizedWeights(input: input, output: output, width: width)
        // Some megabytes; the kernels' panels are of 64 outputs.
        let most = max(1, (1 << 20) / input / 64) * 64
        let part = Tensor(shape: [min(most, output), input])
        for first in stride(from: 0, to: output, by: most) {
            let rows = first..<min(first + most, output)
            try part.withMutableValues {
                try read(rows, UnsafeMutableBufferPointer(rebasing: $0[..<(rows.count * input)]))
            }
            backend.quantize(part.floats, orientation: .outputByInput, rows: rows, into: weights)
        }
    }

    private init(_ other: QuantizedMatrix, bias: Tensor?) {
        precondition(bias.map { $0.count == other.outputWidth } ?? true, "one bias per output")
        inputWidth = other.inputWidth
        outputWidth = other.outputWidth
        width = other.width
        backward = other.backward
        weights = other.weights
        self.bias = bias
    }

    /// The same matrix, its memory shared, with another bias: an output head over an embedding table.
    ///
    /// - Parameter bias: b [output], or nil.
    public func withBias(_ bias: Tensor?) -> QuantizedMatrix { QuantizedMatrix(self, bias: bias) }

    /// Memory held by the weights and their scales, without the bias.
    public var byteCount: Int { weights.integers.count + weights.scales.count + (weights.groupScales?.count ?? 0) }

    /// y = x·Wᵀ + b.
    public func apply(_ x: TensorRows, into y: TensorRows) {
        backend.multiply(
            x.floats, by: self, rows: x.count, bias: bias.map { UnsafePointer($0.floats) }, into: y.floats)
    }

    /// dx (+)= dy·W.
    public func pullBack(_ dy: TensorRows, accumulate: Bool, into dx: TensorRows) {
        precondition(backward != .none, "this matrix was made without gradients")
        backend.multiplyBack(dy.floats, by: self, rows: dy.count, accumulate: accumulate, into: dx.floats)
    }

    /// 64: a quarter of the bytes of 32-bit floats, or fewer, are read for each.
    public var rowsForLoss: Int { 64 }

    /// Nothing: the matrix is frozen.
    public func collectGradient(_ dy: TensorRows, x: TensorRows) {}

    /// Rows of W: the embeddings of some tokens, where W is a table [entries × width].
    ///
    /// - Parameter indices: Row numbers in 0..<outputWidth.
    /// - Returns: [indices × inputWidth], a constant.
    public func rows(at indices: [Int32]) -> Tensor {
        precondition(
            indices.allSatisfy { $0 >= 0 && $0 < Int32(outputWidth) },
            "a row number beyond the table's \(outputWidth) rows")
        let rows = Tensor(shape: [indices.count, inputWidth])
        backend.gatherRows(self, indices, into: rows.floats)
        return rows
    }
}

/// The integers of a ``QuantizedMatrix``, in the layout of the kernels, and their scales.
struct QuantizedWeights {
    let input: Int
    let output: Int
    let width: QuantizedMatrix.Width
    let integers: CompressedBytes
    /// Floats [output]: of the integers at 8 bits; of the 8-bit integers that the way back makes of those of 4 bits.
    let scales: CompressedBytes
    /// Of 4 bits: binary16 for every output and 32 inputs.
    let groupScales: CompressedBytes?
}
