import Synchronization
import Tensors

/// Low-rank updates of some of a model's matrices (LoRA, Hu et al. 2021): W + s·B·A.
///
/// A model is loaded with them, either beside the frozen matrices or merged into their values.
///
/// ```swift
/// let model = try LanguageModel.load(folder, adapters: LowRankFile(adapter).updates(merges: true))
/// ```
public struct LowRankUpdates: Sendable {
    private final class Record: Sendable {
        let applied = Mutex<Set<String>>([])
    }

    /// Whether the updates are added to the weights when a model is loaded; else they are computed beside them.
    public var merges: Bool
    /// The file that they come from, for messages.
    public let file: String

    private let updates: [String: LowRankUpdate]
    let replaced: ReplacedTensors?
    private let record = Record()

    /// Updates of matrices.
    ///
    /// - Parameters:
    ///   - updates: The update of each matrix, under the full name of its module ("transformer.h.0.attn.c_attn"). What
    ///     checkpoints put in front of names in one way or another ("transformer.", "model.") may be there or not.
    ///   - replaced: Tensors that were trained as they are; the model is loaded with them in place of its own.
    ///   - file: For messages.
    /// - Throws: ``LowRankError/updatedTwice(file:name:)`` where two names mean one matrix.
    public init(
        _ updates: [String: LowRankUpdate], replaced: ReplacedTensors? = nil, merges: Bool = false, file: String
    ) throws {
        self.merges = merges
        self.file = file
        self.replaced = replaced
        var byName: [String: LowRankUpdate] = [:]
        for (name, update) in updates {
            guard byName.updateValue(update, forKey: ModuleName.canonical(name)) == nil else {
                throw LowRankError.updatedTwice(file: file, name: name)
            }
        }
        self.updates = byName
    }

    /// The names of the updated matrices, without what varies in front of them, sorted.
    public var names: [String] { updates.keys.sorted() }

    /// Number of values of all A and B, magnitudes and tensors trained as they are.
    public var parameterCount: Int {
        updates.values.reduce(replaced?.parameterCount ?? 0) {
            $0 + $1.down.count + $1.up.count + ($1.magnitude?.count ?? 0)
        }
    }

    /// The update of a matrix, or nil where it has none.
    ///
    /// - Parameter name: The full name of the matrix's module.
    public func update(of name: String) -> Handle? {
        let name = ModuleName.canonical(name)
        return updates[name].map { Handle(update: $0, name: name, parent: self) }
    }

    /// Reports updates that reached no matrix, and tensors that the model does not have.
    ///
    /// - Throws: ``LowRankError``.
    public func finish() throws {
        let applied = record.applied.withLock { $0 }
        let unused = names.filter { !applied.contains($0) }
        guard unused.isEmpty else {
            throw LowRankError.unused(file: file, names: unused, merging: merges)
        }
        if let names = replaced?.unused, !names.isEmpty {
            throw LowRankError.unusedTensors(file: file, names: names)
        }
    }

    /// Of all names, values and scales.
    ///
    /// - Throws: ``CheckpointError`` where the file of replaced tensors cannot be read.
    func digest() throws -> Digest {
        var digester = Digester()
        for (name, update) in updates.sorted(by: { $0.key < $1.key }) {
            digester.add(name)
            digester.add(update.down)
            digester.add(update.up)
            digester.add([update.scale])
            if let magnitude = update.magnitude { digester.add(magnitude) }
        }
        try replaced?.add(to: &digester)
        return digester.digest
    }

    /// One matrix's update, found by its name.
    @Compute public struct Handle {
        /// A, B, s and lengths.
        public let update: LowRankUpdate
        let name: String
        let parent: LowRankUpdates

        /// The corrected map beside a frozen one: y = m(x) + s·(x·Aᵀ)·Bᵀ, with columns as long as the update says.
        ///
        /// - Parameter base: Without a bias where the update has lengths.
        /// - Throws: ``LowRankError/wrongShape(file:key:expected:found:)`` where A or B do not fit the map.
        public func map(over base: any LinearMap, name: String) throws -> any LinearMap {
            try check(input: base.inputWidth, output: base.outputWidth, name: name)
            let map = LowRankMap(
                base: base, down: Tensor(update.down, shape: [update.rank, update.input]),
                up: Tensor(update.up, shape: [update.output, update.rank]), scale: update.scale)
            guard let magnitude = update.magnitude else { return map }
            return MagnitudeMap(direction: map) { _ in Tensor(magnitude, shape: [magnitude.count]) }
        }

        /// Adds s·B·A to the values of a matrix, and makes its columns as long as the update says.
        ///
        /// - Parameters:
        ///   - values: The matrix, row-major.
        ///   - shape: Its shape as it is stored.
        ///   - orientation: How it is stored.
        /// - Throws: ``LowRankError/wrongShape(file:key:expected:found:)`` where A or B do not fit the matrix.
        public func add(
            to values: UnsafeMutableBufferPointer<Float>, shape: [Int], orientation: MatrixOrientation, name: String
        ) throws {
            precondition(shape.count == 2 && values.count == shape[0] * shape[1], "a matrix of \(shape)")
            let isTransposed = orientation == .inputByOutput
            let (input, output) = isTransposed ? (shape[0], shape[1]) : (shape[1], shape[0])
            try check(input: input, output: output, name: name)
            // W += s·B·A row by row, or Wᵀ += s·Aᵀ·Bᵀ.
            let rank = update.rank
            func left(_ row: Int, _ k: Int) -> Float {
                isTransposed ? update.down[k * input + row] : update.up[row * rank + k]
            }
            let right = isTransposed ? transposedUp : update.down  // [rank × columns]
            let columns = shape[1]
            right.withUnsafeBufferPointer { right in
                for row in 0..<shape[0] {
                    for k in 0..<rank {
                        let factor = update.scale * left(row, k)
                        guard factor != 0 else { continue }
                        for column in 0..<columns {
                            values[row * columns + column] += factor * right[k * columns + column]
                        }
                    }
                }
            }
            guard let magnitude = update.magnitude else { return }
            var squares = [Double](repeating: 0, count: output)
            for row in 0..<shape[0] {
                for column in 0..<columns {
                    let value = Double(values[row * columns + column])
                    squares[isTransposed ? column : row] += value * value
                }
            }
            let factors = zip(magnitude, squares).map { magnitude, square in
                magnitude / Float(max(square, Double(Float.leastNormalMagnitude)).squareRoot())
            }
            for row in 0..<shape[0] {
                for column in 0..<columns { values[row * columns + column] *= factors[isTransposed ? column : row] }
            }
        }

        private var transposedUp: [Float] {
            var result = [Float](repeating: 0, count: update.up.count)
            for row in 0..<update.output {
                for k in 0..<update.rank { result[k * update.output + row] = update.up[row * update.rank + k] }
            }
            return result
        }

        private func check(input: Int, output: Int, name: String) throws {
            for (key, expected, found) in [
                ("A", [update.rank, input], [update.rank, update.input]),
                ("B", [output, update.rank], [update.output, update.rank]),
                ("magnitude_vector", [output], [update.magnitude?.count ?? output]),
            ] where expected != found {
                throw LowRankError.wrongShape(
                    file: parent.file, key: "\(name).lora_\(key)", expected: expected, found: found)
            }
            _ = parent.record.applied.withLock { $0.insert(self.name) }
        }
    }
}

/// The update s·B·A of one matrix, and the lengths of its columns afterwards where those were trained (DoRA).
public struct LowRankUpdate: Equatable, Sendable {
    /// A [rank × input].
    public let down: [Float]
    /// B [output × rank].
    public let up: [Float]
    /// r; of grouped updates the sum over the groups.
    public let rank: Int
    /// s; α/r in the paper.
    public let scale: Float
    /// The length of each column of W + s·B·A [output] (DoRA); nil where they stay as they come.
    public let magnitude: [Float]?

    /// Width of what the matrix is applied to.
    public var input: Int { down.count / rank }
    /// Width of what it gives.
    public var output: Int { up.count / rank }

    /// An update; A and B must fill rows of `rank`.
    public init(down: [Float], up: [Float], rank: Int, scale: Float, magnitude: [Float]? = nil) {
        precondition(
            rank > 0 && down.count.isMultiple(of: rank) && up.count.isMultiple(of: rank),
            "A of \(down.count) and B of \(up.count) values for a rank of \(rank)")
        self.down = down
        self.up = up
        self.rank = rank
        self.scale = scale
        self.magnitude = magnitude
    }
}
