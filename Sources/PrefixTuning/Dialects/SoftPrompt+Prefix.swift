import LanguageModels
import Tensors

extension SoftPrompt {
    /// The prefix that the embeddings come to in a decoder-only model: its keys and values at positions 0 to n − 1.
    ///
    /// - Throws: ``PrefixError`` where the embeddings are for an encoder, of another width, or leave no room for text.
    @Compute public func prefix(on model: LanguageModel) throws -> Prefix {
        let shape = model.network.shape
        guard place == .decoder, shape.encoder == nil else { throw PrefixError.softPromptOfEncoder }
        guard width == shape.width else {
            throw PrefixError.wrongSize(found: values.count, expected: "\(length) × \(shape.width)")
        }
        guard length < shape.positionCount else {
            throw PrefixError.tooLong(length: length, positions: shape.positionCount)
        }
        let parts = model.keyValues(ofEmbeddings: Tensor(values, shape: [length, width]))
        return try Prefix(
            length: length, parts: parts.mapValues(\.values), shape: shape, textPosition: .afterPrefix,
            baseModel: baseModel, baseDigest: baseDigest ?? model.digest)
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
