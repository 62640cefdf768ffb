import Foundation

/// What the stored numbers of a ``CompressedMatrix`` stand for.
///
/// Four-bit codes are packed by rows of W in chunks of 32 inputs (see ``CompressedBytes/packedFlat(_:input:output:)`` and
/// ``CompressedBytes/packedInterleaved(_:input:output:)``).
public enum CompressedWeights {
    /// IEEE binary16, all finite.
    case float16(CompressedBytes)
    /// The upper halves of 32-bit floats.
    case bfloat16(CompressedBytes)
    /// w = q · scales[output], q a signed byte (Dettmers et al. 2022, "LLM.int8()").
    case int8(CompressedBytes, scales: CompressedBytes)
    /// w = codes[q] · the scale of its block of the flat array [output × input], q of 4 bits (Dettmers et al. 2023,
    /// "QLoRA"). `block` is a power of two.
    case codebook(CompressedBytes, codes: CompressedBytes, block: Int, scales: BlockScales)
    /// w = (q − zeros[output, g]) · scales[output, g] for the inputs of group g, q of 4 bits (Lin et al. 2024, "AWQ").
    /// Scales are binary16, zeros bytes; `group` is a multiple of 32, or at least the width of the input.
    case grouped(CompressedBytes, scales: CompressedBytes, zeros: CompressedBytes, group: Int)

    /// The scales of the blocks of a codebook matrix.
    public enum BlockScales {
        /// 32-bit floats.
        case plain(CompressedBytes)
        /// Quantised themselves: scale b = values[codes[b]] · scales[b / block] + offset. `values` has 256 entries,
        /// `block` is a power of two.
        case quantized(
            CompressedBytes, values: CompressedBytes, scales: CompressedBytes, block: Int, offset: Float)
    }

    /// Bytes of a packed row of 4-bit codes.
    static func packedStride(_ input: Int) -> Int { (input + 31) / 32 * 16 }

    var byteCount: Int {
        switch self {
        case .float16(let bytes), .bfloat16(let bytes): bytes.count
        case .int8(let bytes, let scales): bytes.count + scales.count
        case .codebook(let bytes, let codes, _, .plain(let scales)): bytes.count + codes.count + scales.count
        case .codebook(let bytes, let codes, _, .quantized(let indices, let values, let scales, _, _)):
            bytes.count + codes.count + indices.count + values.count + scales.count
        case .grouped(let bytes, let scales, let zeros, _): bytes.count + scales.count + zeros.count
        }
    }

    /// Stops the programmer whose parts do not fit each other: the kernels trust them.
    func check(input: Int, output: Int) {
        func expect(_ bytes: CompressedBytes, _ count: Int, _ what: String) {
            precondition(
                bytes.count == count, "\(what) of \(bytes.count) bytes, not \(count), for \(input) × \(output)")
        }
        func expectPowerOfTwo(_ block: Int) {
            precondition(block > 0 && block & (block - 1) == 0, "a block of \(block)")
        }
        precondition(input > 0 && output > 0, "an empty matrix")
        switch self {
        case .float16(let bytes), .bfloat16(let bytes): expect(bytes, input * output * 2, "weights")
        case .int8(let bytes, let scales):
            expect(bytes, input * output, "weights")
            expect(scales, output * 4, "scales")
        case .codebook(let bytes, let codes, let block, let scales):
            expectPowerOfTwo(block)
            expect(bytes, output * Self.packedStride(input), "weights")
            expect(codes, 16 * 4, "codes")
            let blocks = (input * output + block - 1) / block
            switch scales {
            case .plain(let scales): expect(scales, blocks * 4, "scales")
            case .quantized(let indices, let values, let outer, let outerBlock, _):
                expectPowerOfTwo(outerBlock)
                expect(indices, blocks, "scales")
                expect(values, 256 * 4, "values of scales")
                expect(outer, (blocks + outerBlock - 1) / outerBlock * 4, "scales of scales")
            }
        case .grouped(let bytes, let scales, let zeros, let group):
            precondition(group > 0 && (group % 32 == 0 || group >= input), "a group of \(group)")
            let groups = (input + group - 1) / group
            expect(bytes, output * Self.packedStride(input), "weights")
            expect(scales, output * groups * 2, "scales")
            expect(zeros, output * groups, "zeros")
        }
    }
}

/// A constant piece of memory, aligned to 64 bytes, with as many zeros behind it, so that vector loops may read past its
/// end.
public final class CompressedBytes {
    let start: UnsafeMutableRawPointer
    /// Size in bytes.
    public let count: Int

    /// Memory that `fill` writes.
    ///
    /// - Parameter fill: Receives memory that is not set yet; all of it is to be written.
    /// - Throws: What `fill` throws.
    public init(count: Int, _ fill: (UnsafeMutableRawBufferPointer) throws -> Void) rethrows {
        start = BlockPool.memory(bytes: count.addingReportingOverflow(64).overflow ? .max : count + 64)
        self.count = count
        (start + count).initializeMemory(as: UInt8.self, repeating: 0, count: 64)
        try fill(UnsafeMutableRawBufferPointer(start: start, count: count))
    }

    /// Memory that is to be written before it is read.
    convenience init(uninitialized count: Int) { self.init(count: count) { _ in } }

    /// A copy of bytes.
    public convenience init(_ bytes: some Collection<UInt8>) {
        self.init(count: bytes.count) { $0.copyBytes(from: bytes) }
    }

    /// A copy of 32-bit floats.
    public convenience init(floats: [Float]) {
        self.init(count: floats.count * 4) { target in floats.withUnsafeBytes { target.copyMemory(from: $0) } }
    }

    deinit { free(start) }

    /// The bytes, valid inside of `body` only.
    public func withBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        try withExtendedLifetime(self) { try body(UnsafeRawBufferPointer(start: start, count: count)) }
    }

    var bytes: UnsafePointer<UInt8> { UnsafePointer(start.assumingMemoryBound(to: UInt8.self)) }
    var floats: UnsafePointer<Float> { UnsafePointer(start.assumingMemoryBound(to: Float.self)) }
    var halves: UnsafePointer<UInt16> { UnsafePointer(start.assumingMemoryBound(to: UInt16.self)) }
}
