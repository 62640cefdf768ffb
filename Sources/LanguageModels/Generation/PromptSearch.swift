import Tensors

/// The search for the answers to one prompt, apart from the model: it is given scores and says what to read next.
///
/// A search occupies rows of the model's batch, one in its first step (the prompt), later one per candidate answer. A step has two
/// parts, so that the tokens of all searches are chosen at once, over all threads.
protocol PromptSearch: AnyObject {
    /// Whether it is told the model's final hidden states, of every token that is read.
    var readsHiddenStates: Bool { get }

    /// Tells the hidden states [rows × width] of tokens of the prompt, in one part or in several.
    func read(prompt states: UnsafePointer<Float>, rows: Int, width: Int)

    /// Tells the hidden states of its rows, one behind the other, before ``choices(_:_:)``; those of a prompt are not told again.
    func read(_ states: UnsafePointer<Float>, width: Int)

    /// Applies the options to scores, and says which tokens are to be chosen from them.
    ///
    /// - Parameters:
    ///   - scores: For each of its rows, the scores [vocabulary] of the next token; overwritten.
    ///   - distributions: What the scores say before; none where it is not told.
    func choices(_ scores: UnsafeMutablePointer<Float>, _ distributions: [TokenDistribution]) -> [TokenChoice]

    /// Chooses what follows.
    ///
    /// - Parameters:
    ///   - scores: The same.
    ///   - chosen: The tokens that it asked for; nil where none can be chosen.
    /// - Returns: How it goes on.
    func advance(
        _ scores: UnsafeMutablePointer<Float>, chosen: ArraySlice<Int32?>
    ) throws(GenerationError) -> SearchStep
}

extension PromptSearch {
    /// No: scores are enough.
    var readsHiddenStates: Bool { false }
    func read(prompt states: UnsafePointer<Float>, rows: Int, width: Int) {}
    func read(_ states: UnsafePointer<Float>, width: Int) {}
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
