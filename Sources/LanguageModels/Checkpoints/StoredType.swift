import Tensors

/// The number format of a tensor in a file, under its safetensors name.
public enum StoredType: String, Sendable, CaseIterable {
    /// IEEE binary64.
    case float64 = "F64"
    /// IEEE binary32.
    case float32 = "F32"
    /// IEEE binary16.
    case float16 = "F16"
    /// The upper half of a binary32.
    case bfloat16 = "BF16"
    /// Eight-bit floats with 4 exponent bits.
    case float8e4m3 = "F8_E4M3"
    /// Eight-bit floats with 5 exponent bits.
    case float8e5m2 = "F8_E5M2"
    /// Signed integers of 64 bits.
    case int64 = "I64"
    /// Signed integers of 32 bits.
    case int32 = "I32"
    /// Signed integers of 16 bits.
    case int16 = "I16"
    /// Signed integers of 8 bits.
    case int8 = "I8"
    /// Unsigned integers of 64 bits.
    case uint64 = "U64"
    /// Unsigned integers of 32 bits.
    case uint32 = "U32"
    /// Unsigned integers of 16 bits.
    case uint16 = "U16"
    /// Unsigned integers of 8 bits.
    case uint8 = "U8"
    /// One byte per truth value.
    case bool = "BOOL"

    /// Bytes per element.
    public var size: Int {
        switch self {
        case .float64, .int64, .uint64: 8
        case .float32, .int32, .uint32: 4
        case .float16, .bfloat16, .int16, .uint16: 2
        case .float8e4m3, .float8e5m2, .int8, .uint8, .bool: 1
        }
    }

    /// Whether the elements can be converted to float32 here.
    public var isConvertible: Bool { floatFormat != nil }

    /// What makes 32-bit floats of the elements; nil for types that stand for none.
    var floatFormat: FloatFormat? {
        switch self {
        case .float64: .float64
        case .float32: .float32
        case .float16: .float16
        case .bfloat16: .bfloat16
        default: nil
        }
    }
}
