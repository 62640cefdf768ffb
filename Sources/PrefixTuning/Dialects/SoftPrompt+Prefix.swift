import LanguageModels
import Tensors

extension SoftPrompt {
    /// The prefix that the embeddings come to in a decoder-only model: its keys and values at positions 0 to n − 1.
    ///
    /// - Throws: ``PrefixError`` where the embeddings are for an encoder, of another width, or leave no room for text.
    @Compute public func prefix(on model: LanguageModel) throws -> Prefix {
        let shape = model.network.shape
        guard place == .decoder, shape.encoder == nil else { throw PrefixError.softPromptOfEncoder }
        try check(fits: shape)
        let parts = model.keyValues(ofEmbeddings: Tensor(values, shape: [length, width]))
        return try Prefix(
            length: length, parts: parts.mapValues(\.values), shape: shape, textPosition: .afterPrefix,
            baseModel: baseModel, baseDigest: baseDigest ?? model.digest)
    }

    /// What texts start from in a model: the prefix that the embeddings come to, or where an encoder reads, the embeddings.
    ///
    /// - Throws: ``PrefixError`` where they are for a model of the other kind, of another width, or leave no room for text.
    @Compute public func start(on model: LanguageModel) throws -> InitialKeyValues {
        let shape = model.network.shape
        guard place == .encoder else { return try prefix(on: model).keyValues(for: shape, as: model.cacheType) }
        guard shape.encoder != nil else { throw PrefixError.softPromptOfEncoder }
        try check(fits: shape)
        return InitialKeyValues(sourceEmbeddings: Tensor(values, shape: [length, width]))
    }

    private func check(fits shape: ModelShape) throws {
        guard width == shape.width else {
            throw PrefixError.wrongSize(found: values.count, expected: "\(length) × \(shape.width)")
        }
        guard length < shape.positionCount else {
            throw PrefixError.tooLong(length: length, positions: shape.positionCount)
        }
    }
}

extension PrefixFile {
    /// The prefix, for a model at hand: a soft prompt becomes one by being read.
    ///
    /// - Throws: As `contents(for:)`, and ``PrefixError`` where a soft prompt is for an encoder.
    @Compute public func prefix(for model: LanguageModel) throws -> Prefix {
        switch try contents(for: model.configuration) {
        case .prefix(let prefix): prefix
        case .softPrompt(let prompt): try prompt.prefix(on: model)
        }
    }
}
