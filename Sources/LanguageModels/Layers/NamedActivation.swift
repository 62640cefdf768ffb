import Tensors

/// The nonlinearity of an MLP, under the names of `transformers`.
public enum NamedActivation: String, CaseIterable, Codable, Sendable {
    /// GELU by the error function.
    case gelu
    /// The tanh approximation of GELU.
    case geluNew = "gelu_new"
    /// The same function, written differently there.
    case geluFast = "gelu_fast"
    /// The same function under PyTorch's name.
    case geluTanh = "gelu_pytorch_tanh"
    /// max(0, x).
    case relu
    /// x · σ(x).
    case silu
    /// The same function under its other name.
    case swish

    /// The operation.
    var operation: Activation {
        switch self {
        case .gelu: .geluErf
        case .geluNew, .geluFast, .geluTanh: .geluTanh
        case .relu: .relu
        case .silu, .swish: .silu
        }
    }
}
