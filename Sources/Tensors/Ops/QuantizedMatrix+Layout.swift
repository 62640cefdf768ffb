extension QuantizedMatrix {
    /// How integers lie in a matrix, and the scales and offsets that belong to them.
    ///
    /// Formats of files, none of which loses anything: Q4_0, Q5_0 (as 8 bits) and Q8_0 have groups of 32 and scales in `half`;
    /// Q4_1 and Q5_1 offsets in `half` too; Q4_K and Q5_K both `nested`; AWQ scales in `half` and, as −zero · scale has up to 15
    /// bits, offsets in `float`.
    public struct Layout: Sendable, Hashable {
        /// How the scales, or the offsets, of groups are held.
        public enum Numbers: Sendable, Hashable {
            /// In binary16.
            case half
            /// In 32 bits.
            case float
            /// As bytes 0…255 times a binary16 number for every eight groups of 32: multiples up to 63 in Q4_K and Q5_K.
            case nested
        }

        /// Bits of a weight.
        public let width: Width
        /// Inputs that share a scale: 32, 64, a multiple of 128, or nil, all inputs of an output.
        public let group: Int?
        /// How scales are held.
        public let scales: Numbers
        /// How offsets are held, where there are any.
        public let offsets: Numbers?

        /// A layout.
        ///
        /// - Parameter group: 32, 64, a multiple of 128, or nil for all inputs of an output. Groups of another multiple of 32 can
        ///   be given as several of 32 with the same scale.
        public init(_ width: Width, group: Int?, scales: Numbers = .half, offsets: Numbers? = nil) {
            precondition(
                group.map { [32, 64].contains($0) || ($0 > 0 && $0 % 128 == 0) } ?? true, "groups of \(group ?? 0)")
            precondition((scales != .nested && offsets != .nested) || group == 32, "nested numbers are of groups of 32")
            self.width = width
            self.group = group
            self.scales = scales
            self.offsets = offsets
        }

        /// What weights are rounded to at 8 bits: a scale for every 128 inputs.
        public static let int8 = Layout(.int8, group: 128)
        /// What weights are rounded to at 4 bits: scale and offset for every 32 inputs.
        public static let int4 = Layout(.int4, group: 32, offsets: .half)

        /// What weights are rounded to at so many bits.
        public static func rounded(to width: Width) -> Layout { width == .int8 ? .int8 : .int4 }

        /// Whether there is a rounding to it.
        var canBeRoundedTo: Bool {
            scales != .nested && (width == .int8 ? offsets == nil : offsets == scales)
        }

        /// Scales of an output.
        package func groups(of input: Int) -> Int { group.map { (input + $0 - 1) / $0 } ?? 1 }

        /// One scale per output, which the kernels multiply at the end, and which serves the way back as it is.
        var isPlain: Bool { width == .int8 && group == nil && scales == .float && offsets == nil }

        /// The same with all numbers in 32 bits.
        var inFloats: Layout {
            Layout(width, group: group, scales: .float, offsets: offsets.map { _ in .float })
        }
    }
}

/// The integers of a ``QuantizedMatrix`` in the layout of the kernels, with the numbers of their groups.
struct QuantizedWeights {
    /// Of groups; `outer` belongs to nested ones.
    struct Numbers {
        let values: CompressedBytes
        let outer: CompressedBytes?

        var byteCount: Int { values.count + (outer?.count ?? 0) }
    }

    let input: Int
    let output: Int
    let layout: QuantizedMatrix.Layout
    let integers: CompressedBytes
    let scales: Numbers
    let offsets: Numbers?
    /// Floats [input] that x is multiplied by first; nil for none.
    let inputFactors: CompressedBytes?
    /// Floats [output]: scales of the 8-bit integers of the way back; the same memory as the scales where those do.
    let backScales: CompressedBytes

    var byteCount: Int {
        integers.count + scales.byteCount + (offsets?.byteCount ?? 0) + (inputFactors?.count ?? 0)
            + (backScales === scales.values ? 0 : backScales.count)
    }
}
