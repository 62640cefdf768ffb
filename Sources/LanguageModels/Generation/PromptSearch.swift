/// The search for the answers to one prompt, apart from the model: it is given scores and says what to read next.
///
/// A search occupies rows of the model's batch, one in its first step (the prompt), later one per candidate answer.
protocol PromptSearch: AnyObject {
    /// Chooses what follows.
    ///
    /// - Parameter scores: For each of its rows, the scores [vocabulary] of the next token; overwritten.
    /// - Returns: How it goes on.
    func advance(_ scores: UnsafeMutablePointer<Float>) throws(GenerationError) -> SearchStep
}

/// What a search decided in one step.
struct SearchStep {
    /// The rows of the next step: which of the present rows each continues, and with which token. The search is over
    /// where there are none.
    var next: [(row: Int, token: Int32)] = []
    /// Tokens that are now certain, and the answer that each belongs to.
    var tokens: [(answer: Int, token: Int32)] = []
    /// How probable the model found each of them; none where that was not asked.
    var logProbabilities: [TokenLogProbability] = []
    /// Answers that are complete; numbered from 0, in beam search the best first.
    var finished: [(answer: Int, generation: Generation)] = []
}
