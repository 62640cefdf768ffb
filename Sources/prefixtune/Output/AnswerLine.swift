import LanguageModels
import PrefixTuning
import Tokenizers

/// What generate writes for a prompt, as a line of JSON.
///
/// `{"prompt", "text", "token_ids"}`; with log-probabilities also `"logprobs"`, one for each token, as in score, and
/// `"top_logprobs"`, for each token the most probable ones as `{"token_id", "token", "logprob"}`, best first. Where a prompt
/// gets several answers, `"answers"` has all of them, and the keys beside it are those of the first.
struct AnswerLine: Codable {
    /// A token that was probable.
    struct Token: Codable {
        let token_id: Int32
        let token: String
        let logprob: Float
    }

    /// One answer.
    struct Answer: Codable {
        let text: String
        let token_ids: [Int32]
        let logprobs: [Float]?
        let top_logprobs: [[Token]]?

        init(_ answer: PrefixTuning.Answer, _ options: DecodingOptions, tokenizer: Tokenizer) {
            let generation = answer.generation
            text = answer.text
            token_ids = generation.tokenIds
            logprobs = generation.logProbabilities?.map(\.logProbability)
            guard let known = generation.logProbabilities, options.logProbabilities ?? 0 > 0 else {
                top_logprobs = nil
                return
            }
            top_logprobs = known.map { token in
                token.best.map {
                    Token(token_id: $0.token, token: tokenizer.decode([$0.token]), logprob: $0.logProbability)
                }
            }
        }
    }

    let prompt: String
    let text: String
    let token_ids: [Int32]
    let logprobs: [Float]?
    let top_logprobs: [[Token]]?
    let answers: [Answer]?

    /// - Parameters:
    ///   - first: The first answer.
    ///   - others: Those after it.
    init(prompt: String, _ first: Answer, others: [Answer]) {
        self.prompt = prompt
        text = first.text
        token_ids = first.token_ids
        logprobs = first.logprobs
        top_logprobs = first.top_logprobs
        answers = others.isEmpty ? nil : [first] + others
    }

    /// The texts of all answers.
    var texts: [String] { answers?.map(\.text) ?? [text] }
}
