import Tensors
import Tokenizers

/// The steps of generating answers to many prompts over one model: a list of requests that join a ``LiveBatch`` in turn.
///
/// Prompts join as long as there is room and leave when they are answered, so that a long answer does not keep others
/// waiting. The beams of a prompt share the keys and values of its prefix and its tokens; to continue one beam rather
/// than another copies row numbers only. The answers drawn for a prompt share them as well. Prompts are read whole.
@Compute public final class GenerationRun {
    /// What one step brought.
    public struct Step: Sendable {
        /// Greedy search and sampling: the token chosen for each answer. Beam search: those of the finished answers.
        public internal(set) var tokens: [(prompt: Int, answer: Int, token: Int32)] = []
        /// How probable the model found each of these tokens; none where ``DecodingOptions/logProbabilities`` did not ask.
        public internal(set) var logProbabilities: [TokenLogProbability] = []
        /// The answers complete with this step. Those to a prompt are numbered from 0; in beam search they come in one
        /// step, the best first.
        public internal(set) var finished: [(prompt: Int, answer: Int, generation: Generation)] = []
        /// The prompts whose last answer is complete.
        public internal(set) var answered: [Int] = []
        /// The prompts that cannot be answered to the end, and why; see ``GenerationRun/advance()``.
        public internal(set) var failed: [(prompt: Int, error: GenerationError)] = []
    }

    /// How much goes through the model at once.
    public struct Limits: Sendable {
        /// Rows (prompts × beams, or prompts × answers) of a step; one prompt may take more.
        public var rows: Int
        /// Tokens of the prompts that join in one step; one prompt may have more.
        public var promptTokens: Int

        /// Limits; each at least 1.
        public init(rows: Int = 64, promptTokens: Int = 2048) {
            self.rows = max(rows, 1)
            self.promptTokens = max(promptTokens, 1)
        }

        /// Room for so many prompts at a time, each with so many rows: beams, or beams of several prefixes.
        ///
        /// - Parameter rowsEach: Factors; a product beyond all integers is no limit.
        public init(prompts: Int, rowsEach: Int...) {
            self.init(
                rows: rowsEach.reduce(max(prompts, 1)) { product, factor in
                    let (rows, overflows) = product.multipliedReportingOverflow(by: max(factor, 1))
                    return overflows ? .max : rows
                })
        }
    }

    var cache: KVCache { batch.cache }
    private let batch: LiveBatch
    private let requests: [GenerationRequest]
    private let limits: Limits
    private var joined = 0  // requests, each of which the batch calls by its place among them

    /// A run that has not begun.
    ///
    /// - Parameters:
    ///   - model: Predicts the tokens.
    ///   - prompts: At least one token each: what is continued, or the sources of an encoder–decoder model.
    ///   - prefixes: What each prompt comes after; as many as prompts.
    ///   - options: How answers are chosen.
    ///   - seeds: Sampling: what fixes the draws of each prompt, as ``DecodingOptions/seed`` does those of the only prompt of a
    ///     run; as many as prompts. Nil for draws by that seed and the prompt's place.
    ///   - limits: How much goes through the model at once.
    ///   - tokenizer: The model's; needed where ``DecodingOptions/stopTexts`` has any.
    ///   - cacheType: How keys and values of what is read and written are held; those of prefixes are as they are given.
    /// - Throws: ``GenerationError`` where an option or a prompt is not valid.
    public init(
        _ model: any CausalModel, prompts: [[Int32]], after prefixes: [InitialKeyValues?], options: DecodingOptions,
        seeds: [UInt64]? = nil, limits: Limits = Limits(), tokenizer: Tokenizer? = nil, cacheType: CacheType = .float32
    ) throws(GenerationError) {
        precondition(seeds.map { $0.count == prompts.count } ?? true, "as many seeds as prompts")
        // Whether or not there is a prompt to be answered by them.
        try GenerationRequest.validate(options, for: model, hasTokenizer: tokenizer != nil)
        guard prompts.count == prefixes.count else {
            throw .prefixCount(prompts: prompts.count, prefixes: prefixes.count)
        }
        requests = prompts.indices.map { index in
            var options = options
            options.seed = seeds?[index] ?? options.continuing(afterPrompts: index).seed
            return GenerationRequest(
                prompts[index], after: [prefixes[index]].compactMap(\.self), options: options, number: index)
        }
        for request in requests { try request.validatePrompt(for: model) }
        self.limits = limits
        batch = LiveBatch(
            model, limits: LiveBatch.Limits(rows: .max, promptTokens: nil), tokenizer: tokenizer, cacheType: cacheType)
    }

    /// Goes on by one token of every live prompt.
    ///
    /// - Returns: What it brought; nil where all prompts are answered.
    /// - Throws: ``GenerationError/notFinite(index:)``.
    public func next() throws(GenerationError) -> Step? {
        let step = advance()
        if let error = step?.failed.first?.error { throw error }
        return step
    }

    /// Goes on by one token of every live prompt. One whose scores are not numbers leaves, and is told in ``Step/failed``: the
    /// others, whose rows know nothing of it, go on.
    ///
    /// - Returns: What it brought; nil where no prompt is left.
    public func advance() -> Step? {
        admit()
        return batch.step().map(Step.init)
    }

    /// Lets further prompts in while there is room for all their beams.
    private func admit() {
        var tokens = 0
        while joined < requests.count {
            let request = requests[joined], length = request.prompt.count, width = request.options.width
            tokens += length
            // One alone may take more.
            guard batch.isEmpty || (batch.count + 1) * width <= limits.rows,
                tokens <= limits.promptTokens || tokens == length
            else { return }
            _ = batch.enter(request)
            joined += 1
        }
    }
}

extension GenerationRun.Step {
    fileprivate init(_ step: LiveBatch.Step) {
        tokens = step.tokens.map { ($0.request, $0.answer, $0.token) }
        logProbabilities = step.tokens.compactMap(\.logProbability)
        finished = step.finished.map { ($0.request, $0.answer, $0.generation) }
        answered = step.answered
        failed = step.failed.map { ($0.request, $0.error) }
    }
}
