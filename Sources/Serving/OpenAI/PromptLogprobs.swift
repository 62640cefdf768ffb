import LanguageModels
import Tokenizers

/// What is told of a token of a prompt, in vLLM's form: by the token's id, its log-probability, place, and text.
package struct PromptLogprob: Codable, Equatable, Sendable {
    /// ln p of the model.
    package let logprob: Float
    /// Its place among all tokens, 1 the most probable; null where it is none of the best that were asked for.
    package let rank: Int?
    /// The token as text by itself.
    package let decodedToken: String

    enum CodingKeys: String, CodingKey {
        case logprob, rank
        case decodedToken = "decoded_token"
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(logprob, forKey: .logprob)
        try container.encode(rank, forKey: .rank)
        try container.encode(decodedToken, forKey: .decodedToken)
    }

    /// Those of a token and of the most probable ones in its place, by their ids.
    static func all(
        of token: Int32, _ known: TokenLogProbability, _ tokenizer: Tokenizer
    ) -> [String: PromptLogprob] {
        func told(_ token: Int32, _ logProbability: Float, rank: Int?) -> PromptLogprob {
            PromptLogprob(
                logprob: logProbability, rank: rank,
                decodedToken: String(decoding: tokenizer.bytes(of: token), as: UTF8.self))
        }
        var all = ["\(token)": told(token, known.logProbability, rank: nil)]
        for (index, best) in known.best.enumerated() {
            all["\(best.token)"] = told(best.token, best.logProbability, rank: index + 1)
        }
        return all
    }
}

extension ServingServer {
    /// What `prompt_logprobs` asks for, for one prompt: null for its first token, which the model does not predict.
    func promptLogprobs(_ answering: Answering, _ prompt: Int, best: Int) async throws -> [[String: PromptLogprob]?] {
        let tokens = answering.prompts[prompt]
        let known = try await engine.promptLogProbabilities(
            tokens, after: answering.model.prefixes, best: best, model: model.model)
        return zip(tokens, known).map { token, known in
            known.map { PromptLogprob.all(of: token, $0, model.tokenizer) }
        }
    }
}
