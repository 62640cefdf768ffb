extension CompressedMatrix {
    /// W [output × input] in 32 bits, one element after the other by the formulas of ``CompressedWeights``: what the
    /// kernels are tested against. Large and slow; models do without.
    public func decompressed() -> [Float] {
        var values: [Float] = []
        values.reserveCapacity(outputWidth * inputWidth)
        for row in 0..<outputWidth {
            for column in 0..<inputWidth {
                values.append(weight(row, column) * (inputFactors?.floats[column] ?? 1))
            }
        }
        return values
    }

    private func weight(_ row: Int, _ column: Int) -> Float {
        let flat = row * inputWidth + column
        switch weights {
        case .float16(let halves): return Self.float(half: halves.halves[flat])
        case .bfloat16(let halves): return Float(bitPattern: UInt32(halves.halves[flat]) << 16)
        case .int8(let bytes, let scales): return Float(Int8(bitPattern: bytes.bytes[flat])) * scales.floats[row]
        case .codebook(let nibbles, let codes, let block, let scales):
            return codes.floats[nibble(nibbles, row, column)] * scale(flat / block, scales)
        case .grouped(let nibbles, let scales, let zeros, let group):
            let place = row * ((inputWidth + group - 1) / group) + column / group
            let code = nibble(nibbles, row, column) - Int(zeros.bytes[place])
            return Float(code) * Self.float(half: scales.halves[place])
        }
    }

    private func nibble(_ packed: CompressedBytes, _ row: Int, _ column: Int) -> Int {
        let byte = packed.bytes[row * CompressedWeights.packedStride(inputWidth) + column / 32 * 16 + column % 16]
        return Int(column % 32 < 16 ? byte & 15 : byte >> 4)
    }

    private func scale(_ block: Int, _ scales: CompressedWeights.BlockScales) -> Float {
        switch scales {
        case .plain(let scales): return scales.floats[block]
        case .quantized(let indices, let values, let scales, let size, let offset):
            return values.floats[Int(indices.bytes[block])] * scales.floats[block / size] + offset
        }
    }

    /// A finite binary16. (`Float16` does not exist on every platform.)
    private static func float(half: UInt16) -> Float {
        let exponent = Int(half >> 10 & 31), fraction = Float(half & 0x3ff)
        let magnitude =
            exponent == 0
            ? fraction * 0x1p-24
            : Float(sign: .plus, exponent: exponent - 15, significand: 1 + fraction * 0x1p-10)
        return half >> 15 == 0 ? magnitude : -magnitude
    }
}
