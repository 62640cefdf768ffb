/// The search for the answer to one prompt, apart from the model: it is given scores and says what to read next.
///
/// A search occupies rows of the model's batch, one in its first step (the prompt), later one per candidate answer.
protocol PromptSearch: AnyObject {
    /// The greatest number of rows it will occupy.
    var width: Int { get }

    /// Chooses what follows.
    ///
    /// - Parameter scores: For each of its rows, the scores [vocabulary] of the next token; overwritten.
    /// - Returns: How it goes on.
    func advance(_ scores: UnsafeMutablePointer<Float>) throws(GenerationError) -> SearchStep
}

/// What a search decided in one step.
enum SearchStep {
    /// The rows of the next step: which of the present rows each continues, and with which token.
    case next([(row: Int, token: Int32)])
    /// The search is over.
    case finished(Generation)
}
