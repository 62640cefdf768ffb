import Tensors

/// How frozen matrices and tables are held in memory.
public enum WeightPrecision: String, CaseIterable, Codable, Sendable {
    /// In 32 bits, re-laid: fastest. Matrices that a checkpoint stores quantised stay as they are.
    case float32 = "f32"
    /// As the checkpoint stores them: 16-bit weights take half the memory and are widened as they are used; integers in groups,
    /// of GGUF files, AutoAWQ and LLM.int8(), are multiplied as such, as with ``int8``.
    case stored
    /// Rounded to bfloat16, as activations and gradients are on their way into products, which are added up in 32 bits: half the
    /// memory, for processors that multiply such by themselves only; elsewhere it is refused.
    case bfloat16 = "bf16"
    /// Rounded to 8 bits, forward and backward: a quarter of the memory, and the fastest; see `QuantizedMatrix`.
    case int8
    /// Rounded to 8 bits, with gradients in 32 bits through the rounded weights.
    case int8Float32Gradients = "int8-f32-gradients"
    /// Rounded to 4 bits, but tables of tokens, heads and what makes the values of attention to 8, with gradients by 8-bit
    /// integers: the least memory.
    case int4
    /// Rounded likewise, with gradients in 32 bits through the rounded weights.
    case int4Float32Gradients = "int4-f32-gradients"

    /// Layout and gradients of the matrices that are rounded; nil where none is.
    ///
    /// - Parameter isDelicate: Of what loses most by rounding, tables of tokens, heads, and what makes the values of attention:
    ///   never fewer than 8 bits.
    func quantization(
        differentiable: Bool, isDelicate: Bool
    ) -> (layout: QuantizedMatrix.Layout, backward: QuantizedMatrix.Backward)? {
        switch self {
        case .float32, .stored, .bfloat16: nil
        case .int8: (.int8, differentiable ? .int8 : .none)
        case .int8Float32Gradients: (.int8, differentiable ? .float32 : .none)
        case .int4: (isDelicate ? .int8 : .int4, differentiable ? .int8 : .none)
        case .int4Float32Gradients: (isDelicate ? .int8 : .int4, differentiable ? .float32 : .none)
        }
    }

    /// How gradients come back through a matrix that the checkpoint stores as integers; nil where it is widened, or rounded anew
    /// because it has more bits than were asked for.
    func backward(
        through layout: QuantizedMatrix.Layout, differentiable: Bool, isDelicate: Bool
    ) -> QuantizedMatrix.Backward? {
        if self == .stored { return differentiable ? .int8 : QuantizedMatrix.Backward.none }
        guard let (asked, backward) = quantization(differentiable: differentiable, isDelicate: isDelicate),
            layout.width.rawValue <= asked.width.rawValue
        else { return nil }
        return backward
    }
}
