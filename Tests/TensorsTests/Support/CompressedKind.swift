@testable import Tensors

/// Every format of a compressed matrix, filled with random numbers.
enum CompressedKind: Sendable, CaseIterable {
    case float16, bfloat16, int8, codebook, doublyQuantized, grouped, groupedAndScaled

    @Compute func make(
        input: Int, output: Int, seed: UInt64, bias: Tensor? = nil, block: Int = 16, group: Int = 32
    ) -> CompressedMatrix {
        var random = SeededGenerator(seed)
        return CompressedMatrix(
            weights(input: input, output: output, block: block, group: group, &random), input: input, output: output,
            inputScales: self == .groupedAndScaled ? random.values(input).map { 1.5 + abs($0) } : nil, bias: bias)
    }

    private func weights(
        input: Int, output: Int, block: Int, group: Int, _ random: inout SeededGenerator
    ) -> CompressedWeights {
        let count = input * output
        switch self {
        case .float16: return .float16(Self.halves(count, &random))
        case .bfloat16:
            return .bfloat16(
                Self.halves(random.values(count).map { UInt16(truncatingIfNeeded: $0.bitPattern >> 16) }))
        case .int8:
            return .int8(
                CompressedBytes(Self.bytes(count, &random)),
                scales: CompressedBytes(floats: random.values(output, deviation: 0.01)))
        case .codebook, .doublyQuantized:
            let blocks = (count + block - 1) / block
            return .codebook(
                .packedFlat(Self.bytes((count + 1) / 2, &random), input: input, output: output),
                codes: CompressedBytes(floats: random.values(16)), block: block,
                scales: self == .codebook
                    ? .plain(CompressedBytes(floats: random.values(blocks)))
                    : .quantized(
                        CompressedBytes(Self.bytes(blocks, &random)),
                        values: CompressedBytes(floats: random.values(256)),
                        scales: CompressedBytes(floats: random.values((blocks + 255) / 256)), block: 256, offset: 0.75))
        case .grouped, .groupedAndScaled:
            let groups = (input + group - 1) / group, wide = (output + 7) / 8 * 8
            // The layout has outputs by eights: the rows beyond are left out again.
            let stride = CompressedWeights.packedStride(input)
            let packed = CompressedBytes.packedInterleaved(
                Self.bytes(input * wide / 2, &random), input: input, output: wide)
            return .grouped(
                CompressedBytes((0..<output * stride).map { packed.bytes[$0] }),
                scales: Self.halves(output * groups, &random),
                zeros: CompressedBytes(Self.bytes(output * groups, &random).map { $0 & 15 }), group: group)
        }
    }

    private static func bytes(_ count: Int, _ random: inout SeededGenerator) -> [UInt8] {
        (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
    }

    private static func halves(_ values: [UInt16]) -> CompressedBytes {
        CompressedBytes(count: values.count * 2) { target in values.withUnsafeBytes { target.copyMemory(from: $0) } }
    }

    /// Finite ones up to ±2, one in eight subnormal.
    private static func halves(_ count: Int, _ random: inout SeededGenerator) -> CompressedBytes {
        halves(
            (0..<count).map { i in
                let sign = UInt16.random(in: 0...1, using: &random) << 15
                return sign | UInt16.random(in: 0..<(i % 8 == 0 ? 0x400 : 0x4000), using: &random)
            })
    }
}
