import CKernels
import COneDNN

/// Products with matrices that were rounded to 8 or 4 bits here.
extension CPUBackend {
    func quantize(
        _ values: UnsafeBufferPointer<Float>, input: Int, output: Int, orientation: MatrixOrientation,
        width: QuantizedMatrix.Width
    ) -> (weights: CompressedBytes, scales: CompressedBytes) {
        let (outputs, inputs, bits) = (Int64(output), Int64(input), Int32(width.rawValue))
        let steps = orientation == .outputByInput ? (inputs, 1) : (1, outputs)
        let weightBytes = Int(ptk_quantized_weight_bytes(bits, outputs, inputs))
        let scaleBytes = width == .int8 ? 4 * output : Int(ptk_quantized_scale_bytes(outputs, inputs))
        let scales = CompressedBytes(uninitialized: scaleBytes)
        let weights = CompressedBytes(uninitialized: weightBytes)
        ptk_quantize(
            bits, values.baseAddress, steps.0, steps.1, outputs, inputs,
            weights.start.assumingMemoryBound(to: UInt8.self),
            width == .int8 ? scales.start.assumingMemoryBound(to: Float.self) : nil,
            width == .int4 ? scales.start.assumingMemoryBound(to: UInt16.self) : nil)
        return (weights, scales)
    }

    func transposed(_ weights: CompressedBytes, input: Int, output: Int) -> CompressedBytes {
        var matrix = ptk_quantized()
        (matrix.bits, matrix.outputs, matrix.inputs) = (8, Int64(output), Int64(input))
        matrix.weights = weights.bytes
        let result = CompressedBytes(
            uninitialized: Int(ptk_quantized_weight_bytes(8, Int64(input), Int64(output))))
        ptk_quantized_transpose(&matrix, result.start.assumingMemoryBound(to: UInt8.self))
        return result
    }

    func multiply(_ x: Floats, by matrix: QuantizedMatrix, rows: Int, bias: Floats?, into y: MutableFloats) {
        matrix.withKernelArguments { call in
            let scratch = Storage(count: Int(ptk_quantized_scratch(&call, Int64(rows)) + 3) / 4)
            ptk_quantized_multiply(&call, x, Int64(rows), nil, bias, false, scratch.floats, y)
        }
    }

    func multiplyBack(
        _ dy: Floats, by matrix: QuantizedMatrix, rows: Int, accumulate: Bool, into dx: MutableFloats
    ) {
        matrix.withKernelArguments { call in
            guard let transposed = matrix.transposed else {
                let scratch = Storage(count: threads * ptk_compressed_tile)
                let status = ptk_quantized_multiply_back(
                    &call, dy, Int64(rows), accumulate, ptd_gemm, scratch.floats, dx)
                return precondition(status == 0, "oneDNN refused a product of \(rows) rows: status \(status)")
            }
            var back = ptk_quantized()
            (back.bits, back.outputs, back.inputs) = (8, Int64(matrix.inputWidth), Int64(matrix.outputWidth))
            back.weights = transposed.bytes
            let scratch = Storage(count: Int(ptk_quantized_scratch(&back, Int64(rows)) + 3) / 4)
            ptk_quantized_multiply(
                &back, dy, Int64(rows), matrix.scales.floats, nil, accumulate, scratch.floats, dx)
        }
    }

    func gatherRows(_ matrix: QuantizedMatrix, _ indices: [Int32], into out: MutableFloats) {
        matrix.withKernelArguments { ptk_quantized_gather(&$0, indices, Int64(indices.count), out) }
    }
}

extension QuantizedMatrix {
    fileprivate func withKernelArguments(_ body: (inout ptk_quantized) -> Void) {
        var call = ptk_quantized()
        (call.bits, call.outputs, call.inputs) = (Int32(width.rawValue), Int64(outputWidth), Int64(inputWidth))
        call.weights = forward.bytes
        switch width {
        case .int8: call.scales = scales.floats
        case .int4: call.group_scales = scales.halves
        }
        withExtendedLifetime(self) { body(&call) }
    }
}

/// For tests: the kernels to use at most where the processor has the instructions, 0 the portable ones, 1 AVX2, 2 VNNI.
func useQuantizedKernels(upTo level: Int) { ptk_quantized_use_native(Int32(level)) }
