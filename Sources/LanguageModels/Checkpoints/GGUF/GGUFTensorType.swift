import Tensors

/// The types of tensors in GGUF files.
enum GGUFTensorType {
    /// What can be read.
    static func readable(_ number: UInt32) -> StoredType? {
        switch number {
        case 0: .float32
        case 1: .float16
        case 28: .float64
        case 30: .bfloat16
        default: StoredType.allCases.first { $0.blockFormat?.rawValue == number }
        }
    }

    /// What messages call a type that cannot.
    static func name(_ number: UInt32) -> String {
        others[number] ?? removed[number].map { "\($0), a type that was given up" } ?? "the unknown type \(number)"
    }

    private static let others: [UInt32: String] = [
        9: "Q8_1", 15: "Q8_K", 16: "IQ2_XXS", 17: "IQ2_XS", 18: "IQ3_XXS", 19: "IQ1_S", 21: "IQ3_S", 22: "IQ2_S",

        24: "I8", 25: "I16", 26: "I32", 27: "I64", 29: "IQ1_M", 34: "TQ1_0", 35: "TQ2_0", 39: "MXFP4", 40: "NVFP4",
        41: "Q1_0",
    ]
    private static let removed: [UInt32: String] = [
        4: "Q4_2", 5: "Q4_3", 31: "Q4_0_4_4", 32: "Q4_0_4_8", 33: "Q4_0_8_8", 36: "IQ4_NL_4_4", 37: "IQ4_NL_4_8",
        38: "IQ4_NL_8_8",
    ]
}
