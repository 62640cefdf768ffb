import Tensors

/// A small network behind a layer: h + Up(ReLU(Down(h))), with a layer norm of its own in front of Down or none.
///
/// Houlsby et al. 2019; with the norm and behind whole blocks, Lin et al. 2020, which the paper compares with.
@Compute struct BottleneckAdapter {
    private let norm: LayerNorm?
    private let down: TrainableMatrix  // [width × bottleneck]
    private let up: TrainableMatrix  // [bottleneck × width]

    init(norm: LayerNorm?, down: TrainableMatrix, up: TrainableMatrix) {
        self.norm = norm
        self.down = down
        self.up = up
    }

    func callAsFunction(_ h: Tensor) -> Tensor {
        h + up(down(norm.map { $0(h) } ?? h).applying(.relu))
    }
}

/// The bottleneck adapters of a model: made with random values to be trained, or with given ones.
@Compute public final class BottleneckAdapters {
    /// Where they are put.
    public enum Placement: String, CaseIterable, Codable, Sendable {
        /// One behind each block, with a layer norm: Lin et al. 2020.
        case block
        /// One behind each attention and one behind each MLP, before they are added to the residual stream, without a
        /// norm: Houlsby et al. 2019, the authors' second design. Where a norm of the model's own stands between a branch and
        /// the sum (Gemma 3), behind that norm; where both branches read the same rows (GPT-NeoX), each behind its own.
        case sublayers
    }

    /// Where a model puts one.
    enum Place: String {
        case block = "adapter"
        case attention = "adapter_attention"
        case mlp = "adapter_mlp"
    }

    /// Width b of the hidden layers.
    public let bottleneck: Int
    /// Where they are put.
    public let placement: Placement
    /// Their values, in the order of the model, under full names.
    public private(set) var parameters: [(name: String, value: Tensor)] = []

    private enum Source {
        case random(Tape, SeededGenerator)
        case given([String: [Float]])
    }

    private var source: Source

    /// Adapters to be trained: weights ~ N(0, 0.02), biases 0, norms with gain 1, as in the authors' code.
    public init(bottleneck: Int, placement: Placement, tape: Tape, seed: UInt64) {
        precondition(bottleneck > 0, "a bottleneck of \(bottleneck)")
        self.bottleneck = bottleneck
        self.placement = placement
        source = .random(tape, SeededGenerator(seed: seed))
    }

    /// Trained adapters.
    ///
    /// - Parameter values: Under the names of ``parameters``.
    public init(bottleneck: Int, placement: Placement, values: [String: [Float]]) {
        self.bottleneck = bottleneck
        self.placement = placement
        source = .given(values)
    }

    /// The adapter of a place, or nil where the placement has none there.
    func adapter(at place: Place, of scope: String, width: Int) throws -> BottleneckAdapter? {
        guard (place == .block) == (placement == .block) else { return nil }
        let name = "\(scope)\(place.rawValue)"
        let norm =
            try place == .block
            ? LayerNorm(
                gain: tensor("\(name).norm.weight", [width], constant: 1), bias: tensor("\(name).norm.bias", [width]),
                epsilon: 1e-5) : nil
        let down = try TrainableMatrix(
            weight: tensor("\(name).down.weight", [bottleneck, width], constant: nil), orientation: .outputByInput,
            bias: tensor("\(name).down.bias", [bottleneck]))
        let up = try TrainableMatrix(
            weight: tensor("\(name).up.weight", [width, bottleneck], constant: nil), orientation: .outputByInput,
            bias: tensor("\(name).up.bias", [width]))
        return BottleneckAdapter(norm: norm, down: down, up: up)
    }

    /// A parameter: given, or constant, or random where `constant` is nil.
    private func tensor(_ name: String, _ shape: [Int], constant: Float? = 0) throws -> Tensor {
        let tensor: Tensor
        switch source {
        case .random(let tape, var generator):
            tensor = .filled(shape, tape: tape) { constant ?? 0.02 * Float(generator.normal()) }
            source = .random(tape, generator)
        case .given(let values):
            guard let found = values[name], found.count == shape.reduce(1, *) else {
                throw AdapterError.missing(name: name)
            }
            tensor = Tensor(found, shape: shape)
        }
        parameters.append((name, tensor))
        return tensor
    }

    /// Of width, place and values; nil where the values are random ones, to be trained.
    var givenDigest: Digest? {
        guard case .given(let values) = source else { return nil }
        var digester = Digester()
        digester.add(bottleneck)
        digester.add(placement.rawValue)
        for (name, value) in values.sorted(by: { $0.key < $1.key }) {
            digester.add(name)
            digester.add(value)
        }
        return digester.digest
    }

    func finish() throws {
        precondition(!parameters.isEmpty, "a network whose blocks make no BlockAdapters")
        guard case .given(let values) = source else { return }
        let used = Set(parameters.map(\.name))
        if let name = values.keys.sorted().first(where: { !used.contains($0) }) {
            throw AdapterError.unused(name: name)
        }
    }
}

/// The adapters of one block of a model; nothing where it has none.
@Compute struct BlockAdapters {
    private let attention: BottleneckAdapter?
    private let mlp: BottleneckAdapter?
    private let block: BottleneckAdapter?

    init(_ weights: WeightLoader, width: Int) throws {
        func adapter(_ place: BottleneckAdapters.Place) throws -> BottleneckAdapter? {
            try weights.trained?.bottleneck?.adapter(at: place, of: weights.scope, width: width)
        }
        (attention, mlp, block) = (try adapter(.attention), try adapter(.mlp), try adapter(.block))
    }

    /// What an attention adds to the residual stream.
    func afterAttention(_ x: Tensor) -> Tensor { attention.map { $0(x) } ?? x }
    /// What an MLP adds to the residual stream.
    func afterMLP(_ x: Tensor) -> Tensor { mlp.map { $0(x) } ?? x }
    /// A block's output.
    func afterBlock(_ x: Tensor) -> Tensor { block.map { $0(x) } ?? x }
}
