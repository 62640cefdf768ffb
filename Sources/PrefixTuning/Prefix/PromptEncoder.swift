import LanguageModels
import Tensors

/// P-tuning's prompt encoder (Liu et al. 2021) as PEFT has it: MLP(E) with two hidden layers and ReLU.
///
/// e[i] = relu(relu(E[i] · W₀ᵀ + b₀) · W₂ᵀ + b₂) · W₄ᵀ + b₄ with E [n × d], W₀ [m × d], W₂ [m × m], W₄ [d × m].
@Compute public final class PromptEncoder: PrefixParametrization {
    private let embedding: Tensor
    private let layers: [TrainableMatrix]

    /// PyTorch's distributions: E ~ N(0, 1), weights and biases ~ U(±1/√fan-in).
    ///
    /// - Parameters:
    ///   - hiddenWidth: m.
    ///   - d: The model's width.
    public init(random generator: inout SeededGenerator, length: Int, hiddenWidth: Int, width d: Int, tape: Tape) {
        embedding = .filled([length, d], tape: tape) { Float(generator.normal()) }
        layers = [(d, hiddenWidth), (hiddenWidth, hiddenWidth), (hiddenWidth, d)].map { input, output in
            TrainableMatrix(random: &generator, input: input, output: output, tape: tape)
        }
    }

    /// E and the network, under PEFT's names.
    public var parameters: [(name: String, value: Tensor)] {
        [("embedding.weight", embedding)]
            + layers.enumerated().flatMap { index, layer in
                [("mlp_head.\(2 * index).weight", layer.weight)]
                    + (layer.bias.map { [("mlp_head.\(2 * index).bias", $0)] } ?? [])
            }
    }

    /// The embeddings MLP(E) [n × width].
    public func evaluate() -> Tensor {
        layers[2](layers[1](layers[0](embedding).applying(.relu)).applying(.relu))
    }
}

extension TrainableMatrix {
    /// A matrix [output × input] with bias in PyTorch's distribution: U(±1/√input).
    convenience init(random generator: inout SeededGenerator, input: Int, output: Int, tape: Tape) {
        let bound = 1 / Double(input).squareRoot()
        func uniform(_ shape: [Int]) -> Tensor {
            .filled(shape, tape: tape) { Float((2 * generator.uniform() - 1) * bound) }
        }
        let weight = uniform([output, input]), bias = uniform([output])
        self.init(weight: weight, orientation: .outputByInput, bias: bias)
    }
}
