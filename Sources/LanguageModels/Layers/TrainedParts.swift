import Tensors

/// Tensors of a frozen model that are trained as they are, beside updates of low rank: biases, and modules as a whole.
///
/// They are parameters of a tape in a model whose other weights are frozen: a module trained as a whole is made of
/// trainable tensors when the model is loaded, and a trained bias stands beside its frozen matrix.
@Compute public final class TrainedParts {
    /// Which biases are trained; the names are PEFT's.
    public enum Biases: String, CaseIterable, Codable, Sendable {
        /// None.
        case none
        /// All that the model has, those of its norms included.
        case all
        /// Those of the matrices that have an update.
        case updated = "lora_only"
    }

    /// Which biases are trained.
    public let biases: Biases
    /// What the names of modules end in that are trained as a whole: "lm_head", "wte", "ln_f".
    public let modules: [String]
    /// What is trained, under its full name, in the order of the model.
    public private(set) var tensors: [(name: String, value: Tensor)] = []

    let tape: Tape
    private let updated: [String]
    private var found: Set<String> = []
    private var others: Set<String> = []

    /// Prepares them; they are made when a model is loaded.
    ///
    /// - Parameters:
    ///   - updated: What the names of the matrices end in that have an update.
    ///   - tape: Differentiates them.
    public init(biases: Biases, modules: [String], updated: [String], tape: Tape) {
        self.biases = biases
        self.modules = modules
        self.updated = updated
        self.tape = tape
    }

    /// Whether a tensor is trained.
    ///
    /// - Parameter name: Its full name, "transformer.ln_f.bias".
    func reaches(_ name: String) -> Bool {
        let parts = name.split(separator: "."), module = parts.dropLast().joined(separator: ".")
        if ModuleName.enclosing(module, of: modules) != nil { return true }
        guard parts.last == "bias" else { return false }
        switch biases {
        case .none: return false
        case .all: return true
        case .updated: return ModuleName.matches(module, updated)
        }
    }

    /// The same, noting it for messages.
    func takes(_ name: String) -> Bool {
        let parts = name.split(separator: "."), module = parts.dropLast().joined(separator: ".")
        if let target = ModuleName.enclosing(module, of: modules) {
            found.insert(target)
        } else if let last = ModuleName.canonical(module).split(separator: ".").last {
            others.insert(String(last))
        }
        return reaches(name)
    }

    /// Keeps a tensor that is trained.
    func add(_ name: String, _ value: Tensor) { tensors.append((name, value)) }

    func finish() throws {
        let missing = modules.filter { !found.contains($0) }
        guard missing.isEmpty else { throw AdapterError.noSuchModule(modules: missing, found: others.sorted()) }
    }
}
