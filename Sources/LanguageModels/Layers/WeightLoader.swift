import Tensors

/// What becomes of the weights of a checkpoint.
public enum WeightUse {
    /// Constants, re-laid once; with the copies that gradients need where `differentiable`.
    case frozen(differentiable: Bool, precision: WeightPrecision = .float32)
    /// Parameters of a tape: fine-tuning and pretraining. Where a choice is given, only tensors are trained whose full
    /// names it takes; the others are held in the same form, so that the whole model can be saved.
    case trainable(Tape, only: (@Sendable (_ name: String) -> Bool)? = nil)
}

/// Turns the tensors of a checkpoint into frozen or trainable weights, so that a model file is written once for both.
@Compute public struct WeightLoader {
    /// The parameters made so far, under their full names, in the order of the model; empty for frozen weights. Those
    /// that are not trained have no gradient.
    @Compute public final class Registry {
        /// Name and value of each parameter.
        public internal(set) var parameters: [(name: String, value: Tensor)] = []
        /// Where the first table of tokens lies, which heads are tied to: the model's own, not an adapter's.
        var tokenTable: TableSource?
    }

    /// A table that can be read again.
    struct TableSource {
        let reader: CheckpointReader
        /// Its name there, and its full name.
        let name, fullName: String
    }

    /// What the weights become.
    public let use: WeightUse
    /// Collects trainable parameters.
    public let registry: Registry
    /// The checkpoint, with what an adapter holds in place of its tensors.
    let reader: CheckpointReader
    let adapters: LowRankUpdates?
    let trained: TrainedAdapters?
    private(set) var scope = ""
    /// The checkpoint as it is, for reading a tensor a second time.
    private let original: CheckpointReader

    /// A loader over the tensors of `reader`.
    ///
    /// - Parameters:
    ///   - adapters: Low-rank updates of some of the frozen matrices.
    ///   - trained: Adapters that are trained beside the frozen matrices.
    public init(
        _ reader: CheckpointReader, use: WeightUse, adapters: LowRankUpdates? = nil, trained: TrainedAdapters? = nil
    ) {
        original = reader
        self.reader = adapters?.replaced.map { reader.over($0.over) } ?? reader
        self.use = use
        self.adapters = adapters
        self.trained = trained
        registry = Registry()
    }

    /// The loader for names that begin with `name` and a dot.
    public func scoped(_ name: String) -> WeightLoader {
        WeightLoader(reader.scoped(name), original.scoped(name), of: self, scope: "\(scope)\(name).")
    }

    /// The same where some checkpoints leave `name` out, as those do that were saved from a model without its head: the
    /// tensors go by their full names all the same, for adapters, for training and for saving.
    ///
    /// - Parameter probe: A tensor below `name` that every checkpoint has.
    public func scoped(_ name: String, orBare probe: String) -> WeightLoader {
        let bare = !reader.scoped(name).contains(probe) && contains(probe)
        return WeightLoader(
            bare ? reader : reader.scoped(name), bare ? original : original.scoped(name), of: self,
            scope: "\(scope)\(name).")
    }

    private init(_ reader: CheckpointReader, _ original: CheckpointReader, of parent: WeightLoader, scope: String) {
        self.reader = reader
        self.original = original
        use = parent.use
        registry = parent.registry
        adapters = parent.adapters
        trained = parent.trained
        self.scope = scope
    }

    /// Of the weights taken from the checkpoint so far; see ``CheckpointReader/digest``. Nil where an adapter holds some in
    /// their place: those of the checkpoint were not all read.
    public var weightsDigest: Digest? { adapters?.replaced == nil ? reader.digest : nil }

    /// The same with the adapters that were put into the model with values of their own, merged or beside the weights.
    ///
    /// - Throws: ``CheckpointError`` where the file of replaced tensors cannot be read.
    public func digest() throws -> Digest {
        let parts = [try adapters?.digest(), trained?.bottleneck?.givenDigest].compactMap(\.self)
        guard !parts.isEmpty else { return reader.digest }
        var digester = Digester()
        for part in [reader.digest] + parts { digester.add(part) }
        return digester.digest
    }

    /// Whether the checkpoint has a tensor of this name.
    public func contains(_ name: String) -> Bool { reader.contains(name) }

    /// A vector, or a small table.
    public func tensor(_ name: String, shape: [Int]) throws -> Tensor {
        try reader.expect(name, shape: shape)
        guard case .trainable(let tape, let isTrained) = use else {
            let part = trainedPart(name), tensor = Tensor(shape: shape, tape: part?.tape)
            try tensor.withMutableValues { try reader.read(name, shape: shape, into: $0) }
            part?.add(scope + name, tensor)
            return tensor
        }
        let tensor = Tensor(shape: shape, tape: isTrained?(scope + name) ?? true ? tape : nil)
        try tensor.withMutableValues { try reader.read(name, shape: shape, into: $0) }
        registry.parameters.append((scope + name, tensor))
        return tensor
    }

    /// The embeddings of tokens, rounded as matrices are, so that a tied output head shares them.
    public func tokenTable(_ name: String, rows: Int, width: Int) throws -> TokenTable {
        if registry.tokenTable == nil {
            registry.tokenTable = TableSource(reader: original.over { $0 }, name: name, fullName: scope + name)
        }
        if trainedPart(name) == nil,
            let matrix = try integerMatrix(
                name, input: width, output: rows, orientation: .outputByInput, bias: nil, isDelicate: true)
        {
            return .quantized(matrix)
        }
        if roundsToBFloat16, trainedPart(name) == nil {
            return .compressed(
                try reader.withRows(of: name, shape: [rows, width]) {
                    try CompressedMatrix(input: width, output: rows, roundingToBFloat16: $0)
                })
        }
        guard let (layout, backward) = quantization(isDelicate: true), trainedPart(name) == nil else {
            return try table(name, rows: rows, width: width)
        }
        return .quantized(
            try reader.withRows(of: name, shape: [rows, width]) {
                try QuantizedMatrix(input: width, output: rows, layout: layout, backward: backward, reading: $0)
            })
    }

    /// Embeddings of positions, in 32 bits unless stored precision is asked for.
    public func table(_ name: String, rows: Int, width: Int) throws -> TokenTable {
        if trainedPart(name) == nil,
            let matrix = try storedMatrix(name, input: width, output: rows, orientation: .outputByInput, bias: nil)
        {
            return .compressed(matrix)
        }
        return .plain(try tensor(name, shape: [rows, width]))
    }

    /// The output head: its own matrix where the checkpoint has one, whatever `config.json` says of tying (that is often
    /// a leftover); else the token table, where it says so.
    ///
    /// - Parameters:
    ///   - ties: Whether the token table may be the head (`tie_word_embeddings`).
    ///   - bias: Added to the logits.
    /// - Throws: ``CheckpointError/missingUntied(file:key:)`` where there is none, which `transformers` would fill with random
    ///   numbers; otherwise as ``matrix(_:input:output:orientation:hasBias:inputScales:isDelicate:)``.
    public func head(
        _ name: String, tiedTo table: TokenTable, ties: Bool, bias: Tensor? = nil
    ) throws -> any LinearMap {
        if contains("\(name).weight") || reader.isQuantized(name) {
            return try matrix(
                name, input: table.width, output: table.count, orientation: .outputByInput, bias: bias,
                inputScales: nil, isDelicate: true)
        }
        guard ties else { throw untied("\(name).weight") }
        if let head = try ownHead(name, width: table.width, count: table.count, bias: bias) { return head }
        return try adapted(name, bias: bias) { bias in
            switch (table, use) {
            case (.plain(let table), .trainable):
                TrainableMatrix(weight: table, orientation: .outputByInput, bias: bias)
            case (.plain(let table), .frozen): FrozenMatrix(head: table, bias: bias)
            case (.compressed(let matrix), _): matrix.withBias(bias)
            case (.quantized(let matrix), _): matrix.withBias(bias)
            }
        }
    }

    /// The error for a tensor that is not there, where the token table does not stand in for it.
    func untied(_ name: String) -> CheckpointError {
        let place = reader.place(of: name)
        return .missingUntied(file: place.file, key: place.key)
    }

    /// A matrix with an optional bias: `name`.weight and `name`.bias.
    ///
    /// - Parameters:
    ///   - orientation: How the checkpoint stores it.
    ///   - hasBias: Whether there is a bias [output].
    ///   - inputScales: The name of a vector [input] that x is divided by first, which AWQ adds to some layers.
    ///   - isDelicate: Whether it makes the values of attention, alone or beside queries and keys: it suffers most from 4 bits, as its
    ///     inputs are far greater in some places that it hardly looks at, and is never rounded to fewer than 8.
    public func matrix(
        _ name: String, input: Int, output: Int, orientation: MatrixOrientation, hasBias: Bool = true,
        inputScales: String? = nil, isDelicate: Bool = false
    ) throws -> any LinearMap {
        let bias = hasBias ? try tensor("\(name).bias", shape: [output]) : nil
        return try matrix(
            name, input: input, output: output, orientation: orientation, bias: bias, inputScales: inputScales,
            isDelicate: isDelicate)
    }

    /// Reports tensors of the checkpoint that nothing took, and adapters of matrices that the model does not have.
    ///
    /// - Throws: ``CheckpointError``.
    public func finish(ignoring patterns: [String] = []) throws {
        try reader.finish(ignoring: patterns)
        try adapters?.finish()
        try trained?.finish()
    }
}

extension WeightLoader {
    private func matrix(
        _ name: String, input: Int, output: Int, orientation: MatrixOrientation, bias: Tensor?, inputScales: String?,
        isDelicate: Bool = false
    ) throws -> any LinearMap {
        let shape = orientation == .inputByOutput ? [input, output] : [output, input]
        guard case .frozen(let differentiable, _) = use else {
            return TrainableMatrix(
                weight: try tensor("\(name).weight", shape: shape), orientation: orientation, bias: bias)
        }
        if trainedPart("\(name).weight") != nil {
            try checkTrainable(name)
            return TrainableMatrix(
                weight: try tensor("\(name).weight", shape: shape), orientation: orientation, bias: bias)
        }
        return try adapted(name, bias: bias) { bias in
            try compressed(
                name, input: input, output: output, orientation, bias: bias, inputScales: inputScales,
                isDelicate: isDelicate)
                ?? packed(
                    name, input: input, output: output, orientation, bias: bias, differentiable: differentiable,
                    isDelicate: isDelicate)
        }
    }

    /// A matrix re-laid in 32 bits, or rounded, as the precision says.
    private func packed(
        _ name: String, input: Int, output: Int, _ orientation: MatrixOrientation, bias: Tensor?, differentiable: Bool,
        isDelicate: Bool
    ) throws -> any LinearMap {
        let shape = orientation == .inputByOutput ? [input, output] : [output, input]
        if orientation == .outputByInput, let (layout, backward) = quantization(isDelicate: isDelicate),
            mergedUpdate(of: name) == nil
        {
            return try reader.withRows(of: "\(name).weight", shape: shape) {
                try QuantizedMatrix(
                    input: input, output: output, bias: bias, layout: layout, backward: backward, reading: $0)
            }
        }
        if orientation == .outputByInput, roundsToBFloat16, mergedUpdate(of: name) == nil {
            return try reader.withRows(of: "\(name).weight", shape: shape) {
                try CompressedMatrix(input: input, output: output, bias: bias, roundingToBFloat16: $0)
            }
        }
        try reader.expect("\(name).weight", shape: shape)
        // Not `tensor`: the plain copy lives only until it is re-laid.
        let values = Tensor(shape: shape)
        return try values.withMutableValues { buffer in
            try read(name, shape: shape, orientation, into: buffer)
            return try frozen(
                UnsafeBufferPointer(buffer), input: input, output: output, orientation, bias: bias,
                differentiable: differentiable, isDelicate: isDelicate)
        }
    }

    /// A matrix made of values that are all there.
    func frozen(
        _ values: UnsafeBufferPointer<Float>, input: Int, output: Int, _ orientation: MatrixOrientation, bias: Tensor?,
        differentiable: Bool, isDelicate: Bool = false
    ) throws -> any LinearMap {
        if let (layout, backward) = quantization(isDelicate: isDelicate) {
            return QuantizedMatrix(
                values, input: input, output: output, orientation: orientation, bias: bias, layout: layout,
                backward: backward)
        }
        if roundsToBFloat16 {
            return CompressedMatrix(
                roundingToBFloat16: values, input: input, output: output, orientation: orientation, bias: bias)
        }
        return try FrozenMatrix(
            values, input: input, output: output, orientation: orientation, bias: bias, differentiable: differentiable)
    }

    private var roundsToBFloat16: Bool { if case .frozen(_, .bfloat16) = use { true } else { false } }

    /// Layout and gradients, where this loader rounds matrices to integers.
    private func quantization(
        isDelicate: Bool
    ) -> (layout: QuantizedMatrix.Layout, backward: QuantizedMatrix.Backward)? {
        guard case .frozen(let differentiable, let precision) = use else { return nil }
        return precision.quantization(differentiable: differentiable, isDelicate: isDelicate)
    }

    /// The plain values of a matrix, with an adapter merged into them where it is to be.
    func read(
        _ name: String, shape: [Int], _ orientation: MatrixOrientation, into buffer: UnsafeMutableBufferPointer<Float>
    ) throws {
        try reader.read("\(name).weight", shape: shape, into: buffer)
        try mergedUpdate(of: name)?.add(to: buffer, shape: shape, orientation: orientation, name: scope + name)
    }

    /// The adapter that is to be merged into a matrix.
    func mergedUpdate(of name: String) -> LowRankUpdates.Handle? {
        guard let adapters, adapters.merges else { return nil }
        return adapters.update(of: scope + name)
    }

    /// A matrix that stays as the checkpoint stores it: quantised, or of 16 bits where those are to be kept.
    private func compressed(
        _ name: String, input: Int, output: Int, _ orientation: MatrixOrientation, bias: Tensor?, inputScales: String?,
        isDelicate: Bool
    ) throws -> (any LinearMap)? {
        if mergedUpdate(of: name) == nil,
            let matrix = try integerMatrix(
                "\(name).weight", input: input, output: output, orientation: orientation, bias: bias,
                isDelicate: isDelicate
            )
        {
            return matrix
        }
        if case .frozen(let differentiable, let precision) = use,
            let layout = try reader.quantizedLayout(name, input: input, output: output),
            let backward = precision.backward(
                through: layout, differentiable: differentiable, isDelicate: isDelicate)
        {
            return try reader.quantizedIntegers(
                name, input: input, output: output, bias: bias, inputScales: inputScales, backward: backward)
        }
        if let matrix = try reader.quantizedMatrix(
            name, input: input, output: output, bias: bias, inputScales: inputScales)
        {
            return matrix
        }
        // What others left in 16 bits beside their integers is rounded like the rest.
        guard !roundsToBFloat16 else { return nil }
        return try storedMatrix(
            "\(name).weight", input: input, output: output, orientation: orientation, bias: bias)
    }

    private func storedMatrix(
        _ name: String, input: Int, output: Int, orientation: MatrixOrientation, bias: Tensor?
    ) throws -> CompressedMatrix? {
        guard case .frozen(_, let precision) = use, precision == .stored || reader.holdsQuantizedMatrices else {
            return nil
        }
        return try reader.storedMatrix(name, input: input, output: output, orientation: orientation, bias: bias)
    }
}
