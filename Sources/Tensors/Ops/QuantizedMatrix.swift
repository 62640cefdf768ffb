/// A constant matrix of 8-bit or 4-bit integers in groups, for multiplying vectors that are rounded to 8 bits on the way.
///
/// Weights: w = q · scale (+ offset), with a scale and perhaps an offset per output and group of inputs (see ``Layout``): they
/// are rounded when the matrix is made, or taken as a file has them. Each row of x is cut into blocks of 128 inputs, and each
/// block rounded with a scale of its own, but for the two greatest elements of the row, which are multiplied in floats: models
/// have a few inputs far greater than the others, and beside one a block loses its precision (Dettmers et al. 2022,
/// "LLM.int8()"). Sums are exact within a block or group and added up in 32-bit floats; results do not depend on the number of
/// threads, nor those of a row on the other rows.
///
/// One layout serves one row and many, forward and back. On the way back dy is what is rounded, after each element was
/// multiplied by its output's scale; the integers are turned a block at a time in the nearest cache, where those in groups
/// become 8-bit ones with one scale per output. Or tiles of W are widened and multiplied in 32 bits.
public final class QuantizedMatrix: LinearMap {
    /// Bits of a weight.
    public enum Width: Int, Sendable {
        /// A byte each.
        case int8 = 8
        /// Half a byte each.
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

    /// How its integers lie.
    public var layout: Layout { weights.layout }

    let backward: Backward
    let weights: QuantizedWeights
    private let bias: Tensor?

    /// Rounds a matrix, which is not needed afterwards.
    ///
    /// - Parameters:
    ///   - values: The matrix, as `orientation` says; all finite.
    ///   - bias: b [output], or nil.
    ///   - layout: One that can be rounded to: 8 bits without offsets, or 4 bits with.
    ///   - backward: How gradients come back.
    public init(
        _ values: UnsafeBufferPointer<Float>, input: Int, output: Int, orientation: MatrixOrientation,
        bias: Tensor? = nil, layout: Layout, backward: Backward
    ) {
        precondition(values.count == input * output && input > 0, "\(values.count) values for \(input) × \(output)")
        precondition(bias.map { $0.count == output } ?? true, "one bias per output")
        precondition(layout.canBeRoundedTo, "nothing is rounded to \(layout)")
        inputWidth = input
        outputWidth = output
        self.bias = bias
        self.backward = backward
        weights = QuantizedWeights(input: input, output: output, layout: layout)
        guard let start = values.baseAddress else { return }
        backend.quantize(start, orientation: orientation, rows: 0..<output, into: weights)
    }

    /// Rounds a matrix [output × input] that is read some rows at a time: it need never be in memory as a whole.
    ///
    /// - Parameters:
    ///   - layout: One that can be rounded to: 8 bits without offsets, or 4 bits with.
    ///   - read: Writes the given rows, all finite.
    /// - Throws: What `read` throws.
    public init(
        input: Int, output: Int, bias: Tensor? = nil, layout: Layout, backward: Backward,
        reading read: (_ rows: Range<Int>, _ destination: UnsafeMutableBufferPointer<Float>) throws -> Void
    ) throws {
        precondition(input > 0, "a matrix without inputs")
        precondition(bias.map { $0.count == output } ?? true, "one bias per output")
        precondition(layout.canBeRoundedTo, "nothing is rounded to \(layout)")
        inputWidth = input
        outputWidth = output
        self.backward = backward
        self.bias = bias
        weights = QuantizedWeights(input: input, output: output, layout: layout)
        let part = Tensor(shape: [Self.rowsOfPart(input: input, output: output), input])
        for rows in Self.parts(input: input, output: output) {
            try part.withMutableValues {
                try read(rows, UnsafeMutableBufferPointer(rebasing: $0[..<(rows.count * input)]))
            }
            backend.quantize(part.floats, orientation: .outputByInput, rows: rows, into: weights)
        }
    }

    /// Takes integers in groups as a file has them, some rows at a time: w = q · scale (+ offset), nothing of which is rounded.
    ///
    /// - Parameters:
    ///   - inputScales: A vector [input] that x is divided by first (AWQ puts one after an activation); none is 0.
    ///   - bias: b [output], or nil.
    ///   - layout: How they are to lie. Where its formats do not hold all scales and offsets exactly, they are held in 32 bits
    ///     instead, and all rows read again.
    ///   - backward: How gradients come back.
    ///   - read: Writes the given rows: q [rows × input] from −128 to 127, of 4 bits from −8 to 7, or from 0 to 15 where there are
    ///     offsets; scales [rows × groups], and offsets likewise, all finite (no offsets: an empty buffer).
    /// - Throws: What `read` throws.
    public init(
        input: Int, output: Int, inputScales: [Float]? = nil, bias: Tensor? = nil, layout: Layout, backward: Backward,
        readingGroups read: (
            _ rows: Range<Int>, _ q: UnsafeMutableBufferPointer<Int8>, _ scales: UnsafeMutableBufferPointer<Float>,
            _ offsets: UnsafeMutableBufferPointer<Float>
        ) throws -> Void
    ) throws {
        precondition(input > 0, "a matrix without inputs")
        precondition(bias.map { $0.count == output } ?? true, "one bias per output")
        precondition(inputScales.map { $0.count == input } ?? true, "one scale per input")
        inputWidth = input
        outputWidth = output
        self.backward = backward
        self.bias = bias
        let most = Self.rowsOfPart(input: input, output: output), groups = layout.groups(of: input)
        let integers = CompressedBytes(uninitialized: most * input), scales = Tensor(shape: [most, groups])
        let offsets = layout.offsets == nil ? nil : Tensor(shape: [most, groups])
        func take(_ layout: Layout) throws -> QuantizedWeights? {
            let weights = QuantizedWeights(input: input, output: output, layout: layout, inputScales: inputScales)
            for rows in Self.parts(input: input, output: output) {
                let count = rows.count * groups
                let q = UnsafeMutableBufferPointer(
                    start: integers.start.assumingMemoryBound(to: Int8.self), count: rows.count * input)
                let none = UnsafeMutableBufferPointer<Float>(start: nil, count: 0)
                try scales.withMutableValues { scales in
                    let scales = UnsafeMutableBufferPointer(rebasing: scales[..<count])
                    guard let offsets else { return try read(rows, q, scales, none) }
                    try offsets.withMutableValues {
                        try read(rows, q, scales, UnsafeMutableBufferPointer(rebasing: $0[..<count]))
                    }
                }
                let isExact = backend.takeGroups(
                    UnsafeBufferPointer(q), scales: scales.floats, offsets: offsets.map { UnsafePointer($0.floats) },
                    rows: rows, into: weights)
                if !isExact { return nil }
            }
            return weights
        }
        guard let weights = try take(layout) ?? take(layout.inFloats) else {
            preconditionFailure("floats hold all floats")
        }
        self.weights = weights
    }

    /// Rows that are read at a time: some megabytes, and the kernels' panels are of 64 outputs.
    private static func rowsOfPart(input: Int, output: Int) -> Int { min(max(1, (1 << 20) / input / 64) * 64, output) }

    private static func parts(input: Int, output: Int) -> [Range<Int>] {
        let most = rowsOfPart(input: input, output: output)
        return stride(from: 0, to: output, by: max(most, 1)).map { $0..<min($0 + most, output) }
    }

    private init(_ other: QuantizedMatrix, bias: Tensor?) {
        precondition(bias.map { $0.count == other.outputWidth } ?? true, "one bias per output")
        inputWidth = other.inputWidth
        outputWidth = other.outputWidth
        backward = other.backward
        weights = other.weights
        self.bias = bias
    }

    /// The same matrix, its memory shared, with another bias: an output head over an embedding table.
    ///
    /// - Parameter bias: b [output], or nil.
    public func withBias(_ bias: Tensor?) -> QuantizedMatrix { QuantizedMatrix(self, bias: bias) }

    /// Memory held by the weights, their scales and offsets, without the bias.
    public var byteCount: Int { weights.byteCount }

    /// y = x·Wᵀ + b, with x divided by the scales of inputs first, where there are any.
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
        precondition(weights.inputFactors == nil, "a table has no scales of inputs")
        let rows = Tensor(shape: [indices.count, inputWidth])
        backend.gatherRows(self, indices, into: rows.floats)
        return rows
    }
}
