import Foundation

/// What can be wrong with a request to generate.
///
/// Cases carry data only; ``description`` writes the sentence. Prompts are numbered from 0.
public enum GenerationError: Error, Equatable, Sendable {
    /// An option is out of its range.
    case invalidOption(name: String, value: String, requirement: String)
    /// A prompt has no tokens.
    case emptyPrompt(index: Int)
    /// A token is not in the model's vocabulary.
    case unknownToken(Int32, place: String, vocabularySize: Int)
    /// Prefix, prompt and answer need more positions than the model has.
    case tooLong(index: Int, prefix: Int, prompt: Int, newTokens: Int, positions: Int)
    /// A source has more tokens than the encoder has positions for.
    case sourceTooLong(index: Int, source: Int, positions: Int)
    /// Stop texts are found in text, and nothing can read the tokens.
    case stopTextsWithoutTokenizer([String])
    /// What a prompt comes after has other layers, or wider or narrower ones, than the model.
    case foreignPrefix(index: Int, kind: AttentionKind, model: ModelShape)
    /// Contrastive search of an answer behind an infix, whose prompt has no hidden states any more when the answer begins.
    case contrastiveInfix(index: Int)
    /// Neither one prefix per prompt nor one for all.
    case prefixCount(prompts: Int, prefixes: Int)
    /// A batch cannot hold a request now, or ever: the positions whose keys and values it may need, and those that are free; nil
    /// where it is the rows of a step that are taken.
    case noRoom(index: Int, rows: Int, free: Int?)
    /// The model's scores are not numbers.
    case notFinite(index: Int)
}

extension GenerationError: CustomStringConvertible, LocalizedError {
    /// One sentence: what happened, the value received, what to do.
    public var description: String {
        switch self {
        case .invalidOption(let name, let value, let requirement):
            "\(name) is \(value), but must be \(requirement)"
        case .emptyPrompt(let index):
            "prompt \(index) has no tokens; begin it with at least one, for example the model's end-of-text token"
        case .unknownToken(let token, let place, let size):
            "\(place): token \(token) is not in the model's vocabulary of \(size) tokens; "
                + "check that tokenizer and model belong together"
        case .tooLong(let index, let prefix, let prompt, let newTokens, let positions):
            "prompt \(index) is too long: \(prefix) prefix positions, \(prompt) prompt tokens and up to \(newTokens) "
                + "new ones (the last needs no position) exceed the model's \(positions) positions; "
                + (positions - prefix >= prompt
                    ? "ask for at most \(positions - prefix - prompt + 1) new tokens" : "shorten the prompt")
        case .sourceTooLong(let index, let source, let positions):
            "prompt \(index) is too long: it has \(source) tokens, but the encoder has room for \(positions); shorten it"
        case .stopTextsWithoutTokenizer(let texts):
            "the options name \(texts.count) stop texts, which only a tokenizer can find in tokens; give the model's"
        case .foreignPrefix(let index, let kind, let model):
            "the prefix of prompt \(index) was made for a model of other sizes: "
                + (model.stack(kind).map {
                    "the \(kind.rawValue) attention here has \($0.layerCount) layers with keys of width \($0.keyWidth)"
                } ?? "there is no \(kind.rawValue) attention here")
                + "; give one that was made for this model"
        case .contrastiveInfix(let index):
            "contrastive search compares with every token of prompt \(index), which is read before the infix; answer it by greedy "
                + "search, beam search or sampling"
        case .prefixCount(let prompts, let prefixes):
            "\(prompts) prompts came with \(prefixes) prefixes; give one per prompt"
        case .noRoom(let index, let rows, let free?):
            "prompt \(index) may need memory for \(rows) positions, and \(free) are free; "
                + "ask for fewer new tokens or answers, or wait until others are answered"
        case .noRoom(let index, _, nil):
            "prompt \(index) finds all rows of a step taken; wait until others are answered"
        case .notFinite(let index):
            "the model's scores for prompt \(index) are not numbers; "
                + "the weights or the prefix are damaged or training diverged, so use another checkpoint"
        }
    }

    /// The same sentence, for code that shows any `Error`.
    public var errorDescription: String? { description }
}
