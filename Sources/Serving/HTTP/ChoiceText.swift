import LanguageModels
import Tokenizers

/// One answer, as it grows: its text, and what is told of its tokens.
struct ChoiceText: Sendable {
    private let tokenizer: Tokenizer
    private let wantsNotes: Bool
    private var text: AnswerText

    /// The text so far.
    private(set) var said = ""
    /// Its tokens, the one that ended it included.
    private(set) var tokens: [Int32] = []
    /// What is told of its tokens.
    private(set) var notes: [TokenNote] = []
    /// The sum of ln p of its tokens.
    private(set) var logProbability = 0.0
    /// Why it ended; nil before.
    private(set) var finish: FinishReason?
    /// The text or token that ended it, where it was one of the request's.
    private(set) var stop: RequestValue?

    init(_ model: ServedModel, _ sampling: SamplingFields, options: DecodingOptions, wantsNotes: Bool) {
        tokenizer = model.tokenizer
        self.wantsNotes = wantsNotes
        text = AnswerText(model.tokenizer, options: options, includesStop: sampling.includesStop)
    }

    /// Takes the next token.
    ///
    /// - Returns: The text that is now certain, and what is told of the token.
    mutating func append(_ token: Int32, _ known: TokenLogProbability?) -> (text: String, note: TokenNote?) {
        tokens.append(token)
        logProbability += Double(known?.logProbability ?? 0)
        let piece = text.append(token)
        said += piece
        guard wantsNotes else { return (piece, nil) }
        let note = TokenNote(token, known, tokenizer)
        notes.append(note)
        return (piece, note)
    }

    /// Takes its end.
    ///
    /// - Returns: What was held back of the text.
    mutating func end(_ generation: Generation) -> String {
        let rest = text.finish()
        switch generation.finishReason {
        case .length: finish = .length
        case .endToken, .noTokenAllowed: finish = .stop
        case .stopToken:
            finish = .stop
            stop = generation.tokenIds.last.map { .integer(Int($0)) }
        case .stopText:
            finish = .stop
            stop = text.stop.map { .string($0) }
        }
        said += rest
        return rest
    }
}
