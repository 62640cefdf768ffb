/// What can go wrong below the models.
public enum TensorError: Error, Equatable {
    /// The library that does the work refused.
    case backend(operation: String, status: Int)
}

extension TensorError: CustomStringConvertible {
    /// One sentence: what happened and what to do.
    public var description: String {
        switch self {
        case .backend(let operation, let status):
            "oneDNN failed at \(operation) with status \(status) (1: out of memory, 2: invalid arguments, "
                + "3: unimplemented); free some memory or report this with the model's config.json."
        }
    }
}
