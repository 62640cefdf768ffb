import CKernels
import COneDNN

/// Products with matrices that were rounded to 8 or 4 bits here.
extension CPUBackend {
    func quantize(_ values: Floats, orientation: MatrixOrientation, rows: Range<Int>, into weights: QuantizedWeights) {
        precondition(rows.lowerBound % 64 == 0, "rows from \(rows.lowerBound) on begin inside of a panel")
        let steps = orientation == .outputByInput ? (Int64(weights.input), 1) : (1, Int64(rows.count))
        weights.withKernelArguments { call in
            let scratch = Storage(count: Int(ptk_quantize_scratch(&call)))
            ptk_quantize(
                &call, Int64(rows.lowerBound), Int64(rows.count), values, steps.0, steps.1, scratch.floats)
        }
    }

    func takeGroups(
        _ q: UnsafeBufferPointer<Int8>, scales: Floats, offsets: Floats?, rows: Range<Int>,
        into weights: QuantizedWeights
    ) -> Bool {
        precondition(rows.lowerBound % 64 == 0, "rows from \(rows.lowerBound) on begin inside of a panel")
        return weights.withKernelArguments { call in
            let scratch = Storage(count: Int(ptk_quantize_scratch(&call)))
            return ptk_quantized_take(
                &call, Int64(rows.lowerBound), Int64(rows.count), q.baseAddress, scales, offsets, scratch.floats)
        }
    }

    func multiply(_ x: Floats, by matrix: QuantizedMatrix, rows: Int, bias: Floats?, into y: MutableFloats) {
        matrix.weights.withKernelArguments { call in
            let scratch = Storage(count: Int(ptk_quantized_scratch(&call, Int64(rows), false) + 3) / 4)
            ptk_quantized_multiply(&call, x, Int64(rows), bias, scratch.floats, y)
        }
    }

    func multiplyBack(
        _ dy: Floats, by matrix: QuantizedMatrix, rows: Int, accumulate: Bool, into dx: MutableFloats
    ) {
        matrix.weights.withKernelArguments { call in
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
        matrix.weights.withKernelArguments { ptk_quantized_gather(&$0, indices, Int64(indices.count), out) }
    }
}

extension QuantizedMatrix.Layout.Numbers {
    fileprivate var format: ptk_group_format {
        switch self {
        case .half: ptk_groups_half
        case .float: ptk_groups_float
        case .nested: ptk_groups_nested
        }
    }
}

extension QuantizedWeights {
    /// Memory that ``Backend/quantize(_:orientation:rows:into:)`` or `takeGroups` fills.
    init(input: Int, output: Int, layout: QuantizedMatrix.Layout, inputScales: [Float]? = nil) {
        let (outputs, inputs, group) = (Int64(output), Int64(input), Int64(layout.group ?? 0))
        func numbers(_ numbers: QuantizedMatrix.Layout.Numbers) -> Numbers {
            let outer = Int(ptk_quantized_outer_bytes(numbers.format, group, outputs, inputs))
            return Numbers(
                values: CompressedBytes(
                    uninitialized: Int(ptk_quantized_value_bytes(numbers.format, group, outputs, inputs))),
                outer: outer > 0 ? CompressedBytes(uninitialized: outer) : nil)
        }
        let scales = numbers(layout.scales)
        self.init(
            input: input, output: output, layout: layout,
            integers: CompressedBytes(
                uninitialized: Int(ptk_quantized_weight_bytes(Int32(layout.width.rawValue), outputs, inputs))),
            scales: scales, offsets: layout.offsets.map(numbers),
            inputFactors: inputScales.map { CompressedBytes(floats: $0.map { 1 / $0 }) },
            backScales: layout.isPlain ? scales.values : CompressedBytes(uninitialized: 4 * output))
    }

    fileprivate func withKernelArguments<Result>(_ body: (inout ptk_quantized) -> Result) -> Result {
        func values(_ numbers: Numbers?, _ format: QuantizedMatrix.Layout.Numbers?) -> ptk_group_values {
            var values = ptk_group_values()
            values.format = format?.format ?? ptk_groups_none
            values.values = numbers?.values.start
            values.outer = numbers?.outer?.start.assumingMemoryBound(to: UInt16.self)
            return values
        }
        var call = ptk_quantized()
        (call.bits, call.outputs, call.inputs) = (Int32(layout.width.rawValue), Int64(output), Int64(input))
        call.group = Int64(layout.group ?? 0)
        call.weights = integers.start.assumingMemoryBound(to: UInt8.self)
        call.scales = values(scales, layout.scales)
        call.offsets = values(offsets, layout.offsets)
        call.input_factors = inputFactors?.floats
        call.back_scales = backScales.start.assumingMemoryBound(to: Float.self)
        return withExtendedLifetime(self) { body(&call) }
    }
}

/// For tests: the kernels to use at most where the processor has the instructions, 0 the portable ones, 1 AVX2, 2 VNNI.
func useQuantizedKernels(upTo level: Int) { ptk_quantized_use_native(Int32(level)) }
