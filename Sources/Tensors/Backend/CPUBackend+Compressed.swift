import CKernels
import COneDNN

/// Products with matrices that stay compressed.
extension CPUBackend {
    func multiply(_ x: Floats, by matrix: CompressedMatrix, rows: Int, bias: Floats?, into y: MutableFloats) {
        guard rows > 0 else { return }
        if case (.bfloat16, .bfloat16(let weights)) = (matrix.products, matrix.weights) {
            return multiply(
                x, by: weights, inputs: matrix.inputWidth, outputs: matrix.outputWidth, rows: rows, bias: bias, into: y)
        }
        matrix.withKernelArguments { call in
            guard rows > ptk_compressed_few_rows else {
                return ptk_compressed_few(&call, x, Int64(rows), bias, y)
            }
            let scratch = Storage(count: threads * ptk_compressed_tile)
            LastWords.check(ptd_room(), "a product of \(rows) rows")
            let status = ptk_compressed_multiply(&call, x, Int64(rows), bias, ptd_gemm, scratch.floats, y)
            LastWords.check(status, "a product of \(rows) rows")
        }
    }

    func multiplyBack(
        _ dy: Floats, by matrix: CompressedMatrix, rows: Int, accumulate: Bool, into dx: MutableFloats
    ) {
        guard rows > 0 else { return }
        if case (.bfloat16, .bfloat16(let weights)) = (matrix.products, matrix.weights) {
            return multiplyBack(
                dy, by: weights, inputs: matrix.inputWidth, outputs: matrix.outputWidth, rows: rows,
                accumulate: accumulate, into: dx)
        }
        matrix.withKernelArguments { call in
            let scratch = Storage(count: threads * ptk_compressed_tile)
            LastWords.check(ptd_room(), "a product of \(rows) rows")
            let status = ptk_compressed_multiply_back(
                &call, dy, Int64(rows), accumulate, ptd_gemm, scratch.floats, dx)
            LastWords.check(status, "a product of \(rows) rows")
        }
    }

    func gatherRows(_ matrix: CompressedMatrix, _ indices: [Int32], into out: MutableFloats) {
        matrix.withKernelArguments { ptk_compressed_gather(&$0, indices, Int64(indices.count), out) }
    }
}

extension CompressedMatrix {
    fileprivate func withKernelArguments(_ body: (inout ptk_compressed) -> Void) {
        var call = ptk_compressed()
        call.outputs = Int64(outputWidth)
        call.inputs = Int64(inputWidth)
        call.input_factors = inputFactors?.floats
        switch weights {
        case .float16(let halves):
            call.format = ptk_float16
            call.weights = halves.bytes
        case .bfloat16(let halves):
            call.format = ptk_bfloat16
            call.weights = halves.bytes
        case .int8(let bytes, let scales):
            call.format = ptk_int8
            call.weights = bytes.bytes
            call.scales = scales.floats
        case .codebook(let nibbles, let codes, let block, let scales):
            call.format = ptk_codes4
            call.weights = nibbles.bytes
            call.codes = codes.floats
            call.block_shift = Int32(block.trailingZeroBitCount)
            call.set(scales)
        case .grouped(let nibbles, let scales, let zeros, let group):
            call.format = ptk_groups4
            call.weights = nibbles.bytes
            call.group = Int64(group)
            call.group_scales = scales.halves
            call.zeros = zeros.bytes
        }
        withExtendedLifetime(self) { body(&call) }
    }
}

extension ptk_compressed {
    fileprivate mutating func set(_ blockScales: CompressedWeights.BlockScales) {
        switch blockScales {
        case .plain(let scales): self.scales = scales.floats
        case .quantized(let indices, let values, let outer, let block, let offset):
            scale_codes = indices.bytes
            scale_values = values.floats
            outer_scales = outer.floats
            outer_shift = Int32(block.trailingZeroBitCount)
            scale_offset = offset
        }
    }
}

/// The layouts of files, laid out anew for the kernels.
extension CompressedBytes {
    /// A flat array [output × input] of 4-bit codes, the high half of a byte first, packed by rows.
    ///
    /// - Parameter flat: ⌈input · output / 2⌉ bytes.
    public static func packedFlat(_ flat: [UInt8], input: Int, output: Int) -> CompressedBytes {
        precondition(flat.count == (input * output + 1) / 2, "\(flat.count) bytes for \(input) × \(output)")
        return CompressedBytes(count: output * CompressedWeights.packedStride(input)) { packed in
            ptk_pack_flat(flat, Int64(output), Int64(input), packed.baseAddress?.assumingMemoryBound(to: UInt8.self))
        }
    }

    /// AutoAWQ's matrix [input × output/8] of 32-bit words, packed by rows of outputs.
    ///
    /// - Parameter words: input · output / 2 bytes; `output` is a multiple of 8.
    public static func packedInterleaved(_ words: [UInt8], input: Int, output: Int) -> CompressedBytes {
        precondition(output % 8 == 0 && words.count == input * output / 2, "\(words.count) bytes")
        return CompressedBytes(count: output * CompressedWeights.packedStride(input)) { packed in
            ptk_pack_interleaved(
                words, Int64(output), Int64(input), packed.baseAddress?.assumingMemoryBound(to: UInt8.self))
        }
    }

    /// Some rows of AutoAWQ's matrix [input × output/8] of 32-bit words: codes 0…15, [rows × input].
    ///
    /// - Parameter words: input · output / 2 bytes; `output` is a multiple of 8.
    public static func unpackInterleaved(
        _ words: [UInt8], input: Int, output: Int, rows: Range<Int>, into q: UnsafeMutableBufferPointer<Int8>
    ) {
        precondition(output % 8 == 0 && words.count == input * output / 2, "\(words.count) bytes")
        precondition(rows.upperBound <= output && q.count == rows.count * input, "\(q.count) codes for \(rows)")
        ptk_unpack_interleaved(
            words, Int64(output), Int64(input), Int64(rows.lowerBound), Int64(rows.count), q.baseAddress)
    }

    /// AutoAWQ's zeros [groups × output/8] of 32-bit words, as bytes [output × groups].
    ///
    /// - Parameter words: groups · output / 2 bytes; `output` is a multiple of 8.
    public static func unpackedZeros(_ words: [UInt8], groups: Int, output: Int) -> CompressedBytes {
        precondition(output % 8 == 0 && words.count == groups * output / 2, "\(words.count) bytes")
        return CompressedBytes(count: output * groups) { zeros in
            ptk_unpack_zeros(
                words, Int64(output), Int64(groups), zeros.baseAddress?.assumingMemoryBound(to: UInt8.self))
        }
    }

    /// As a matrix [rows × columns] of 16-bit elements, transposed.
    func transposed(rows: Int, columns: Int) -> CompressedBytes {
        precondition(count == rows * columns * 2, "\(count) bytes for \(rows) × \(columns)")
        return CompressedBytes(count: count) {
            ptk_transpose_16(start, Int64(rows), Int64(columns), $0.baseAddress)
        }
    }

    /// A matrix [rows × columns] of 16-bit elements, transposed.
    ///
    /// - Parameter elements: rows · columns · 2 bytes.
    public static func transposed(_ elements: [UInt8], rows: Int, columns: Int) -> CompressedBytes {
        precondition(elements.count == rows * columns * 2, "\(elements.count) bytes for \(rows) × \(columns)")
        return CompressedBytes(count: elements.count) { target in
            elements.withUnsafeBytes {
                ptk_transpose_16($0.baseAddress, Int64(rows), Int64(columns), target.baseAddress)
            }
        }
    }
}
