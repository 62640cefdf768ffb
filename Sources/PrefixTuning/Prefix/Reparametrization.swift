import LanguageModels
import Tensors

/// What is trained to give a prefix: P itself, or a small network that computes it.
@Compute public protocol PrefixParametrization: AnyObject {
    /// The trained tensors, under the names of the authors' code.
    var parameters: [(name: String, value: Tensor)] { get }
    /// P [n × 2·L·keyWidth], recorded on the parameters' tape.
    func evaluate() -> Tensor
}

/// P as a parameter: fast, but sensitive to its initialisation and rate (paper, section 4.3).
@Compute public final class FlatPrefix: PrefixParametrization {
    private let p: Tensor

    /// Starts from given values.
    public init(_ p: Tensor, tape: Tape) { self.p = p.leaf(on: tape) }

    /// P ~ N(0, 1) [length × width], as the authors' code initialises it.
    public init(random generator: inout SeededGenerator, length: Int, width: Int, tape: Tape) {
        p = .filled([length, width], tape: tape) { Float(generator.normal()) }
    }

    /// P itself [positions × 2·layers·width].
    public var parameters: [(name: String, value: Tensor)] { [("prefix", p)] }
    /// P itself [positions × 2·layers·width].
    public func evaluate() -> Tensor { p }
}

/// The paper's reparametrisation: P = MLP(E), one hidden layer with tanh, shared by all positions.
///
/// P[i] = tanh(E[i] · W₁ᵀ + b₁) · W₂ᵀ + b₂ with E [n × d], W₁ [m × d], W₂ [2·L·keyWidth × m]. As in the authors' code, E
/// has the model's width d, and the paper's 512 or 800 is the hidden width m.
@Compute public final class MLPPrefix: PrefixParametrization {
    private let embedding: Tensor  // E
    private let hidden: TrainableMatrix  // W₁, b₁
    private let output: TrainableMatrix  // W₂, b₂

    /// The authors' distributions, which are PyTorch's: E ~ N(0, 1), weights and biases ~ U(±1/√fan-in).
    ///
    /// - Parameters:
    ///   - hiddenWidth: m.
    ///   - outputWidth: Width of a row of P: 2·L·keyWidth, or d where embeddings are computed instead.
    ///   - d: The model's width.
    public init(
        random generator: inout SeededGenerator, length: Int, hiddenWidth: Int, outputWidth: Int, width d: Int,
        tape: Tape
    ) {
        func uniform(_ shape: [Int], fanIn: Int) -> Tensor {
            let bound = 1 / Double(fanIn).squareRoot()
            return .filled(shape, tape: tape) { Float((2 * generator.uniform() - 1) * bound) }
        }
        embedding = .filled([length, d], tape: tape) { Float(generator.normal()) }
        hidden = TrainableMatrix(
            weight: uniform([hiddenWidth, d], fanIn: d), orientation: .outputByInput,
            bias: uniform([hiddenWidth], fanIn: d))
        output = TrainableMatrix(
            weight: uniform([outputWidth, hiddenWidth], fanIn: hiddenWidth), orientation: .outputByInput,
            bias: uniform([outputWidth], fanIn: hiddenWidth))
    }

    /// E and the network, under the names of the authors' checkpoints.
    public var parameters: [(name: String, value: Tensor)] {
        [("wte.weight", embedding)] + networkParameters
    }

    private var networkParameters: [(name: String, value: Tensor)] {
        [("control_trans.0.weight", hidden.weight), ("control_trans.2.weight", output.weight)]
            + [("control_trans.0.bias", hidden.bias), ("control_trans.2.bias", output.bias)]
            .compactMap { name, value in value.map { (name, $0) } }
    }

    /// P = MLP(E).
    public func evaluate() -> Tensor { output(hidden(embedding).applying(.tanh)) }

    /// Fits the network, not E, to a prefix: how the authors start from the activations of real words.
    ///
    /// Mean squared error over all elements, Adam, `steps` steps over all positions at once.
    ///
    /// - Returns: The error after the last step.
    @discardableResult
    public func fit(_ target: Tensor, steps: Int = 500, learningRate: Double = 1e-4) -> Double {
        var settings = Optimizer.Settings()
        settings.clip = 0
        let optimizer = Optimizer(networkParameters, settings: settings)
        var error = Double.infinity
        for _ in 0...steps {
            let p = evaluate()
            let loss = p.meanSquaredError(to: target)
            error = Double(loss.values[0])
            guard optimizer.stepCount < steps, let tape = embedding.gradient?.tape else { break }
            tape.backward(from: loss)
            embedding.gradient?.clear()
            optimizer.step(learningRate: learningRate)
        }
        embedding.gradient?.tape.reset()
        return error
    }
}
