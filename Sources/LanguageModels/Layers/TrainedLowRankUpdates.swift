import Tensors

/// Updates of low rank that are trained beside a frozen model's matrices (LoRA, Hu et al. 2021): y = m(x) + s·(x·Aᵀ)·Bᵀ
/// with s = α/r; with lengths of the columns that are trained as well (DoRA, Liu et al. 2024), where asked for.
///
/// As in PEFT, A ~ U(±1/√input) and B = 0, and a column is as long as the model's: training starts from the model as it
/// is.
@Compute public final class TrainedLowRankUpdates {
    /// One updated matrix.
    @Compute public struct Update {
        /// The full name of the matrix's module.
        public let module: String
        /// A, B and s.
        public let map: LowRankMap
        /// The lengths of its columns, where they are trained [output].
        public let magnitude: Tensor?
    }

    /// The rank r: rows of A, columns of B.
    public let rank: Int
    /// α: updates are scaled by α/r.
    public let alpha: Float
    /// What the names of the updated matrices' modules end in: "c_attn", "attn.c_proj".
    public let targets: [String]
    /// Whether the lengths of columns are trained.
    public let trainsMagnitudes: Bool
    /// Whether A is trained; else it stays as it was drawn (FFA-LoRA, Sun et al. 2024).
    public let trainsDown: Bool
    /// The updated matrices, in the order of the model.
    public private(set) var maps: [Update] = []

    private let tape: Tape
    private var generator: SeededGenerator
    /// What the names of other matrices end in, for messages.
    private var others: Set<String> = []

    /// Prepares updates; they are made when a model is loaded.
    ///
    /// - Parameters:
    ///   - trainsMagnitudes: Whether lengths of columns are trained, too.
    ///   - trainsDown: Whether A is trained.
    ///   - tape: Differentiates them.
    ///   - seed: Fixes A.
    public init(
        rank: Int, alpha: Float, targets: [String], trainsMagnitudes: Bool = false, trainsDown: Bool = true, tape: Tape,
        seed: UInt64
    ) {
        precondition(rank > 0, "a rank of \(rank)")
        self.rank = rank
        self.alpha = alpha
        self.targets = targets
        self.trainsMagnitudes = trainsMagnitudes
        self.trainsDown = trainsDown
        self.tape = tape
        generator = SeededGenerator(seed: seed)
    }

    /// Whether a matrix is to be updated.
    func reaches(_ name: String) -> Bool {
        if ModuleName.matches(name, targets) { return true }
        others.insert(name.split(separator: ".").last.map(String.init) ?? name)
        return false
    }

    /// The updated map over a frozen one, or nil where it is not among the targets.
    ///
    /// - Parameter base: Without a bias where lengths are trained.
    func map(over base: any LinearMap, name: String) -> (any LinearMap)? {
        guard reaches(name) else { return nil }
        let bound = 1 / Double(base.inputWidth).squareRoot()
        let down = Tensor.filled([rank, base.inputWidth], tape: trainsDown ? tape : nil) {
            Float((2 * generator.uniform() - 1) * bound)
        }
        let map = LowRankMap(
            base: base, down: down,
            up: .zeros([base.outputWidth, rank], tape: tape), scale: alpha / Float(rank))
        guard trainsMagnitudes else {
            maps.append(Update(module: name, map: map, magnitude: nil))
            return map
        }
        let scaled = MagnitudeMap(direction: map) { [tape] in Tensor($0, shape: [$0.count], tape: tape) }
        maps.append(Update(module: name, map: map, magnitude: scaled.magnitude))
        return scaled
    }

    func finish() throws {
        guard maps.isEmpty else { return }
        throw AdapterError.noSuchMatrix(targets: targets, found: others.sorted())
    }
}
