import Foundation
import LanguageModels

/// What can be wrong where one looks at what a prefix does.
public enum AnalysisError: Error, Equatable, Sendable {
    /// There is no text to look at, or one without tokens that count.
    case noTexts
    /// Nothing stands before the texts whose attention could be measured.
    case nothingBefore
    /// A text (counted from 0) and the prefix need more positions than the model has.
    case tooLong(text: Int, tokens: Int, positions: Int)
    /// The tokenizer gives a token that the model does not have.
    case unknownToken(Int32, vocabulary: Int)
    /// The model has no layer of this number.
    case noSuchLayer(Int, AttentionKind, layers: Int)
    /// The prefix does not stand before this attention.
    case noPrefix(before: AttentionKind, has: [AttentionKind])
    /// The number of words asked for has no meaning.
    case badCount(Int)
}

extension AnalysisError: CustomStringConvertible, LocalizedError {
    /// One sentence: what happened, the value received, what to do.
    public var description: String {
        switch self {
        case .noTexts:
            "there is no text to look at; give at least one"
        case .nothingBefore:
            "attention is measured to a prefix that stands before the text, and there is none (an infix stands behind it); give a "
                + "prefix or a soft prompt"
        case .tooLong(let text, let tokens, let positions):
            "text \(text + 1) has \(tokens) tokens, but \(positions) fit (the model's positions less the prefix); shorten it"
        case .unknownToken(let token, let vocabulary):
            "the tokenizer gives token \(token), but the model's vocabulary has \(vocabulary) entries; use the tokenizer "
                + "files that belong to the model"
        case .noSuchLayer(let layer, let kind, let layers):
            "layer \(layer) of \(kind.rawValue) attention was asked for, but the model has layers 0 to \(layers - 1)"
        case .noPrefix(let kind, let has):
            "the prefix does not stand before \(kind.rawValue) attention, but before "
                + has.map(\.rawValue).joined(separator: ", ") + "; choose among these"
        case .badCount(let count):
            "\(count) words were asked for, but at least 1 is needed"
        }
    }

    /// The same sentence, for code that shows any `Error`.
    public var errorDescription: String? { description }
}
