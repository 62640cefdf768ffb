import CKernels

/// The number formats that files hold weights in, and how they become 32-bit floats and back.
package enum FloatFormat {
    /// IEEE binary64.
    case float64
    /// IEEE binary32.
    case float32
    /// IEEE binary16.
    case float16
    /// The upper half of a binary32.
    case bfloat16

    /// Makes 32-bit floats of stored numbers: exactly, or rounded to the nearest from 64 bits.
    ///
    /// - Parameters:
    ///   - source: At any address: in a mapped file nothing need be aligned.
    ///   - target: `count` floats.
    package func widen(_ source: UnsafeRawPointer, count: Int, into target: UnsafeMutablePointer<Float>) {
        switch self {
        case .float64: ptk_f64_to_f32(source, target, count)
        case .float32: ptk_f32_to_f32(source, target, count)
        case .float16: ptk_f16_to_f32(source, target, count)
        case .bfloat16: ptk_bf16_to_f32(source, target, count)
        }
    }

    /// The nearest binary16 of each value, ties to even. Finite values from 65,520 on become infinity: look for them with
    /// ``firstBeyondHalf(_:)`` first.
    package static func halves(_ values: [Float]) -> [UInt16] {
        [UInt16](unsafeUninitializedCapacity: values.count) { buffer, initialized in
            if let target = buffer.baseAddress { ptk_f32_to_f16(values, target, values.count) }
            initialized = values.count
        }
    }

    /// The nearest upper half of a binary32 of each value, ties to even; values are finite. For prefixes and the like: a loop that no
    /// processor's instructions are used in.
    package static func upperHalves(_ values: [Float]) -> [UInt16] {
        values.map { value in
            let bits = value.bitPattern
            return UInt16(truncatingIfNeeded: (bits &+ 0x7fff &+ (bits >> 16 & 1)) >> 16)
        }
    }

    /// The index of the first finite value whose nearest binary16 is infinite.
    package static func firstBeyondHalf(_ values: [Float]) -> Int? {
        let index = ptk_first_beyond_f16(values, values.count)
        return index < values.count ? index : nil
    }

    /// The index of the first finite value whose nearest upper half is infinite: from the middle between the largest and 2¹²⁸ on, which
    /// is a tie and goes to the even one.
    package static func firstBeyondUpperHalf(_ values: [Float]) -> Int? {
        let middle = Float(bitPattern: 0x7f7f_8000)
        return values.firstIndex { $0.isFinite && $0.magnitude >= middle }
    }

    /// The index of the first NaN or infinity.
    package static func firstNotFinite(_ values: UnsafePointer<Float>, count: Int) -> Int? {
        let index = ptk_first_not_finite(values, count)
        return index < count ? index : nil
    }
}
