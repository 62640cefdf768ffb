/// A constant matrix W that stays in memory as a checkpoint stores it: 16-bit floats, or quantised to 8 or 4 bits.
///
/// Activations and gradients flow through the weights that the stored numbers stand for; nothing else is quantised. For
/// many rows, tiles of W are widened to 32 bits and multiplied; for the few rows of a decoding step, W is read once, and
/// no 32-bit copy of it is written. Results do not depend on the number of threads.
///
/// Or, where the processor can, x and dy are rounded to bfloat16 and multiplied as such: see ``Products``.
///
/// The matrix is held by output rows, [output × input], whatever the checkpoint's orientation was.
public final class CompressedMatrix: LinearMap {
    /// Width of x.
    public let inputWidth: Int
    /// Width of y.
    public let outputWidth: Int
    /// None: the matrix is frozen.
    public var parameterGradient: Gradient? { nil }

    /// What the numbers are multiplied as; sums are of 32 bits always.
    public enum Products: Sendable {
        /// 32-bit floats: W is widened.
        case float32
        /// bfloat16: W is of such, x and dy are rounded to the nearest on the way. For ``Processor/multipliesBFloat16`` only.
        case bfloat16
    }

    let weights: CompressedWeights
    let products: Products
    /// One factor per input, multiplied with the weights.
    let inputFactors: CompressedBytes?
    private let bias: Tensor?

    /// A matrix of weights that are laid out already.
    ///
    /// - Parameters:
    ///   - weights: W [output × input].
    ///   - input: Width of x.
    ///   - output: Width of y.
    ///   - inputScales: A vector [input] that x is divided by first (AWQ puts one after an activation); none is 0.
    ///   - bias: b [output], or nil.
    ///   - products: What the numbers are multiplied as.
    public init(
        _ weights: CompressedWeights, input: Int, output: Int, inputScales: [Float]? = nil, bias: Tensor? = nil,
        products: Products = .float32
    ) {
        weights.check(input: input, output: output)
        if products == .bfloat16 {
            guard case .bfloat16 = weights, inputScales == nil else {
                preconditionFailure("what is multiplied as bfloat16 is held so")
            }
            precondition(Processor.multipliesBFloat16, "the processor cannot multiply bfloat16")
        }
        self.products = products
        precondition(inputScales.map { $0.count == input } ?? true, "one scale per input")
        precondition(bias.map { $0.count == output } ?? true, "one bias per output")
        self.weights = weights
        inputWidth = input
        outputWidth = output
        inputFactors = inputScales.map { CompressedBytes(floats: $0.map { 1 / $0 }) }
        self.bias = bias
    }

    private init(_ other: CompressedMatrix, bias: Tensor?) {
        precondition(bias.map { $0.count == other.outputWidth } ?? true, "one bias per output")
        weights = other.weights
        products = other.products
        inputWidth = other.inputWidth
        outputWidth = other.outputWidth
        inputFactors = other.inputFactors
        self.bias = bias
    }

    /// The same matrix, its memory shared, with another bias: an output head over an embedding table.
    ///
    /// - Parameter bias: b [output], or nil.
    public func withBias(_ bias: Tensor?) -> CompressedMatrix { CompressedMatrix(self, bias: bias) }

    /// Memory held by the weights and what belongs to them, without the bias.
    public var byteCount: Int { weights.byteCount + (inputFactors?.count ?? 0) }

    /// y = x·Wᵀ + b.
    public func apply(_ x: TensorRows, into y: TensorRows) {
        backend.multiply(
            x.floats, by: self, rows: x.count, bias: bias.map { UnsafePointer($0.floats) }, into: y.floats)
    }

    /// dx (+)= dy·W.
    public func pullBack(_ dy: TensorRows, accumulate: Bool, into dx: TensorRows) {
        backend.multiplyBack(dy.floats, by: self, rows: dy.count, accumulate: accumulate, into: dx.floats)
    }

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
