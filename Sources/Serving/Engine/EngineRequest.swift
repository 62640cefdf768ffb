import LanguageModels
import PrefixTuning

/// A prompt that is to be answered, as the engine takes it.
package struct EngineRequest: Sendable {
    /// Whose it is: requests of different keys take turns.
    package var key: String
    /// The key's share of the engine beside others.
    package var weight = 1.0
    /// Its place among the requests of its key; larger first.
    package var priority = 0
    /// What the model reads: at least one token; of an encoder–decoder model the source.
    package var prompt: [Int32]
    /// What metrics and sentences call the model that was asked for.
    package var name = ""
    /// What comes before it, in order; held until it is answered.
    package var prefixes: [ResidentPrefix] = []
    /// How its answers are chosen. The seed is that of its draws.
    package var options: DecodingOptions
    /// What tells the prompt cache of this request from others'.
    package var salt = ""

    /// A request; see the properties.
    package init(key: String, prompt: [Int32], options: DecodingOptions) {
        self.key = key
        self.prompt = prompt
        self.options = options
    }
}

/// What happens to a request.
package enum EngineEvent: Sendable {
    /// It has been let in; so many of its prompt's tokens need not be read again.
    case began(cachedTokens: Int)
    /// A token of one of its answers.
    case token(answer: Int, id: Int32, logProbability: TokenLogProbability?)
    /// An answer is complete.
    case finished(answer: Int, Generation)
    /// All answers are complete; nothing follows.
    case ended
    /// It cannot be answered to its end; nothing follows.
    case failed(ServingError)
}
