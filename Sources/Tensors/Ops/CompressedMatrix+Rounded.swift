/// Matrices that are rounded to bfloat16 when they are loaded, and multiplied as such.
extension CompressedMatrix {
    /// Rounds a matrix, which is not needed afterwards.
    ///
    /// - Parameters:
    ///   - values: The matrix, as `orientation` says; all finite.
    ///   - bias: b [output], or nil.
    public convenience init(
        roundingToBFloat16 values: UnsafeBufferPointer<Float>, input: Int, output: Int, orientation: MatrixOrientation,
        bias: Tensor? = nil
    ) {
        precondition(values.count == input * output && input > 0, "\(values.count) values for \(input) × \(output)")
        var rounded = CompressedBytes(uninitialized: 2 * values.count)
        if let start = values.baseAddress { backend.roundToBFloat16(start, count: values.count, into: rounded.start) }
        if orientation == .inputByOutput {
            rounded = rounded.transposed(rows: input, columns: output)
        }
        self.init(.bfloat16(rounded), input: input, output: output, bias: bias, products: .bfloat16)
    }

    /// Rounds a matrix [output × input] that is read some rows at a time: it need never be in memory as a whole.
    ///
    /// - Parameter read: Writes the given rows, all finite.
    /// - Throws: What `read` throws.
    public convenience init(
        input: Int, output: Int, bias: Tensor? = nil,
        roundingToBFloat16 read: (_ rows: Range<Int>, _ destination: UnsafeMutableBufferPointer<Float>) throws -> Void
    ) throws {
        precondition(input > 0, "a matrix without inputs")
        let rounded = CompressedBytes(uninitialized: 2 * input * output)
        // Some megabytes.
        let most = max(1, (1 << 20) / input)
        let part = Tensor(shape: [min(most, output), input])
        for first in stride(from: 0, to: output, by: most) {
            let rows = first..<min(first + most, output), count = rows.count * input
            try part.withMutableValues { try read(rows, UnsafeMutableBufferPointer(rebasing: $0[..<count])) }
            backend.roundToBFloat16(part.floats, count: count, into: rounded.start + 2 * first * input)
        }
        self.init(.bfloat16(rounded), input: input, output: output, bias: bias, products: .bfloat16)
    }
}
