import Tensors

/// What becomes of the weights of a checkpoint.
public enum WeightUse {
    /// Constants, re-laid once; with the copies that gradients need where `differentiable`.
    case frozen(differentiable: Bool)
    /// Parameters of a tape: fine-tuning and pretraining.
    case trainable(Tape)
}

/// Turns the tensors of a checkpoint into frozen or trainable weights, so that a model file is written once for both.
public struct WeightLoader {
    /// The parameters made so far, under their full names, in the order of the model; empty for frozen weights.
    public final class Registry {
        /// Name and value of each parameter.
        public internal(set) var parameters: [(name: String, value: Tensor)] = []
    }

    /// What the weights become.
    public let use: WeightUse
    /// Collects trainable parameters.
    public let registry: Registry
    private let reader: CheckpointReader
    private var scope = ""

    /// A loader over the tensors of `reader`.
    public init(_ reader: CheckpointReader, use: WeightUse) {
        self.reader = reader
        self.use = use
        registry = Registry()
    }

    /// The loader for names that begin with `name` and a dot.
    public func scoped(_ name: String) -> WeightLoader {
        WeightLoader(reader.scoped(name), of: self, scope: "\(scope)\(name).")
    }

    private init(_ reader: CheckpointReader, of parent: WeightLoader, scope: String) {
        self.reader = reader
        use = parent.use
        registry = parent.registry
        self.scope = scope
    }

    /// Whether the checkpoint has a tensor of this name.
    public func contains(_ name: String) -> Bool { reader.contains(name) }

    /// A vector or a table.
    public func tensor(_ name: String, shape: [Int]) throws -> Tensor {
        let tape: Tape? = if case .trainable(let tape) = use { tape } else { nil }
        let tensor = Tensor(shape: shape, tape: tape)
        try tensor.withMutableValues { try reader.read(name, shape: shape, into: $0) }
        register(name, tensor)
        return tensor
    }

    /// A matrix with an optional bias: `name`.weight and `name`.bias.
    ///
    /// - Parameters:
    ///   - orientation: How the checkpoint stores it.
    ///   - hasBias: Whether there is a bias [output].
    public func matrix(
        _ name: String, input: Int, output: Int, orientation: MatrixOrientation, hasBias: Bool = true
    ) throws -> any LinearMap {
        let shape = orientation == .inputByOutput ? [input, output] : [output, input]
        switch use {
        case .trainable:
            let weight = try tensor("\(name).weight", shape: shape)
            let bias = hasBias ? try tensor("\(name).bias", shape: [output]) : nil
            return TrainableMatrix(weight: weight, orientation: orientation, bias: bias)
        case .frozen(let differentiable):
            // Not `tensor`: the plain copy lives only until it is re-laid.
            let values = Tensor(shape: shape)
            let bias = hasBias ? try tensor("\(name).bias", shape: [output]) : nil
            return try values.withMutableValues { buffer in
                try reader.read("\(name).weight", shape: shape, into: buffer)
                return try FrozenMatrix(
                    UnsafeBufferPointer(buffer), input: input, output: output, orientation: orientation, bias: bias,
                    differentiable: differentiable)
            }
        }
    }

    /// An output head that is the token table itself.
    public func tiedHead(_ table: Tensor) throws -> any LinearMap {
        switch use {
        case .trainable: TrainableMatrix(weight: table, orientation: .outputByInput)
        case .frozen: try FrozenMatrix(head: table)
        }
    }

    /// Reports tensors of the checkpoint that nothing took.
    public func finish(ignoring patterns: [String]) throws { try reader.finish(ignoring: patterns) }

    private func register(_ name: String, _ tensor: Tensor) {
        if tensor.gradient != nil { registry.parameters.append((scope + name, tensor)) }
    }
}
