import Tensors

/// What is put into a frozen model to be trained there, made while the model is loaded.
public final class TrainedAdapters {
    /// Updates of low rank beside its matrices.
    public let lowRank: TrainedLowRankUpdates?
    /// Small networks behind its layers.
    public let bottleneck: BottleneckAdapters?

    /// One of the two, or both.
    public init(lowRank: TrainedLowRankUpdates? = nil, bottleneck: BottleneckAdapters? = nil) {
        self.lowRank = lowRank
        self.bottleneck = bottleneck
    }

    /// Throws where a part of them found no place in the model.
    func finish() throws {
        try lowRank?.finish()
        try bottleneck?.finish()
    }
}

/// What can be wrong between adapters to be trained and the model they are put into.
public enum AdapterError: Error, Equatable {
    /// No matrix of the model has one of these names.
    case noSuchMatrix(targets: [String], found: [String])
    /// The model's architecture has no places for bottleneck adapters here.
    case noPlace(adapter: String)
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
        case .noPlace(let adapter):
            "\(adapter) can be put into GPT-2 and BART only; choose one of these models or another method"
        case .missing(let name): "the adapter has no tensor \"\(name)\"; name the model that it was trained on"
        case .unused(let name):
            "the model has no place for the adapter's tensor \"\(name)\"; name the model that it was trained on"
        }
    }
}
