import CKernels
import COneDNN

/// Products with matrices that were rounded to 8 or 4 bits here.
extension CPUBackend {
    func quantize(_ values: Floats, orientation: MatrixOrientation, rows: Range<Int>, into weights: QuantizedWeights) {
        precondition(rows.lowerBound % 64 == 0, "rows from \(rows.lowerBound) on begin inside of a panel")
        let (inputs, bits) = (Int64(weights.input), Int32(weights.width.rawValue)), before = Int64(rows.lowerBound)
        let steps = orientation == .outputByInput ? (inputs, 1) : (1, Int64(rows.count))
        // Panels of outputs lie one after another, their scales likewise.
        let integers = weights.integers.start + Int(ptk_quantized_weight_bytes(bits, before, inputs))
        let groupScales = weights.groupScales.map { $0.start + Int(ptk_quantized_scale_bytes(before, inputs)) }
        let scratch = Storage(count: Int(ptk_quantize_scratch(inputs)))
        ptk_quantize(
            bits, values, steps.0, steps.1, Int64(rows.count), inputs, integers.assumingMemoryBound(to: UInt8.self),
            weights.scales.start.assumingMemoryBound(to: Float.self) + rows.lowerBound,
            groupScales?.assumingMemoryBound(to: UInt16.self), scratch.floats)
    }

    func multiply(_ x: Floats, by matrix: QuantizedMatrix, rows: Int, bias: Floats?, into y: MutableFloats) {
        matrix.withKernelArguments { call in
            let scratch = Storage(count: Int(ptk_quantized_scratch(&call, Int64(rows), false) + 3) / 4)
            ptk_quantized_multiply(&call, x, Int64(rows), bias, scratch.floats, y)
        }
    }

    func multiplyBack(
        _ dy: Floats, by matrix: QuantizedMatrix, rows: Int, accumulate: Bool, into dx: MutableFloats
    ) {
        matrix.withKernelArguments { call in
            if matrix.backward == .int8 {
                let scratch = Storage(count: Int(ptk_quantized_scratch(&call, Int64(rows), true) + 3) / 4)
                return ptk_quantized_multiply_back(&call, dy, Int64(rows), accumulate, scratch.floats, dx)
            }
            let scratch = Storage(count: threads * ptk_compressed_tile)
            LastWords.check(ptd_room(), "a product of \(rows) rows")
            let status = ptk_quantized_multiply_back_floats(
                &call, dy, Int64(rows), accumulate, ptd_gemm, scratch.floats, dx)
            LastWords.check(status, "a product of \(rows) rows")
        }
    }

    func gatherRows(_ matrix: QuantizedMatrix, _ indices: [Int32], into out: MutableFloats) {
        matrix.withKernelArguments { ptk_quantized_gather(&$0, indices, Int64(indices.count), out) }
    }
}

extension QuantizedWeights {
    /// Memory that ``Backend/quantize(_:orientation:rows:into:)`` fills.
    init(input: Int, output: Int, width: QuantizedMatrix.Width) {
        let (outputs, inputs, bits) = (Int64(output), Int64(input), Int32(width.rawValue))
        self.init(
            input: input, output: output, width: width,
            integers: CompressedBytes(uninitialized: Int(ptk_quantized_weight_bytes(bits, outputs, inputs))),
            scales: CompressedBytes(uninitialized: 4 * output),
            groupScales: width == .int4
                ? CompressedBytes(uninitialized: Int(ptk_quantized_scale_bytes(outputs, inputs))) : nil)
    }
}

extension QuantizedMatrix {
    fileprivate func withKernelArguments(_ body: (inout ptk_quantized) -> Void) {
        var call = ptk_quantized()
        (call.bits, call.outputs, call.inputs) = (Int32(width.rawValue), Int64(outputWidth), Int64(inputWidth))
        call.weights = weights.integers.bytes
        call.scales = weights.scales.floats
        call.group_scales = weights.groupScales?.halves
        withExtendedLifetime(self) { body(&call) }
    }
}

/// For tests: the kernels to use at most where the processor has the instructions, 0 the portable ones, 1 AVX2, 2 VNNI.
func useQuantizedKernels(upTo level: Int) { ptk_quantized_use_native(Int32(level)) }
