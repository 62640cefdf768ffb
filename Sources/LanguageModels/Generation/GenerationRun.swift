import Tensors
import Tokenizers

/// The steps of generating answers to many prompts over one model: in each, all rows of all live prompts go through
/// the model as one batch.
///
/// Prompts join as long as there is room and leave when they are answered, so that a long answer does not keep others
/// waiting. The beams of a prompt share the keys and values of its prefix and its tokens; to continue one beam rather
/// than another copies row numbers only. The answers drawn for a prompt share them as well.
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

    @Compute private struct Live {
        let prompt: Int
        let search: any PromptSearch
        var rows = 1
    }

    let cache: KVCache
    private let model: any CausalModel
    private let prompts: [[Int32]]
    private let prefixes: [InitialKeyValues?]
    private let options: DecodingOptions
    private let seeds: [UInt64]
    private let limits: Limits
    private let rules: TokenRules
    private let tokenizer: Tokenizer?
    private let cacheType: CacheType
    private let tapes: [Tape]
    private var live: [Live] = []
    private var inputs: [[Int32]] = []  // the next tokens of each sequence of the cache
    private var joined = 0  // prompts

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
        let shape = model.shape
        try options.validate()
        if tokenizer == nil, !options.stopTexts.isEmpty { throw .stopTextsWithoutTokenizer(options.stopTexts) }
        try options.validate(vocabularySize: shape.vocabularySize)
        guard prompts.count == prefixes.count else {
            throw .prefixCount(prompts: prompts.count, prefixes: prefixes.count)
        }
        for (index, (prompt, prefix)) in zip(prompts, prefixes).enumerated() {
            try Self.validate(prompt, index: index, after: prefix, options: options, model: model)
        }
        self.seeds = seeds ?? prompts.indices.map { options.continuing(afterPrompts: $0).seed }
        self.model = model
        self.prompts = prompts
        self.prefixes = prefixes
        self.options = options
        self.limits = limits
        self.tokenizer = tokenizer
        self.cacheType = cacheType
        rules = TokenRules(options, vocabularySize: shape.vocabularySize)
        cache = KVCache(shape: shape, sequences: [], keepsTokens: true, as: cacheType)
        tapes = Self.tapes(of: model, prefixes)
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
        if live.isEmpty { return nil }
        return choose(from: scores())
    }

    /// Lets further prompts in while there is room for all their beams.
    private func admit() {
        var rows = live.count * options.width, tokens = 0, last = joined
        while last < prompts.count {
            rows += options.width
            tokens += prompts[last].count
            let isFirst = live.isEmpty && last == joined
            guard rows <= limits.rows || isFirst, tokens <= limits.promptTokens || tokens == prompts[last].count
            else { break }
            last += 1
        }
        let starts = decoderStarts(joined..<last)
        for (sequence, tokens) in starts {
            live.append(Live(prompt: joined, search: search(tokens)))
            cache.sequences.append(sequence)
            inputs.append(tokens)
            joined += 1
        }
    }

    /// What the decoder begins with for each of some prompts: the prompt itself, or the start token where the prompt is
    /// a source that the encoder reads.
    private func decoderStarts(_ indices: Range<Int>) -> [(KVCache.Sequence, [Int32])] {
        let given = Array(prompts[indices]), start = model.startToken
        let prompts = start.map { start in given.map { _ in [start] } } ?? given
        let begun = withoutRecording {
            model.begin(
                prompts, about: start == nil ? [] : given, after: Array(prefixes[indices]), as: cacheType)
        }
        return zip(begun, prompts).map { ($0.sequence, Array($1[$0.read...])) }
    }

    private func search(_ prompt: [Int32]) -> any PromptSearch {
        let size = model.shape.vocabularySize
        var options = options
        options.seed = seeds[joined]
        return options.isBeamSearch
            ? BeamSearch(
                prompt, index: joined, options: options, rules: rules, vocabularySize: size, tokenizer: tokenizer)
            : TokenSearch(
                prompt, index: joined, options: options, rules: rules, vocabularySize: size, tokenizer: tokenizer)
    }

    /// [rows × vocabulary]: log-probabilities for beams, else logits, of the token after each sequence.
    private func scores() -> Tensor {
        withoutRecording {
            let batch = TokenBatch(inputs, wanting: inputs.map { _ in 1 })
            let last = model.hiddenStates(batch, cache: cache, dropout: nil)
            return options.isBeamSearch ? logProbabilities(last, head: model.head) : model.head(last)
        }
    }

    private func withoutRecording<Result>(_ body: () -> Result) -> Result {
        let recording = tapes.map(\.isRecording)
        for tape in tapes { tape.isRecording = false }
        defer { for (tape, wasRecording) in zip(tapes, recording) { tape.isRecording = wasRecording } }
        return body()
    }

    private func choose(from scores: Tensor) -> Step {
        var step = Step(), remaining: [Live] = [], sequences: [KVCache.Sequence] = [], row = 0
        inputs.removeAll(keepingCapacity: true)
        scores.withMutableValues { buffer in
            guard let base = buffer.baseAddress else { return }
            for var entry in live {
                let found: SearchStep
                do throws(GenerationError) {
                    found = try entry.search.advance(base + row * scores.width)
                } catch {
                    step.failed.append((entry.prompt, error))
                    row += entry.rows
                    continue
                }
                step.tokens += found.tokens.map { (entry.prompt, $0.answer, $0.token) }
                step.logProbabilities += found.logProbabilities
                step.finished += found.finished.map { (entry.prompt, $0.answer, $0.generation) }
                for next in found.next {
                    sequences.append(cache.sequences[row + next.row])
                    inputs.append([next.token])
                }
                row += entry.rows
                entry.rows = found.next.count
                if entry.rows > 0 { remaining.append(entry) } else { step.answered.append(entry.prompt) }
            }
        }
        cache.sequences = sequences
        live = remaining
        return step
    }
}

extension GenerationRun {
    /// The tapes of a model or a prefix in training: nothing of a generation is differentiated.
    private static func tapes(of model: any CausalModel, _ prefixes: [InitialKeyValues?]) -> [Tape] {
        let gradients =
            model.parameters.compactMap(\.value.gradient)
            + prefixes.compactMap(\.self).flatMap(\.gradients)
        var found: [ObjectIdentifier: Tape] = [:]
        for gradient in gradients { found[ObjectIdentifier(gradient.tape)] = gradient.tape }
        return Array(found.values)
    }
}
