import Tensors

/// What is put into a frozen model to be trained there, made while the model is loaded.
@Compute public final class TrainedAdapters {
    /// Updates of low rank beside its matrices.
    public let lowRank: TrainedLowRankUpdates?
    /// Small networks behind its layers.
    public let bottleneck: BottleneckAdapters?
    /// Biases and modules of its own.
    public let parts: TrainedParts?

    /// One of them, or several.
    public init(
        lowRank: TrainedLowRankUpdates? = nil, bottleneck: BottleneckAdapters? = nil, parts: TrainedParts? = nil
    ) {
        self.lowRank = lowRank
        self.bottleneck = bottleneck
        self.parts = parts
    }

    /// Throws where a part of them found no place in the model.
    func finish() throws {
        try lowRank?.finish()
        try bottleneck?.finish()
        try parts?.finish()
    }
}

/// What can be wrong between adapters to be trained and the model they are put into.
public enum AdapterError: Error, Equatable {
    /// No matrix of the model has one of these names.
    case noSuchMatrix(targets: [String], found: [String])
    /// No module of the model has one of these names.
    case noSuchModule(modules: [String], found: [String])
    /// A module is trained as a whole, but lies quantised in its file.
    case quantizedModule(name: String)
    /// A module is trained as a whole and updated as well.
    case updatedModule(name: String)
    /// A tensor that an adapter needs is not among those given.
    case missing(name: String)
    /// A tensor of an adapter has no place in the model.
    case unused(name: String)
}

extension AdapterError: CustomStringConvertible {
    /// One sentence: what happened, the value received, what to do.
    public var description: String {
        switch self {
        case .noSuchMatrix(let targets, let found):
            "no matrix of the model ends in \(targets.map { "\"\($0)\"" }.joined(separator: " or ")); choose among "
                + found.map { "\"\($0)\"" }.joined(separator: ", ")
        case .noSuchModule(let modules, let found):
            "no module of the model ends in \(modules.map { "\"\($0)\"" }.joined(separator: " or in ")); choose among "
                + found.map { "\"\($0)\"" }.joined(separator: ", ")
        case .quantizedModule(let name):
            "the matrix \"\(name)\" is stored quantised and cannot be trained as a whole; choose another module, or a model "
                + "whose weights are not quantised"
        case .updatedModule(let name):
            "the matrix \"\(name)\" would be trained as a whole and by an update of low rank; choose one of the two for it"
        case .missing(let name): "the adapter has no tensor \"\(name)\"; name the model that it was trained on"
        case .unused(let name):
            "the model has no place for the adapter's tensor \"\(name)\"; name the model that it was trained on"
        }
    }
}
