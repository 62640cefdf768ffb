extension CheckpointError {
    /// The sentence for a `DecodingError` of a configuration file.
    init(_ error: DecodingError, file: String) {
        let (context, reason): (DecodingError.Context, String) =
            switch error {
            case .typeMismatch(let type, let context): (context, "a value of type \(type) is needed")
            case .valueNotFound(let type, let context): (context, "it is null, but a value of type \(type) is needed")
            case .keyNotFound(let key, let context): (context, "the key \"\(key.stringValue)\" is missing")
            case .dataCorrupted(let context): (context, context.debugDescription)
            @unknown default: (.init(codingPath: [], debugDescription: ""), "\(error)")
            }
        let path = context.codingPath.map(\.stringValue).joined(separator: ".")
        self = .invalidConfiguration(file: file, path: path, reason: reason)
    }
}
