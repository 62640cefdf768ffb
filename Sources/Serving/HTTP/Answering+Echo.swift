import LanguageModels
import PrefixTuning
import Tensors

extension ServingServer {
    /// What is told of the tokens of a prompt that is echoed: of the first one, which the model does not predict, no
    /// probability.
    func promptNotes(_ answering: Answering, _ prompt: Int) async throws -> [TokenNote] {
        let tokens = answering.prompts[prompt]
        let known = try await engine.promptLogProbabilities(
            tokens, after: answering.model.prefixes, best: answering.logprobs ?? 0, model: model.model)
        return zip(tokens, known).map { TokenNote($0, $1, model.tokenizer) }
    }
}
