import Tensors

/// The keys and values of a pass through a model, as parts of its record: gradients of them reach what was passed through.
@Compute public final class KeyValueTrace {
    private(set) var layers: [(source: Tensor, keyColumn: Int, valueColumn: Int)] = []
    private let depth: Int?

    /// Nothing yet.
    ///
    /// - Parameter depth: How many layers are wanted, from the first on; those after them are not run, so that what the
    ///   model returns has no meaning. Nil for all.
    public init(depth: Int? = nil) { self.depth = depth }

    /// Whether no further layer is wanted.
    var isComplete: Bool { depth.map { layers.count >= $0 } ?? false }

    /// Takes down the keys and values of the next layer.
    func append(_ layer: (source: Tensor, keyColumn: Int, valueColumn: Int)) { layers.append(layer) }

    /// Keys and values as one matrix, in the layout of a prefix.
    ///
    /// - Returns: [tokens × 2·layers·keyWidth]: key, value, key, value, … of layers 0, 1, …
    func matrix(keyWidth: Int) -> Tensor {
        .joiningColumns(
            layers.flatMap { [($0.source, $0.keyColumn, keyWidth), ($0.source, $0.valueColumn, keyWidth)] })
    }
}
