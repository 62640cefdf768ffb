import Tensors

/// The number format of a tensor in a file, under its safetensors name, or under that of GGUF for elements that are stored in blocks.
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
    /// Blocks of 32 integers of 4 bits with a scale.
    case q4_0 = "Q4_0"
    /// Blocks of 32 integers of 4 bits with a scale and an offset.
    case q4_1 = "Q4_1"
    /// Blocks of 32 integers of 5 bits with a scale.
    case q5_0 = "Q5_0"
    /// Blocks of 32 integers of 5 bits with a scale and an offset.
    case q5_1 = "Q5_1"
    /// Blocks of 32 integers of 8 bits with a scale.
    case q8_0 = "Q8_0"
    /// Blocks of 256 integers of 2 bits.
    case q2_k = "Q2_K"
    /// Blocks of 256 integers of 3 bits.
    case q3_k = "Q3_K"
    /// Blocks of 256 integers of 4 bits.
    case q4_k = "Q4_K"
    /// Blocks of 256 integers of 5 bits.
    case q5_k = "Q5_K"
    /// Blocks of 256 integers of 6 bits.
    case q6_k = "Q6_K"
    /// Blocks of 32 unevenly spaced values of 4 bits with a scale.
    case iq4_nl = "IQ4_NL"
    /// Blocks of 256 unevenly spaced values of 4 bits.
    case iq4_xs = "IQ4_XS"

    /// Bytes of what is stored together: of an element, or of a block.
    public var size: Int {
        switch self {
        case .float64, .int64, .uint64: 8
        case .float32, .int32, .uint32: 4
        case .float16, .bfloat16, .int16, .uint16: 2
        case .float8e4m3, .float8e5m2, .int8, .uint8, .bool: 1
        default: blockFormat?.bytes ?? 0
        }
    }

    /// How many elements are stored together: 1, or those of a block.
    public var elementsTogether: Int { blockFormat?.elements ?? 1 }

    /// Whether the elements can be converted to float32 here.
    public var isConvertible: Bool { floatFormat != nil || blockFormat != nil }

    /// What reads the blocks; nil for types that stand alone.
    var blockFormat: BlockFormat? {
        switch self {
        case .q4_0: .q4_0
        case .q4_1: .q4_1
        case .q5_0: .q5_0
        case .q5_1: .q5_1
        case .q8_0: .q8_0
        case .q2_k: .q2_k
        case .q3_k: .q3_k
        case .q4_k: .q4_k
        case .q5_k: .q5_k
        case .q6_k: .q6_k
        case .iq4_nl: .iq4_nl
        case .iq4_xs: .iq4_xs
        default: nil
        }
    }

    /// How a matrix holds the integers of its blocks; nil for types that are no integers.
    public var integerLayout: QuantizedMatrix.Layout? { blockFormat?.layout }

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
