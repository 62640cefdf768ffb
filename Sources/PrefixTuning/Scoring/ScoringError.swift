import Foundation

/// What can be wrong when texts are scored.
public enum ScoringError: Error, Equatable, Sendable {
    /// The tokenizer gives a token that the model does not have.
    case unknownToken(Int32, vocabulary: Int)
    /// The model's scores of an example (counted from 1) are not numbers.
    case notFinite(example: Int)
    /// bert_score has no choice of layer for this model, which has so many.
    case noUsualLayer(model: String, layers: Int)
    /// The model has no such layer.
    case layerOutOfRange(Int, model: String, layers: Int)
}

extension ScoringError: CustomStringConvertible, LocalizedError {
    /// One sentence: what happened, the value received, what to do.
    public var description: String {
        switch self {
        case .unknownToken(let token, let vocabulary):
            "the tokenizer gives token \(token), but the model's vocabulary has \(vocabulary) entries; "
                + "use the tokenizer files that belong to the model"
        case .notFinite(let example):
            "the model's scores of example \(example) are not numbers; "
                + "the weights or the prefix are damaged or training diverged, so use another checkpoint"
        case .noUsualLayer(let model, let layers):
            "bert_score has no layer of its own choice for the model \(model); name one, from 0 (the embeddings) to \(layers)"
        case .layerOutOfRange(let layer, let model, let layers):
            "there is no layer \(layer) in the model \(model); name one from 0 (the embeddings) to \(layers)"
        }
    }

    /// The same sentence, for code that shows any `Error`.
    public var errorDescription: String? { description }
}
