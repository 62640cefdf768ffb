import Tensors

/// Updates of low rank that are trained beside a frozen model's matrices (LoRA, Hu et al. 2021): y = m(x) + s·(x·Aᵀ)·Bᵀ
/// with s = α/r.
///
/// As in PEFT, A ~ U(±1/√input) and B = 0: training starts from the model as it is.
public final class TrainedLowRankUpdates {
    /// r.
    public let rank: Int
    /// α.
    public let alpha: Float
    /// What the names of the updated matrices' modules end in: "c_attn", "attn.c_proj".
    public let targets: [String]
    /// The updated matrices, in the order of the model, under the full names of their modules.
    public private(set) var maps: [(module: String, map: LowRankMap)] = []

    private let tape: Tape
    private var generator: SeededGenerator
    /// What the names of other matrices end in, for messages.
    private var others: Set<String> = []

    /// Prepares updates; they are made when a model is loaded.
    ///
    /// - Parameters:
    ///   - tape: Differentiates them.
    ///   - seed: Fixes A.
    public init(rank: Int, alpha: Float, targets: [String], tape: Tape, seed: UInt64) {
        precondition(rank > 0, "a rank of \(rank)")
        self.rank = rank
        self.alpha = alpha
        self.targets = targets
        self.tape = tape
        generator = SeededGenerator(seed: seed)
    }

    /// Whether a matrix is to be updated.
    func reaches(_ name: String) -> Bool {
        let isTarget = targets.contains { name == $0 || name.hasSuffix(".\($0)") }
        if !isTarget { others.insert(name.split(separator: ".").last.map(String.init) ?? name) }
        return isTarget
    }

    /// The updated map over a frozen one, or nil where it is not among the targets.
    func map(over base: any LinearMap, name: String) -> (any LinearMap)? {
        guard reaches(name) else { return nil }
        let bound = 1 / Double(base.inputWidth).squareRoot()
        let down = Tensor.filled([rank, base.inputWidth], tape: tape) {
            Float((2 * generator.uniform() - 1) * bound)
        }
        let map = LowRankMap(
            base: base, down: down,
            up: .zeros([base.outputWidth, rank], tape: tape), scale: alpha / Float(rank))
        maps.append((name, map))
        return map
    }

    func finish() throws {
        guard maps.isEmpty else { return }
        throw AdapterError.noSuchMatrix(targets: targets, found: others.sorted())
    }
}
