import LanguageModels

/// An adapter that was trained on other weights than those it is used with: it fits their shapes, and does to them what it
/// was not trained for.
public struct BaseMismatch: Equatable, Sendable {
    /// The adapter's folder or file.
    public let adapter: String
    /// Of the weights that it was trained on.
    public let trainedOn: Digest
    /// The model that it is used with.
    public let model: String
    /// Of that model's weights.
    public let digest: Digest

    /// Compares what an adapter records with what is in use; nil where they agree, or where either is not known.
    public init?(adapter: String, trainedOn: Digest?, model: String, digest: Digest?) {
        guard let trainedOn, let digest, trainedOn != digest else { return nil }
        self.adapter = adapter
        self.trainedOn = trainedOn
        self.model = model
        self.digest = digest
    }
}

extension BaseMismatch: CustomStringConvertible {
    /// One sentence.
    public var description: String {
        "\(adapter) was trained on other weights (digest \(trainedOn)) than those of \(model) (\(digest)); what it does to "
            + "them is not what it was trained for"
    }
}
