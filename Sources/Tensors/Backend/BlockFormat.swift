import CKernels

/// The block formats of GGUF files: elements that lie together with the scales that they share.
///
/// The raw values are the files' numbers of the types. Values are those of ggml, bit for bit.
package enum BlockFormat: UInt32, CaseIterable, Sendable {
    /// 32 elements of 4 bits with a scale.
    case q4_0 = 2
    /// The same with an offset.
    case q4_1 = 3
    /// 32 elements of 5 bits with a scale.
    case q5_0 = 6
    /// The same with an offset.
    case q5_1 = 7
    /// 32 elements of 8 bits with a scale.
    case q8_0 = 8
    /// 256 elements of 2 bits, in groups of 16 with scales and offsets of 4 bits.
    case q2_k = 10
    /// 256 elements of 3 bits, in groups of 16 with scales of 6 bits.
    case q3_k = 11
    /// 256 elements of 4 bits, in groups of 32 with scales and offsets of 6 bits.
    case q4_k = 12
    /// 256 elements of 5 bits, in groups of 32 with scales and offsets of 6 bits.
    case q5_k = 13
    /// 256 elements of 6 bits, in groups of 16 with scales of 8 bits.
    case q6_k = 14
    /// 32 elements, each one of 16 unevenly spaced values, with a scale.
    case iq4_nl = 20
    /// 256 of such values, in groups of 32 with scales of 6 bits.
    case iq4_xs = 23

    /// Elements of a block.
    package var elements: Int { Int(ptk_block_elements(kernel)) }
    /// Bytes of a block.
    package var bytes: Int { Int(ptk_block_bytes(kernel)) }

    /// Elements that share a scale once they are taken apart.
    package static let group = 32

    /// How a matrix holds what ``split(_:blocks:into:scales:offsets:)`` makes of it: nothing is lost.
    package var layout: QuantizedMatrix.Layout {
        let isNested = self == .q4_k || self == .q5_k
        // Scales of IQ4_XS may be negative, which nested ones are not: 32 bits hold them.
        return QuantizedMatrix.Layout(
            ptk_block_bits(kernel) == 4 ? .int4 : .int8, group: Self.group,
            scales: isNested ? .nested : self == .iq4_xs ? .float : .half,
            offsets: ptk_block_has_offsets(kernel) ? isNested ? .nested : .half : nil)
    }

    private var kernel: ptk_block_format { ptk_block_format(rawValue: rawValue) }

    /// Makes 32-bit floats of whole blocks.
    ///
    /// - Parameters:
    ///   - source: At any address.
    ///   - target: `blocks` · ``elements`` floats.
    package func widen(_ source: UnsafeRawPointer, blocks: Int, into target: UnsafeMutablePointer<Float>) {
        ptk_widen_blocks(kernel, source, Int64(blocks), target)
    }

    /// Takes whole blocks apart into integers, scales and offsets: exactly, but for formats with scales of 16 elements, which are
    /// rounded to 8 bits anew.
    ///
    /// - Parameters:
    ///   - source: At any address.
    ///   - integers: `blocks` · ``elements`` numbers: 0…15 with offsets and −8…7 without at 4 bits, −128…127 at 8 bits.
    ///   - scales: One for each 32 elements.
    ///   - offsets: Likewise, or nil where the format has none.
    package func split(
        _ source: UnsafeRawPointer, blocks: Int, into integers: UnsafeMutablePointer<Int8>,
        scales: UnsafeMutablePointer<Float>, offsets: UnsafeMutablePointer<Float>?
    ) {
        ptk_split_blocks(kernel, source, Int64(blocks), integers, scales, offsets)
    }

    /// The first block with a scale that is NaN or infinite; nil where there is none.
    package func firstNotFinite(_ source: UnsafeRawPointer, blocks: Int) -> Int? {
        let first = Int(ptk_first_block_not_finite(kernel, source, Int64(blocks)))
        return first < blocks ? first : nil
    }
}
